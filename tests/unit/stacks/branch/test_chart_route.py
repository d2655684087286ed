"""A chart that makes no route gets one, to the Service that answers at the environment's URL."""

from pathlib import Path
from typing import Any

import pytest

from components.branch.virtual_service import Destination, virtual_service_spec
from stacks.branch.chart_route import destination, routed
from stacks.settings.chart_source import ChartSource
from stacks.settings.errors import SettingsError
from tests.unit.recording import Made, Recorder, run_program

INSTANCE = "app.kubernetes.io/instance"


def service(name: str, *ports: tuple[int, str], **spec: Any) -> dict[str, Any]:
    """Return a Service as the provider renders it: its numbers travel as floats."""
    listed = [{"port": float(number), **({"name": named} if named else {})} for number, named in ports]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"selector": {INSTANCE: "x"}, "ports": listed, **spec},
    }


def to(*rendered: dict[str, Any], service: str | None = None) -> Destination | None:
    """Return where requests go."""
    ChartSource(path=".", service=service)  # what cannot be written in a file is not tested
    return destination(rendered, service=service, stem="x", host="x.shop.localhost", stack="shop.x")


ROUTE = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "x", "namespace": "shop"},
    "spec": {
        "hosts": ["x.shop.localhost"],
        "gateways": ["istio-system/gateway"],
        "http": [{"route": [{"destination": {"host": "x-web", "port": {"number": 8080}}}]}],
    },
}
WEB, API = service("x-web", (8080, "http")), service("x-api", (9000, ""), (9100, "metrics"))


def test_the_only_service_answers_at_its_own_port() -> None:
    assert to(WEB) == Destination(service="x-web", port=8080), "there is nothing to choose"
    headless = service("x-peers", (7000, ""), clusterIP="None")
    udp = service("x-dns")
    udp["spec"]["ports"] = [{"port": 53.0, "protocol": "UDP"}]
    assert to(WEB, headless, udp) == Destination(service="x-web", port=8080), "no other can answer"
    with_metrics = service("x", (9100, "metrics"), (80, "http"))
    assert to(with_metrics) == Destination(service="x", port=80), "of its ports, the one called http"


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ("{{ .Release.Name }}-web", Destination(service="x-web", port=8080)),
        ("{{ .Release.Name }}-api:9000", Destination(service="x-api", port=9000)),
        ("x-web:8080", Destination(service="x-web", port=8080)),
    ],
)
def test_of_several_services_the_file_names_one(chosen: str, expected: Destination) -> None:
    assert to(WEB, API, service=chosen) == expected, "as the chart's own templates would write it"


def test_several_services_answer_by_path_or_by_host() -> None:
    source = ChartSource.model_validate(
        {
            "path": ".",
            "routes": [
                {"service": "{{ .Release.Name }}-web"},
                {"service": "{{ .Release.Name }}-api:9000", "path": "/api"},
                {"service": "{{ .Release.Name }}-api:9100", "host": "metrics"},
            ],
        }
    )
    found = routed([WEB, API], source, stem="x", host="x.shop.localhost", stack="shop.x")
    spec = virtual_service_spec(host="x.shop.localhost", gateway="a/b", routed=found)
    assert spec["hosts"] == ["x.shop.localhost", "x--metrics.shop.localhost"], "each has a host below the wildcard"
    places = [
        (rule["match"][0]["authority"]["prefix"], rule["match"][-1]["uri"]["prefix"], rule["route"][0]["destination"])
        for rule in spec["http"]
    ]
    assert places == [
        ("x.shop.localhost", "/api/", {"host": "x-api", "port": {"number": 9000}}),
        ("x.shop.localhost", "/", {"host": "x-web", "port": {"number": 8080}}),
        ("x--metrics.shop.localhost", "/", {"host": "x-api", "port": {"number": 9100}}),
    ], "the longest path first, and no route answers at another's host"
    with pytest.raises(SettingsError, match=r"chart\.routes\[1\]\.service"):
        routed([WEB], source, stem="x", host="x.shop.localhost", stack="shop.x")


@pytest.mark.parametrize(
    ("rendered", "chosen", "texts"),
    [
        ([], None, ["makes none", "add a Service"]),
        ([WEB, API], None, ["one answers", "{{ .Release.Name }}-api:9000", "service: '{{ .Release.Name }}-web:8080'"]),
        ([API], None, ["one answers", "service: '{{ .Release.Name }}-api:9000'"]),
        ([WEB], "{{ .Release.Name }}-ui", ["it is one of the chart's", "{{ .Release.Name }}-web:8080"]),
        ([WEB], "{{ .Release.Name }}-web:80", ["it is one of the chart's", "{{ .Release.Name }}-web:8080"]),
    ],
    ids=["none", "several", "several ports", "another", "another port"],
)
def test_without_one_service_it_is_refused(
    rendered: list[dict[str, Any]], chosen: str | None, texts: list[str]
) -> None:
    with pytest.raises(SettingsError) as caught:
        to(*rendered, service=chosen)
    (problem,) = caught.value.problems
    assert problem.field == "chart.service", "what the person writes"
    assert [each for each in texts if each not in f"{problem.rule}\n{problem.fix}"] == [], "what there is, and the fix"


