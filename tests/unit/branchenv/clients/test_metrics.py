"""Requests per environment, read from what a gateway tells."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from branchenv.clients.gateway_metrics import Service, Slug, by_environment, by_service, read
from branchenv.model.errors import BranchenvError, ExitCode
from core.contract import NamespaceTemplate
from tests.unit.bases import base

ISTIO = """\
# TYPE istio_requests_total counter
istio_requests_total{reporter="source",destination_service="x--web.shop.svc.cluster.local",response_code="200"} 5
istio_requests_total{reporter="source",destination_service="x--web.shop.svc.cluster.local",response_code="503"} 2
istio_requests_total{reporter="source",destination_service="x.other.svc.cluster.local",response_code="200"} 9
istio_requests_total{reporter="source",destination_service="unknown",response_code="404"} 7
"""
ENVOY = """\
# TYPE envoy_cluster_upstream_rq_total counter
envoy_cluster_upstream_rq_total{cluster_name="xds-grpc"} 3
envoy_cluster_upstream_rq_total{cluster_name="outbound|80||x--web.shop.svc.cluster.local"} 4
envoy_cluster_upstream_rq_total{cluster_name="outbound|80|v2|x--web.shop.svc.cluster.local;"} 1
envoy_cluster_upstream_rq_total{cluster_name="outbound|443||kubernetes.default.svc.cluster.local"} 8
envoy_cluster_upstream_rq{cluster_name="outbound|80||x--web.shop.svc.cluster.local",response_code="200"} 4
"""
WEB = Service("shop", "x--web")


@pytest.mark.parametrize(
    ("text", "count"),
    [pytest.param(ISTIO, 7, id="istio"), pytest.param(ENVOY, 5, id="envoy"), pytest.param(ISTIO + ENVOY, 7, id="both")],
)
def test_requests_are_counted_by_service(text: str, count: int) -> None:
    assert by_service(text)[WEB] == count, "whatever they were answered, and each once"


def test_what_is_no_request_to_a_service_is_not_counted() -> None:
    assert set(by_service(ISTIO)) == {WEB, Service("other", "x")}, "`unknown` is nobody's"
    assert set(by_service(ENVOY)) == {WEB, Service("default", "kubernetes")}, "nor are the proxy's own"


def test_services_of_one_environment_are_summed_and_those_of_nobody_left_out() -> None:
    counts = {WEB: 3, Service("shop", "x--api"): 4, Service("shop", "main"): 9}
    owners = {
        WEB: Slug("shop", "x"),
        Service("shop", "x--api"): Slug("shop", "x"),
        Service("shop", "y"): Slug("shop", "y"),
    }
    assert by_environment(counts, owners) == {Slug("shop", "x"): 7, Slug("shop", "y"): 0}, "none asked for y: 0"


def test_an_answer_in_another_format_is_refused() -> None:
    with pytest.raises(BranchenvError, match="Prometheus") as caught:
        by_service('istio_requests_total{destination_service="x')
    assert "gateway.metrics" in caught.value.fix, "a person is told what to set"


class _Server(ThreadingHTTPServer):
    """Answers paths with text, as an API server or a proxy would."""

    def __init__(self) -> None:
        self.answers: dict[str, str] = {}
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.server.asked.append(f"{parts.path} {parse_qs(parts.query).get('labelSelector', [''])[0]}".strip())
        text = self.server.answers.get(parts.path)
        self.send_response(404 if text is None else 200)
        self.end_headers()
        self.wfile.write((text or "").encode())

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


def _listed(*objects: dict[str, Any]) -> str:
    return json.dumps({"items": [{"metadata": each} for each in objects]})


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Server]:
    """An API server with one environment and two gateway pods."""
    made = _Server()
    labels = {"branch-environments/app": "shop", "branch-environments/slug": "x"}
    pods = "/api/v1/namespaces/istio-system/pods"
    made.answers = {
        "/api/v1/namespaces/shop/services": _listed({"namespace": "shop", "name": "x--web", "labels": labels}),
        pods: _listed({"name": "gateway-1"}, {"name": "gateway-2"}),
        f"{pods}/gateway-1:15090/proxy/stats/prometheus": ISTIO,
        f"{pods}/gateway-2:15090/proxy/stats/prometheus": ISTIO,
        "/stats/prometheus": ENVOY,
    }
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": made.url}}],
        "users": [{"name": "u", "user": {}}],
    }
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(file))
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()


BASE = base()


def test_where_branches_have_namespaces_of_their_own_services_are_looked_for_in_those(server: _Server) -> None:
    labels = {"branch-environments/app": "shop", "branch-environments/slug": "x"}
    del server.answers["/api/v1/namespaces/shop/services"]
    server.answers["/api/v1/namespaces"] = _listed({"name": "shop--x", "labels": labels})
    there = {"namespace": "shop--x", "name": "x--web", "labels": labels}
    server.answers["/api/v1/namespaces/shop--x/services"] = _listed(there)
    counted = ISTIO.replace(".shop.svc", ".shop--x.svc")
    for pod in ("gateway-1", "gateway-2"):
        server.answers[f"/api/v1/namespaces/istio-system/pods/{pod}:15090/proxy/stats/prometheus"] = counted
    apps = {
        "shop": replace(BASE.apps["shop"], branch_namespace=NamespaceTemplate(quota={}, role="branch", subjects=()))
    }
    assert read(replace(BASE, apps=apps)) == {Slug("shop", "x"): 14}, "its requests are counted as any other's"


def test_every_gateway_pod_is_asked_through_the_api_server(server: _Server) -> None:
    assert read(BASE) == {Slug("shop", "x"): 14}, "a request is counted by the pod that it went through"
    assert "/api/v1/namespaces/istio-system/pods istio=ingressgateway" in server.asked, "only the gateway's pods"


def test_urls_of_the_base_stack_come_first(server: _Server) -> None:
    assert read(replace(BASE, gateway_metrics=(f"{server.url}/stats/prometheus",))) == {Slug("shop", "x"): 5}
    assert not [path for path in server.asked if "pods" in path], "a gateway need not be pods that can be reached"


def test_half_a_sum_is_none(server: _Server) -> None:
    del server.answers["/api/v1/namespaces/istio-system/pods/gateway-2:15090/proxy/stats/prometheus"]
    with pytest.raises(BranchenvError, match="gateway-2") as caught:
        read(BASE)
    assert caught.value.code == ExitCode.CLUSTER, "it would look like a change"


def test_no_cluster_is_said_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "missing"))
    with pytest.raises(BranchenvError, match="no cluster can be used") as caught:
        read(BASE)
    assert caught.value.code == ExitCode.CLUSTER, "not a fault of the gateway"
