"""HTTPRoutes of an environment, where the base stack has Gateway API."""

from pathlib import Path
from typing import Any

import pytest

from components.branch.http_route import asleep_spec, http_route_spec
from components.branch.sleeping_page import Sleep
from components.branch.spec.route import Route
from components.branch.virtual_service import Destination, RoutedTo
from core.gateway_answers import ASLEEP, STATE_HEADER
from stacks.settings.errors import SettingsError
from tests.unit.recording import BASE_CONTRACT, Recorder, run_program

GATEWAY = "istio-system/gateway"
SEVERAL = """
workloads:
  web: {image: 'shop.local/shop:1.0', routes: [{}, {host: admin, path: /deep}]}
  api: {image: 'shop.local/shop:1.0', routes: [{path: /api}]}
"""


def recorder() -> Recorder:
    """Return the contract of a base stack that has it."""
    return Recorder(contracts={"base-local": {**BASE_CONTRACT, "gatewayApi": True}})


def run(tmp_path: Path, text: str, **config: Any) -> Recorder:
    """Run the program with an environment file."""
    file = tmp_path / "environment.yaml"
    file.write_text(text, encoding="utf-8")
    return run_program("shop.x", {"environment": str(file), **config}, recorder())


def rule(**route: Any) -> dict[str, Any]:
    """Return the only rule of a route to one Service."""
    routed = RoutedTo(route=Route.model_validate(route), destinations=[Destination(service="x", port=80)])
    (found,) = http_route_spec(host="x.shop.localhost", gateway=GATEWAY, routed=[routed])["rules"]
    return dict(found)


def test_each_host_has_an_http_route_on_the_gateway_and_there_is_no_virtual_service(tmp_path: Path) -> None:
    made = run(tmp_path, SEVERAL)
    assert not made.of_type(":VirtualService"), "the base stack has no Gateway for one"
    routes = {each.inputs["spec"]["hostnames"][0]: each for each in made.of_type(":HTTPRoute")}
    assert routes.keys() == {"x.shop.localhost", "x--admin.shop.localhost"}, "its own host, and the other one"
    own = routes["x.shop.localhost"]
    assert own.metadata["name"] == "x", "called as its other objects"
    parents = [
        {"group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": "istio-system", "name": "gateway"}
    ]
    assert own.inputs["spec"]["parentRefs"] == parents, "on the base stack's Gateway"
    leads = {
        each["matches"][0]["path"]["value"]: each["backendRefs"][0]["name"] for each in own.inputs["spec"]["rules"]
    }
    assert leads == {"/": "x--web", "/api": "x--api"}, "each path to its workload"
    admin = routes["x--admin.shop.localhost"].inputs["spec"]["rules"]
    assert [each["matches"][0]["path"]["value"] for each in admin] == ["/deep"], (
        "the other host has its own paths alone"
    )
    assert made.of_type(":Deployment")[0].name in " ".join(own.depends_on), "no request finds it without pods"