@pytest.mark.parametrize(
    "route",
    [
        {"kind": "VirtualService", "spec": {"hosts": ["x.shop.localhost"]}},
        {"kind": "HTTPRoute", "spec": {"hostnames": ["x.shop.localhost"]}},
    ],
    ids=lambda each: str(each["kind"]),
)
def test_a_chart_with_a_route_keeps_it(route: dict[str, Any]) -> None:
    assert to(WEB, API, route) is None, "the chart says where requests go"
    with pytest.raises(SettingsError, match=r"take chart\.service out"):
        to(WEB, API, route, service="{{ .Release.Name }}-web")


def deployed(folder: Path, **config: str) -> tuple[Made, Made]:
    """Deploy a chart without a route; give the chart and the route."""
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: webshop\nversion: 0.1.0\n")
    made = run_program("shop.x", {"chart": str(folder), **config}, Recorder(chart=[WEB]))
    (chart,), (route,) = made.of_type("helm.sh/v4:Chart"), made.of_type(":VirtualService")
    return chart, route


def test_proxies_of_a_charts_pods_know_its_services_alone(tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: webshop\nversion: 0.1.0\n")
    apps = [{"name": "shop", "domain": "shop.localhost"}]
    base = run_program("base-x", {"platform": "local", "dataPlane": "sidecar", "apps": apps})
    recorder = Recorder(contracts={"base-x": base.exports}, chart=[WEB, API, ROUTE])
    made = run_program("shop.x", {"chart": str(tmp_path), "base": "base-x"}, recorder)
    (sidecar,) = [each for each in made.made if each.inputs.get("kind") == "Sidecar"]
    (egress,) = sidecar.inputs["spec"]["egress"]
    hosts = [f"./{each}.shop.svc.cluster.local" for each in ("x-api", "x-web")]
    assert egress["hosts"] == [*hosts, "istio-system/*"], "however many branches there are beside it"


def test_the_route_comes_once_the_pods_are_ready(tmp_path: Path) -> None:
    chart, route = deployed(tmp_path)
    assert route.metadata["name"] == "x", "it is called as that of an environment of workloads"
    assert route.metadata["labels"]["branch-environments/slug"] == "x", "it says whose it is"
    assert route.metadata["ownerReferences"], "and goes with the environment's anchor"
    assert route.inputs["spec"]["hosts"] == ["x.shop.localhost"], "for the branch's host"
    assert route.inputs["spec"]["gateways"] == ["istio-system/gateway"], "at the base stack's Gateway"
    (rule,) = route.inputs["spec"]["http"]
    assert rule["route"] == [{"destination": {"host": "x-web", "port": {"number": 8080}}}], "by its number"
    assert any(urn.endswith("::x-chart") for urn in route.depends_on), "no request meets a gateway without pods"
    assert not any(urn.endswith("-virtual-service") for urn in chart.depends_on), "the pods wait for nothing"


def test_asleep_the_page_answers_before_the_pods_go(tmp_path: Path) -> None:
    chart, route = deployed(tmp_path, asleep="true")
    assert "directResponse" in route.inputs["spec"]["http"][0], "the page"
    assert any(urn.endswith("::x-virtual-service") for urn in chart.depends_on), "and then the pods go"


def test_what_wakes_has_pods_behind_the_page(tmp_path: Path) -> None:
    chart, route = deployed(tmp_path, asleep="true", waking="true")
    assert "directResponse" in route.inputs["spec"]["http"][0], "nobody is sent to pods that are not up"
    assert not any(urn.endswith("-virtual-service") for urn in chart.depends_on), "which start"


@pytest.mark.parametrize(("objects", "by_chart"), [([WEB], False), ([WEB, ROUTE], True)])
def test_a_stack_says_who_makes_the_route(tmp_path: Path, objects: list[dict[str, Any]], by_chart: bool) -> None:
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: webshop\nversion: 0.1.0\n")
    made = run_program("shop.x", {"chart": str(tmp_path)}, Recorder(chart=objects))
    assert made.exports["routedByChart"] is by_chart, "`branchenv sleep` has the page there first, whoever makes it"
