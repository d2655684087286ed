"""The page of a host that no branch has: what it says, whom it tells, and that branches are not in its way."""

from html.parser import HTMLParser
from typing import Any

import pytest

from components.ingress.no_environment_page import no_environment_page, no_environment_spec
from core.gateway_answers import NO_ENVIRONMENT, STATE_HEADER
from tests.unit.components.test_components import page_args
from tests.unit.recording import Made, run_program

DOMAIN = "shop.localhost"
PROJECT = "https://gitlab.com/acme/shop"
GITLAB = {"issuer": "https://gitlab.example.com"}
KEYS = {"keys": [{"kty": "EC", "crv": "P-256", "x": "a", "y": "b"}]}
JWT = {"kind": "jwt", "jwt": {"issuer": "https://a", "audiences": ["b"], "jwks": KEYS}}


class Page(HTMLParser):
    """What a browser without scripts makes of the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.attributes: list[tuple[str, str]] = []
        self.links: list[str] = []
        self.text = ""
        self._script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag's attributes, and where a link leads."""
        self._script = tag in ("script", "style")
        self.attributes += [(tag, name) for name, _ in attrs]
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_endtag(self, _tag: str) -> None:
        """Note that a script ends."""
        self._script = False

    def handle_data(self, data: str) -> None:
        """Note the text."""
        self.text += "" if self._script else data


def page(**changes: Any) -> Page:
    return Page(no_environment_page(page_args(**changes), DOMAIN))


