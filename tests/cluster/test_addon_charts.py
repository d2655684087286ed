"""Charts of add-ons with this project's values, as far as pinned packages hold them: a real API server takes them.

Istio's and cert-manager's are in their Go modules; the versions are those of the local cluster, not those of the pins.
"""

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.support import cluster as clusters
from tests.cluster.support.cluster import REPOSITORY, Cluster
from tests.unit.inventory import examples, made_by

ISTIO = ("go", "istio.io/istio")
CERT_MANAGER = ("go-cert-manager", "github.com/cert-manager/cert-manager")
CHARTS = {
    "istio-base": (ISTIO, "manifests/charts/base"),
    "istio-cni": (ISTIO, "manifests/charts/istio-cni"),
    "istiod": (ISTIO, "manifests/charts/istio-control/istio-discovery"),
    "istio-ingressgateway": (ISTIO, "manifests/charts/gateway"),
    "cert-manager": (CERT_MANAGER, "deploy/charts/cert-manager"),
}
GKE = "base-gke-addons"


@cache
def module(toolchain: str, name: str) -> Path:
    """The folder of a pinned Go module."""
    folder = REPOSITORY / "local" / "toolchain" / toolchain
    listed = subprocess.run(
        ["go", "mod", "download", "-json", name], cwd=folder, capture_output=True, text=True, check=True
    )
    return Path(json.loads(listed.stdout)["Dir"])


@cache
def releases() -> dict[str, Any]:
    """What the example makes, by type and name."""
    made: dict[str, Any] = made_by(examples()[GKE])["resources"]
    return made


@pytest.fixture(scope="module")
def charts(cluster: Cluster) -> Cluster:
    """The cluster with Helm, which renders them, and with the namespaces and CRDs of the add-ons."""
    clusters.local("helm")
    clusters.local("addons")
    return cluster


def rendered(cluster: Cluster, release: str, folder: Path) -> list[dict[str, Any]]:
    """Render a chart with the values of the GKE example, which has all of them."""
    pinned, path = CHARTS[release]
    inputs = releases()[f"kubernetes:helm.sh/v3:Release addons-{release}"]
    chart, values = folder / release, folder / "values.json"
    folder.mkdir(exist_ok=True)
    shutil.copytree(module(*pinned) / path, chart, copy_function=shutil.copyfile)
    values.write_text(json.dumps(inputs["values"]))
    done = subprocess.run(
        [
            *("helm", "template", release, str(chart), "--namespace", inputs["namespace"], "--values", str(values)),
            *("--include-crds", "--kube-version", "v1.35.0-gke.1"),
        ],
        env=cluster.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"the chart takes the values: {done.stderr}"
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def one(found: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """The only object of a kind."""
    (only,) = [each for each in found if each["kind"] == kind]
    return only


@pytest.mark.parametrize("release", CHARTS)
def test_a_real_api_server_takes_all_objects_of(charts: Cluster, release: str, tmp_path: Path) -> None:
    found = rendered(charts, release, tmp_path)
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": found})
    arguments = ("--server-side", "--dry-run=server", "--validate=strict", "--force-conflicts", "--filename=-")
    printed = charts.kubectl("apply", *arguments, stdin=text)
    assert printed.count("(server dry run)") == len(found) >= 5, "each of them was taken, and nothing was made"


def test_istios_cni_plugin_goes_where_gke_looks_for_it_and_pods_need_no_init_container(
    cluster: Cluster, tmp_path: Path
) -> None:
    cni = one(rendered(cluster, "istio-cni", tmp_path / "cni"), "DaemonSet")
    paths = [each["hostPath"]["path"] for each in cni["spec"]["template"]["spec"]["volumes"] if "hostPath" in each]
    assert "/home/kubernetes/bin" in paths, "GKE's nodes have no other writable folder for plugins"
    istiod = rendered(cluster, "istiod", tmp_path / "istiod")
    injected = [json.loads(each["data"]["values"]) for each in istiod if "values" in (each.get("data") or {})]
    assert [each["pilot"]["cni"]["enabled"] for each in injected] == [True], "or Pod Security would refuse every pod"


def test_istios_gateway_is_found_by_the_label_and_ports_of_the_base_stack(cluster: Cluster, tmp_path: Path) -> None:
    found = rendered(cluster, "istio-ingressgateway", tmp_path)
    service = one(found, "Service")
    assert service["spec"]["type"] == "ClusterIP", "the load balancer is the Ingress'"
    assert {80, 15021} <= {port["port"] for port in service["spec"]["ports"]}, "HTTP, and the health check"
    pods = one(found, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert pods["istio"] == "ingressgateway", "the Gateway's selector"


def test_cert_managers_definitions_stay_when_it_goes_and_its_account_is_the_one_that_may_write_dns(
    cluster: Cluster, tmp_path: Path
) -> None:
    found = rendered(cluster, "cert-manager", tmp_path)
    kept = [each["metadata"]["annotations"] for each in found if each["kind"] == "CustomResourceDefinition"]
    assert len(kept) == 6, "they come with the chart"
    assert all(each["helm.sh/resource-policy"] == "keep" for each in kept), "or every certificate would go too"
    accounts = [each["metadata"]["name"] for each in found if each["kind"] == "ServiceAccount"]
    assert "cert-manager" in accounts, "the identity is for this name"


def test_a_private_gke_clusters_firewall_rule_lets_the_control_plane_reach_istios_webhook(
    charts: Cluster, tmp_path: Path
) -> None:
    (service,) = (each for each in rendered(charts, "istiod", tmp_path) if each["kind"] == "Service")
    (port,) = (each["targetPort"] for each in service["spec"]["ports"] if each["name"] == "https-webhook")
    document = (REPOSITORY / "docs/base-stack.md").read_text(encoding="utf-8")
    allowed = re.findall(r"firewall-rules create .*--allow=tcp:(\d+)", document)
    assert allowed == [str(port)], "without it no pod gets a sidecar, and the release is rolled back"
