"""Who may open an app's URLs, as manifests and settings; that they hold is shown on the cluster."""

import json
import re
from typing import Any
from urllib.parse import urlsplit

import pytest

from components.access.authorization import Token, authentication_spec, denial_spec, ext_authz_spec
from components.access.gateway_guard import guard_spec
from components.access.oauth2_proxy import extension_providers, fingerprint, secret_data, settings_of
from local.images import login as login_image
from stacks.settings.access import LoginSettings
from stacks.settings.errors import SettingsError
from tests.unit.components.test_components import access_args, guard_args, login, logins_args
from tests.unit.recording import run_program

PEOPLE = Token(issuer="https://people", audiences=["branches"], claims={"groups": ["dev", "qa"]})
CI = Token(issuer="https://ci", audiences=["branches"], claims={"project.path": ["acme/shop"]})
KEYS = {"keys": [{"kty": "EC", "crv": "P-256", "x": "a", "y": "b"}]}


def rules(spec: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = spec["rules"]
    return found


def test_whoever_misses_one_condition_of_every_token_is_refused() -> None:
    made = rules(denial_spec(access_args(tokens=[PEOPLE, CI])))
    assert len(made) == 9, "of each token three conditions, each with each of the other's"
    for rule in made:
        assert rule["to"][0]["operation"]["hosts"] == ["*.shop.localhost", "*.shop.localhost:8080"], "and no other host"
        assert all("values" not in condition for condition in rule["when"]), "conditions that do not hold"
    asked = {(each["key"], *each["notValues"]) for rule in made for each in rule["when"]}
    assert asked == {
        ("request.auth.principal", "https://people/*"),
        ("request.auth.principal", "https://ci/*"),
        ("request.auth.audiences", "branches"),
        ("request.auth.claims[groups]", "dev", "qa"),
        ("request.auth.claims[project][path]", "acme/shop"),
    }, "issuer, audience and claims of each"


def test_a_provider_is_asked_about_whoever_brings_no_token_and_the_others_are_judged_by_it() -> None:
    args = access_args(tokens=[CI], provider="login", open_paths=["/healthz"], open_hosts=["login.shop.localhost"])
    question = ext_authz_spec(args)
    (rule,) = rules(question)
    assert question["action"] == "CUSTOM", "Istio's word for asking somebody else"
    assert rule["when"] == [{"key": "request.headers[x-branch-token]", "notValues": ["*"]}], "without one"
    denial = rules(denial_spec(args))
    assert all(each["when"][0] == {"key": "request.headers[x-branch-token]", "values": ["*"]} for each in denial), (
        "with"
    )
    operations = [each["to"][0]["operation"] for each in (rule, *denial)]
    assert all(each["notPaths"] == ["/healthz"] for each in operations), "what is open is open to both"
    assert all("login.shop.localhost" in each["notHosts"] for each in operations), "nobody can log in behind the login"
    (token,) = authentication_spec(args)["jwtRules"]
    assert token["forwardOriginalToken"] is True, (
        "the refusals come after tokens were looked at, and ask whether there was one"
    )
    assert "fromCookies" not in token, "a cookie would be asked about at the provider"


def test_without_a_provider_nobody_is_asked_and_the_token_goes_no_further() -> None:
    args = access_args(tokens=[PEOPLE])
    assert not ext_authz_spec(args), "there is nobody to ask"
    (token,) = authentication_spec(args)["jwtRules"]
    assert "forwardOriginalToken" not in token, "Istio's default is to take it out"
    assert token["fromHeaders"] == [{"name": "x-branch-token"}], "an app's own Authorization is its own"


def test_addresses_alone_need_no_token() -> None:
    args = access_args(tokens=[], source_ranges=["203.0.113.0/24"], open_paths=["/healthz"])
    assert not authentication_spec(args), "nobody has one"
    (rule,) = rules(denial_spec(args))
    assert rule["from"] == [{"source": {"notRemoteIpBlocks": ["203.0.113.0/24"]}}], "whoever is from elsewhere"
    assert "notPaths" not in rule["to"][0]["operation"], "for them nothing is open"


def patterns(spec: dict[str, Any]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return what is below a closed domain, and what of that is a true host."""
    (patch,) = [
        each["patch"]["value"] for each in spec["configPatches"] if each["patch"]["value"]["name"].endswith("-hosts")
    ]
    below, true = patch["typed_config"]["rules"]["policies"]["untrue-host"]["permissions"][0]["and_rules"]["rules"]
    texts = [each["header"]["string_match"]["safe_regex"]["regex"] for each in (below, true["not_rule"])]
    return re.compile(texts[0]), re.compile(texts[1])


@pytest.mark.parametrize(
    ("host", "refused"),
    [
        ("x.shop.localhost", False),
        ("x.shop.localhost:8080", False),
        ("X.Shop.LOCALHOST:8080", False),
        ("x.shop.localhost:80", True),
        ("x.shop.localhost:8080:8080", True),
        ("x.shop.localhost.", True),
        ("x.shop.localhost.:8080", True),
        ("a.x.shop.localhost", True),
        ("x.shopXlocalhost:80", False),
        ("x.other.localhost:80", False),
        ("shop.localhost:80", False),
    ],
)
def test_a_host_below_a_closed_domain_is_written_in_one_way(host: str, refused: bool) -> None:
    below, true = patterns(guard_spec(guard_args()))
    assert (bool(below.fullmatch(host)) and not true.fullmatch(host)) == refused, "policies compare hosts as they are"


def test_the_guard_looks_first_and_last() -> None:
    patches = [each["patch"] for each in guard_spec(guard_args())["configPatches"]]
    order = {each["value"]["name"]: each["operation"] for each in patches}
    assert order == {
        "gateway-hosts": "INSERT_FIRST",
        "gateway-identity": "INSERT_FIRST",
        "gateway-credentials": "INSERT_BEFORE",
        "gateway-cookies": "INSERT_BEFORE",
    }, "what a client claims goes before anybody looks, what lets in goes after everybody did"
    assert len(guard_spec(guard_args(identity_headers=[]))["configPatches"]) == 3, "Envoy refuses a filter of nothing"


def test_a_secret_is_in_its_secret_alone() -> None:
    made = run_program("base-x", with_login())
    (secret,) = made.of_type("v1:Secret")
    assert secret.inputs["stringData"]["value"]["client-secret"] == "hunter2", "there it is"
    others = [each.inputs for each in made.made if each is not secret and not each.type.startswith("pulumi:")]
    written = json.dumps([others, made.exports], default=str)
    for value in secret_data(login()).values():
        assert value not in written, "nothing else of the stack tells it"
    assert fingerprint(login()) in written, "but a new one makes new pods"
    assert fingerprint(login()) != fingerprint(login(client_secret="hunter3")), "as it is told from the old"


def test_a_door_comes_after_its_login_and_is_not_replaced_with_it() -> None:
    made = run_program("base-x", with_login()).made
    policies = [each for each in made if each.inputs.get("kind") in {"AuthorizationPolicy", "EnvoyFilter"}]
    assert len(policies) == 2, "the guard, and the question to the login"
    for each in policies:
        came_from = {urn for urns in each.properties_from.values() for urn in urns}
        assert not came_from, f"{each.name} would be deleted and made anew together with {came_from}: open meanwhile"
    parent = next(each for each in made if each.type.endswith(":Access"))
    needed = {urn.rpartition("::")[2] for urn in parent.depends_on}
    assert {"logins-mesh-config", "logins-shop-deployment", "gateway-guard"} <= needed, "nobody is asked for nothing"
    order = [each.name for each in made]
    assert order.index("logins-mesh-config") < order.index("shop-login"), "and so it comes last"


def with_login(**changes: Any) -> dict[str, Any]:
    access = {"kind": "external", "login": {"issuer": "https://a.example.com", "clientId": "branches"}, **changes}
    apps = [{"name": "shop", "domain": "shop.localhost", "access": access}]
    return {"platform": "local", "apps": apps, "loginCredentials": {"shop": {"clientSecret": "hunter2"}}}


def test_one_session_holds_for_all_branches_of_an_app_and_no_other() -> None:
    env = settings_of(login())
    assert env["OAUTH2_PROXY_COOKIE_DOMAINS"] == ".shop.localhost", "every branch's host lies below it"
    assert env["OAUTH2_PROXY_WHITELIST_DOMAINS"] == ".shop.localhost:8080", "and nobody is sent elsewhere after a login"
    assert env["OAUTH2_PROXY_REDIRECT_URL"] == "http://login.shop.localhost:8080/oauth2/callback", "as it is registered"
    assert env["OAUTH2_PROXY_COOKIE_SECURE"] == "false", "there is no HTTPS here"
    assert settings_of(login(url="https://login.shop.dev"))["OAUTH2_PROXY_COOKIE_SECURE"] == "true", "there is"
    assert secret_data(login()) != secret_data(login(app="web")), "another app's cookies have another key"


def test_the_provider_is_told_where_people_wanted_to_go() -> None:
    (provider,) = extension_providers(logins_args())
    asked = provider["envoyExtAuthzHttp"]
    assert asked["service"] == "shop.logins.svc.cluster.local", "the app's own"
    sent = asked["includeAdditionalHeadersInCheck"]["x-auth-request-redirect"]
    assert sent == "http://%REQ(:authority)%%REQ(:path)%", "the whole URL: the login is at another host"


def test_no_path_of_the_providers_own_is_ever_asked_for() -> None:
    (provider,) = extension_providers(logins_args())
    prefix = provider["envoyExtAuthzHttp"]["pathPrefix"]
    for path in ("/ping", "/ready", "/robots.txt", "/oauth2/static/css/bulma.min.css", "//ping", "/x?a=b"):
        assert urlsplit(prefix + path).path == "/", f"{path} is asked about as any other is, and not answered by itself"


def test_a_login_takes_its_name_from_branches() -> None:
    made = run_program("base-x", with_login())
    assert "login" in made.exports["apps"]["shop"]["reservedSlugs"], "a branch of that name gets another host"
    assert made.exports["apps"]["shop"]["access"] == {"kind": "external", "tokenHeader": ""}, (
        "and CI has no way past it"
    )


def test_an_app_says_what_is_different_from_the_others() -> None:
    jwt = {"issuer": "https://a", "audiences": ["b"], "jwks": KEYS}
    apps = [
        {"name": "shop", "domain": "shop.localhost"},
        {"name": "web", "domain": "web.localhost", "access": {"kind": "open"}},
    ]
    made = run_program("base-x", {"platform": "local", "apps": apps, "access": {"kind": "jwt", "jwt": jwt}})
    kinds = {name: app["access"]["kind"] for name, app in made.exports["apps"].items()}
    assert kinds == {"shop": "jwt", "web": "open"}, "one is closed as all are, one is not"
    policies = [each for each in made.made if each.inputs.get("kind") == "AuthorizationPolicy"]
    assert [each.metadata["name"] for each in policies] == ["shop-access"], "and nothing is asked of the other's hosts"


def test_where_all_is_open_nothing_is_made() -> None:
    made = run_program("base-x", {"platform": "local", "apps": [{"name": "shop", "domain": "shop.localhost"}]})
    kinds = {each.inputs.get("kind") for each in made.made}
    assert not kinds & {"AuthorizationPolicy", "RequestAuthentication", "EnvoyFilter"}, "a gateway as Istio has it"


def test_the_local_image_is_the_one_that_is_asked_for() -> None:
    assert LoginSettings.model_fields["image"].default == login_image.NAME, "another would have to be pulled"


JWT = {"issuer": "https://a", "audiences": ["b"]}
LOGIN = {"issuer": "https://a", "clientId": "b"}


@pytest.mark.parametrize(
    ("access", "field"),
    [
        ({"kind": "jwt"}, "access.jwt"),
        ({"kind": "jwt", "jwt": JWT, "provider": "x"}, "access.provider"),
        ({"kind": "open", "openPaths": ["/x"]}, "access.openPaths"),
        ({"kind": "external"}, "access.provider"),
        ({"kind": "external", "provider": "x", "login": LOGIN}, "access.provider"),
        ({"kind": "external", "login": LOGIN}, "access.login"),
        ({"kind": "jwt", "jwt": JWT, "ci": JWT}, "access.ci.claims"),
        ({"kind": "jwt", "jwt": {"issuer": "https://a"}}, "access.jwt.audiences"),
        ({"kind": "jwt", "jwt": {**JWT, "jwks": "{"}}, "access.jwt.jwks"),
        ({"kind": "jwt", "jwt": {**JWT, "jwks": {}}}, "access.jwt.jwks"),
        ({"kind": "jwt", "jwt": {**JWT, "jwks": {"keys": [{"kty": "EC", "d": "hunter2"}]}}}, "access.jwt.jwks"),
        ({"kind": "jwt", "jwt": JWT, "openPaths": ["/x/*"]}, "access.openPaths[0]"),
        ({"kind": "jwt", "jwt": JWT, "openPaths": ["/x/../y"]}, "access.openPaths[0]"),
        ({"sourceRanges": ["10.0.0.1/8"]}, "access.sourceRanges[0]"),
        ({"kind": "jwt", "jwt": {**JWT, "headers": {"X-User": "email"}}}, "access.jwt.headers"),
    ],
)
def test_a_door_that_would_not_be_one_is_a_mistake(access: dict[str, Any], field: str) -> None:
    apps = [{"name": "shop", "domain": "shop.localhost", "access": access}]
    with pytest.raises(SettingsError) as caught:
        run_program("base-x", {"platform": "local", "apps": apps})
    assert f"apps[0].{field}" in str(caught.value), f"the message names the key: {caught.value}"
    assert "hunter2" not in str(caught.value), "and shows nothing that may be a secret"
    assert "after validation" not in str(caught.value), "and tells of no mistake that follows from it"


def test_credentials_for_nobody_are_a_mistake_and_not_shown() -> None:
    apps = [{"name": "shop", "domain": "shop.localhost"}]
    with pytest.raises(SettingsError, match=r"loginCredentials\.shop") as caught:
        run_program(
            "base-x", {"platform": "local", "apps": apps, "loginCredentials": {"shop": {"clientSecret": "hunter2"}}}
        )
    assert "hunter2" not in str(caught.value), "secrets are not shown"