def rules(**changes: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = no_environment_spec(page_args(**changes), DOMAIN)["http"]
    return found


def placed(*, apps: list[dict[str, Any]] | None = None, **config: Any) -> tuple[Made, Made]:
    """Return the pages of a base stack with two apps, of which the first is closed."""
    apps = apps or [
        {"name": "shop", "domain": DOMAIN, "access": JWT},
        {"name": "pay", "domain": "pay.localhost"},
    ]
    recorder = run_program("base-x", {"platform": "local", "apps": apps, **config})
    by_name = {each.name: each for each in recorder.of_type(":VirtualService")}
    return by_name["shop-no-environment"], by_name["pay-no-environment"]


def shown(made: Made) -> str:
    text: str = made.inputs["spec"]["http"][-1]["directResponse"]["body"]["string"]
    return text


def test_it_says_what_happened_and_how_to_have_it_back_without_a_script() -> None:
    found = page()
    text = " ".join(found.text.split())
    assert "No environment at this address" in text, "a person must know what this is"
    assert "answers at <branch>.shop.localhost" in text, "and how a branch is found in an address"
    assert "was removed, or it was never deployed" in text, "and why nothing is there"
    assert "push to the branch, or start the job redeploy of its last pipeline." in text, "and what to do"
    assert found.links == [f"{PROJECT}/-/pipelines", f"{PROJECT}/-/environments", PROJECT], "and where"


def test_without_addresses_it_names_the_command() -> None:
    found = page(project_url="", environments_url="")
    text = " ".join(found.text.split())
    assert "branchenv list --app shop" in text, "the environments are still to be found"
    assert "push to the branch. The" in text, "and nobody is sent to a job that nobody finds"
    assert found.links == [], "no link to nowhere"


def test_what_others_have_named_is_shown_and_not_obeyed() -> None:
    hostile = 'https://x/"><script>alert(1)</script>'
    text = no_environment_page(page_args(app="<b>", project_url=hostile, environments_url=hostile), DOMAIN)
    assert "<b>" not in text, "a name is text"
    assert text.count("<script>") == 1, "the page has one script, its own"


def test_it_needs_nothing_but_itself() -> None:
    fetching = {"src", "srcset", "data", "action", "poster"}
    found = page().attributes
    assert not [each for each in found if each[1] in fetching or each[0] == "link"], "there is nobody to serve it"


def test_it_is_no_answer_of_an_app_and_is_not_kept() -> None:
    (rule,) = rules()
    assert "match" not in rule, "whatever is asked for"
    assert rule["directResponse"]["status"] == 404, "as before there was a page"
    headers = rule["headers"]["response"]["set"]
    assert headers[STATE_HEADER] == NO_ENVIRONMENT, "programs tell it from a 404 of the app"
    assert headers["cache-control"] == "no-store", "nobody sees it once the branch is deployed"
    assert "route" not in rule, "no pod is needed"


def test_branches_and_main_come_first_as_their_hosts_are_exact() -> None:
    spec = no_environment_spec(page_args(), DOMAIN)
    assert spec["hosts"] == ["*.shop.localhost"], "Istio prefers an exact host to a wildcard"
    assert spec["gateways"] == ["gateway"], "the one that branches name, and no sidecar"


def test_an_open_path_of_a_closed_app_tells_nobody_of_it() -> None:
    nothing, _ = rules(open_paths=["/b", "/a"])
    assert nothing == {
        "match": [{"uri": {"exact": "/a"}}, {"uri": {"exact": "/b"}}],
        "directResponse": {"status": 404},
    }, "who may not enter finds what there was before: nothing"


def test_each_app_has_a_page_where_no_branch_has_rights() -> None:
    shop, pay = placed()
    assert [each.metadata["name"] for each in (shop, pay)] == ["shop-no-environment", "pay-no-environment"], "one each"
    assert {each.metadata["namespace"] for each in (shop, pay)} == {"istio-system"}, "beside the Gateway"
    assert "branch-environments/slug" not in shop.metadata["labels"], "it belongs to no branch"
    assert pay.inputs["spec"]["hosts"] == ["*.pay.localhost"], "and each for its own hosts"


def test_a_closed_app_is_closed_before_its_page_is_there() -> None:
    shop, pay = placed()
    assert any(urn.endswith("::shop-access") for urn in shop.depends_on), "nobody sees it who may not enter"
    assert not any("-access" in urn for urn in pay.depends_on), "an open one has nothing to wait for"


def test_paths_that_are_open_are_left_out_where_an_app_is_closed() -> None:
    pay_app = {"name": "pay", "domain": "pay.localhost", "access": {"kind": "open"}}
    shop, pay = placed(apps=[{"name": "shop", "domain": DOMAIN}, pay_app], access={**JWT, "openPaths": ["/healthz"]})
    assert len(shop.inputs["spec"]["http"]) == 2, "elsewhere they would be asked for a token"
    assert len(pay.inputs["spec"]["http"]) == 1, "an open app has no secrets"


@pytest.mark.parametrize(
    ("config", "links"),
    [
        ({}, []),
        ({"projectUrl": f"{PROJECT}/"}, [f"{PROJECT}/-/pipelines", f"{PROJECT}/-/environments", PROJECT]),
        ({"environmentsUrl": "https://list"}, ["https://list"]),
        (
            {"projectUrl": PROJECT, "environmentsUrl": "https://list"},
            [f"{PROJECT}/-/pipelines", "https://list", PROJECT],
        ),
    ],
)
def test_it_links_to_what_the_config_names(config: dict[str, Any], links: list[str]) -> None:
    apps = [{"name": "shop", "domain": DOMAIN, **config}, {"name": "pay", "domain": "pay.localhost"}]
    shop, _ = placed(apps=apps)
    assert Page(shown(shop)).links == links, "and to GitLab's own list, where no other is named"


def test_a_project_that_is_known_by_its_tokens_is_not_named_twice() -> None:
    apps = [{"name": "shop", "domain": DOMAIN, "gitlabProject": "acme/shop"}]
    recorder = run_program("base-x", {"platform": "local", "apps": apps, "gitlabTokens": GITLAB})
    (made,) = recorder.of_type(":VirtualService")
    assert Page(shown(made)).links[-1] == "https://gitlab.example.com/acme/shop", "GitLab's address and its path there"