def test_a_rule_says_what_the_environment_file_says() -> None:
    found = rule(path="/api", rewrite="/v1", timeout="90m", cors={"allowOrigins": ["https://a.test"], "maxAge": "10m"})
    assert found["matches"] == [{"path": {"type": "PathPrefix", "value": "/api"}}], "whole segments"
    rewrite, cors = found["filters"]
    assert rewrite["urlRewrite"]["path"] == {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/v1"}, "its rewrite"
    assert cors["cors"]["allowOrigins"] == ["https://a.test"], "its origins"
    assert cors["cors"]["maxAge"] == 600, "in seconds, as the standard has it"
    assert found["timeouts"] == {"request": "1h30m"}, "its timeout"


@pytest.mark.parametrize(
    ("written", "expected"), [("1500ms", "1s500ms"), ("100000s", "27h46m40s"), ("0.5s", "500ms"), ("2h", "2h")]
)
def test_a_timeout_is_written_as_the_standard_takes_it(written: str, expected: str) -> None:
    assert rule(timeout=written)["timeouts"]["request"] == expected, "at most five digits of a unit"


def test_a_second_image_has_its_share() -> None:
    both = [Destination(service="x", port=80, weight=80), Destination(service="x--canary", port=80, weight=20)]
    spec = http_route_spec(host="x", gateway=GATEWAY, routed=[RoutedTo(route=Route(), destinations=both)])
    shares = [(each["name"], each["weight"]) for each in spec["rules"][0]["backendRefs"]]
    assert shares == [("x", 80), ("x--canary", 20)], "as the file says"


@pytest.mark.parametrize("link", ["https://gitlab.test:8443/a/b/-/merge_requests/1", ""])
def test_a_sleeping_environment_leads_to_where_it_is_woken(link: str) -> None:
    (found,) = asleep_spec(host="x", gateway=GATEWAY, sleep=Sleep(link=link))["rules"]
    marked, *redirect = found["filters"]
    headers = {each["name"]: each["value"] for each in marked["responseHeaderModifier"]["set"]}
    assert headers[STATE_HEADER] == ASLEEP, "programs tell it from the app"
    assert "backendRefs" not in found, "no pod is asked"
    if not link:
        assert not redirect, "without a pipeline the gateway answers 500"
        return
    to = redirect[0]["requestRedirect"]
    assert (to["scheme"], to["hostname"], to["port"]) == ("https", "gitlab.test", 8443), "to its pipeline"
    assert to["path"] == {"type": "ReplaceFullPath", "replaceFullPath": "/a/b/-/merge_requests/1"}, "whatever was asked"


def test_all_hosts_sleep_before_the_pods_go(tmp_path: Path) -> None:
    made = run(tmp_path, SEVERAL, asleep="true")
    routes, pods = made.of_type(":HTTPRoute"), made.of_type(":Deployment")
    assert [each.inputs["spec"]["rules"][0].get("backendRefs") for each in routes] == [None, None], "both hosts"
    for each in pods:
        waits = [urn for urn in each.depends_on if ":HTTPRoute::" in urn]
        assert len(waits) == len(routes), "no request finds no pods"


@pytest.mark.parametrize(
    ("route", "says"),
    [
        ("retries: {attempts: 5}", "retries"),
        ("cors: {allowOrigins: ['https://a.test:*']}", "any port"),
        ("cors: {allowOrigins: ['app://a.test']}", "http and https"),
        ("cors: {allowOrigins: ['https://a.test'], allowMethods: [PURGE]}", "methods"),
    ],
)
def test_what_the_standard_lacks_is_refused_with_its_field_and_both_ways_out(
    tmp_path: Path, route: str, says: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        run(tmp_path, f"image: shop.local/shop:1.0\nroutes: [{{{route}}}]")
    (problem,) = caught.value.problems
    assert "routes[0]." in problem.field, "where it stands"
    assert says in problem.rule, "what is missing"
    assert "gatewayApi to false" in problem.fix, "and what the platform team can do"


def test_more_routes_of_a_host_than_the_standard_allows_are_refused(tmp_path: Path) -> None:
    routes = ", ".join(f"{{path: /{number}}}" for number in range(17))
    with pytest.raises(SettingsError, match="at most 16 routes"):
        run(tmp_path, f"image: shop.local/shop:1.0\nroutes: [{routes}]")


SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "x-web", "namespace": "shop"},
    "spec": {"selector": {"app.kubernetes.io/instance": "x"}, "ports": [{"port": 8080}]},
}


def charted(folder: Path, *objects: dict[str, Any]) -> Recorder:
    """Deploy a chart that makes these objects."""
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: webshop\nversion: 0.1.0\n")
    contracts = {"base-local": {**BASE_CONTRACT, "gatewayApi": True}}
    return run_program("shop.x", {"chart": str(folder)}, Recorder(contracts=contracts, chart=list(objects)))


def chart_route(kind: str = "HTTPRoute", **spec: Any) -> dict[str, Any]:
    """Return a route of a chart's that breaks no rule, but for what is given."""
    version = {"HTTPRoute": "gateway.networking.k8s.io/v1", "VirtualService": "networking.istio.io/v1"}[kind]
    given = {
        "hostnames": ["x.shop.localhost"],
        "parentRefs": [{"namespace": "istio-system", "name": "gateway"}],
        "rules": [{"backendRefs": [{"name": "x-web", "port": 8080}]}],
        **spec,
    }
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "x-web", "namespace": "shop"}, "spec": given}


def test_a_chart_without_a_route_gets_an_http_route(tmp_path: Path) -> None:
    (made,) = charted(tmp_path, SERVICE).of_type(":HTTPRoute")
    (backend,) = made.inputs["spec"]["rules"][0]["backendRefs"]
    assert (backend["name"], backend["port"]) == ("x-web", 8080), "to its Service"


def test_a_chart_that_makes_its_http_route_keeps_it(tmp_path: Path) -> None:
    own = chart_route(hostnames=["x.shop.localhost", "x--admin.shop.localhost"])
    assert not charted(tmp_path, SERVICE, own).of_type(":HTTPRoute"), "the environment makes no second one"


@pytest.mark.parametrize(
    ("route", "says"),
    [
        (chart_route("VirtualService"), "routes are HTTPRoutes"),
        (chart_route(hostnames=["x.shop.localhost", "www.example.com"]), "its own hosts alone"),
        (chart_route(parentRefs=[{"namespace": "istio-system", "name": "other"}]), "base stack's Gateway alone"),
        (chart_route(parentRefs=[]), "base stack's Gateway alone"),
        (chart_route(rules=[{"backendRefs": [{"name": "web", "namespace": "other"}]}]), "stays in its namespace"),
    ],
)
def test_a_charts_route_is_held_to_what_the_api_server_lets_through(
    tmp_path: Path, route: dict[str, Any], says: str
) -> None:
    with pytest.raises(SettingsError, match=says):
        charted(tmp_path, SERVICE, route)
