"""The Kubernetes halves of EKS and GKE: every manifest is taken by a real API server with the real CRDs.

Nothing is made: these are dry runs, in which the server checks every field as strictly as it can and keeps nothing.
Helm releases are left out, as their charts cannot be had here.
"""

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.support import cluster as clusters
from tests.cluster.support.cluster import Cluster
from tests.unit.inventory import examples, made_by

CLOUDS = sorted(name for name, example in examples().items() if example.config.get("platform") in {"eks", "gke"})
# Its namespaces are those of a real cluster; here one that is always there must do for all of them.
NAMESPACE = "default"
GKE = Path(__file__).with_name("gke")


@pytest.fixture(scope="module")
def server(cluster: Cluster) -> Cluster:
    """The cluster with the real CRDs of Istio, cert-manager, Argo CD and GKE, all of pinned packages."""
    clusters.local("addons")
    cluster.apply(*(json.loads(line) for line in of_gke(cluster, "crds").splitlines()))
    cluster.until_established("backendconfigs.cloud.google.com", "frontendconfigs.networking.gke.io")
    return cluster


def of_gke(cluster: Cluster, command: str, stdin: str = "") -> str:
    """Run what is made of GKE's own ingress controller."""
    done = subprocess.run(
        ["go", "run", "-mod=readonly", f"./{command}"],
        cwd=GKE,
        env=cluster.env,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command} of GKE could not be made: {done.stderr}"
    return done.stdout


def test_google_takes_the_health_check_that_gkes_controller_makes_of_ours(cluster: Cluster) -> None:
    (backends,) = (each for each in manifests("base-gke-direct") if each["kind"] == "BackendConfig")
    made = json.loads(of_gke(cluster, "healthcheck", json.dumps(backends)))
    asked = (made["checkIntervalSec"], made["timeoutSec"])
    assert made["timeoutSec"] <= made["checkIntervalSec"], f"the API refuses an interval below the timeout: {asked}"
    assert made["checkIntervalSec"] == 5, "and it is ours"


def manifests(name: str) -> list[dict[str, Any]]:
    """Return every Kubernetes object of an example, as the server would get it."""
    found = []
    for key, inputs in made_by(examples()[name])["resources"].items():
        if not key.startswith("kubernetes:") or ":Release " in key:
            continue
        manifest = copy.deepcopy(inputs)
        if "stringData" in manifest:
            # As the engine hands a secret to the provider: the value is in a wrapper that says what it is.
            manifest["stringData"] = manifest["stringData"]["value"]
        if "namespace" in manifest["metadata"]:
            manifest["metadata"]["namespace"] = NAMESPACE
        if ":ServicePatch " in key:
            # A patch is a part of an object, which must be whole for a dry run.
            manifest |= {"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"name": "http", "port": 80}]}}
        found.append(manifest)
    return found


def taken(server: Cluster, found: list[dict[str, Any]], *flags: str) -> str:
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": found})
    arguments = ("--server-side", "--dry-run=server", "--validate=strict", *flags, "--filename=-")
    return server.kubectl("apply", *arguments, stdin=text)


def test_the_gateways_service_is_patched_as_gke_has_left_it(server: Cluster) -> None:
    (patch,) = (each for each in manifests("base-gke-direct") if each["kind"] == "Service")
    # A mutating webhook's words belong to whoever made the object, here Helm.
    as_left = {**patch, "metadata": {**patch["metadata"], "annotations": {"cloud.google.com/neg": '{"ingress":true}'}}}
    helms = ("--server-side", "--field-manager=helm", "--filename=-")
    server.kubectl("apply", *helms, stdin=json.dumps(as_left))
    try:
        assert "serverside-applied" in taken(server, [{**patch, "spec": {}}]), "no conflict, and nobody is overruled"
    finally:
        server.kubectl("delete", "service", patch["metadata"]["name"], f"--namespace={NAMESPACE}")


@pytest.mark.parametrize("name", CLOUDS)
def test_a_real_api_server_takes_every_manifest_of(server: Cluster, name: str) -> None:
    found = manifests(name)
    # Of a demo in the same cluster there may be rules of the same names.
    printed = taken(server, found, "--force-conflicts").splitlines()
    assert len(printed) == len(found) >= 4, "each of them was taken"
    assert all("(server dry run)" in line for line in printed), "and nothing was made"


@pytest.mark.parametrize(
    ("name", "kind", "place"),
    [
        ("base-gke-direct", "BackendConfig", ("spec", "healthCheck")),
        ("base-gke-direct", "FrontendConfig", ("spec", "redirectToHttps")),
        ("base-gke-direct", "Certificate", ("spec",)),
        ("base-gke-direct", "ClusterIssuer", ("spec", "acme")),
        ("base-eks-irsa", "Application", ("spec", "syncPolicy")),
        ("base-eks-irsa", "AppProject", ("spec",)),
        ("base-eks-irsa", "Ingress", ("spec",)),
        ("base-eks-irsa", "Gateway", ("spec",)),
    ],
)
def test_a_misspelt_key_would_be_refused_in(server: Cluster, name: str, kind: str, place: tuple[str, ...]) -> None:
    manifest = next(each for each in manifests(name) if each["kind"] == kind)
    at = manifest
    for key in place:
        at = at[key]
    at["misspelt"] = "x"
    with pytest.raises(AssertionError, match="misspelt"):
        taken(server, [manifest])
