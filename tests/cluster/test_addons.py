"""The local cluster's add-ons: cert-manager really issues, Argo CD really syncs, and both go with the cluster."""

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import uuid
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.support import cluster as clusters
from tests.cluster.support.cluster import REPOSITORY, Cluster
from tests.cluster.support.gateway import Gateway, HttpsGateway
from tests.cluster.support.repository import Repository
from tests.cluster.support.stacks import FIRST, SECOND
from tests.cluster.support.waiting import until

PROCESSES = ("cert-manager", "argocd-redis", "argocd-repo-server", "argocd-application-controller")
PROGRAMS = {"redis-server" if name == "argocd-redis" else name for name in PROCESSES}
HTTPS_PORT = int(os.environ.get("GATEWAY_HTTPS_PORT", "8443"))
SECONDS = 60.0


@pytest.fixture(scope="module")
def addons(cluster: Cluster) -> Cluster:
    """The cluster with its add-ons."""
    clusters.local("addons")
    return cluster


@dataclass(frozen=True, kw_only=True)
class Place:
    """A namespace and a domain that nothing else uses."""

    cluster: Cluster
    name: str

    @property
    def domain(self) -> str:
        """Domain of its gateway."""
        return f"{self.name}.localhost"

    @property
    def gateway(self) -> Gateway:
        """The way in, by HTTP."""
        return Gateway(self.cluster.gateway_port)

    def open(self) -> None:
        """Make the namespace, the chart's ServiceAccount, and a Gateway for HTTP and HTTPS."""
        hosts = [f"*.{self.domain}"]
        self.cluster.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.name}},
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "shop", "namespace": self.name}},
            _manifest(
                "networking.istio.io/v1",
                "Gateway",
                f"istio-system/{self.name}",
                {
                    "selector": {"istio": "ingressgateway"},
                    "servers": [
                        {"port": {"number": 8080, "name": "http", "protocol": "HTTP"}, "hosts": hosts},
                        {
                            "port": {"number": 8443, "name": "https", "protocol": "HTTPS"},
                            "tls": {"mode": "SIMPLE", "credentialName": self.name},
                            "hosts": hosts,
                        },
                    ],
                },
            ),
        )

    def close(self) -> None:
        """Remove all that a test can have made here."""
        for kind, namespace in (
            ("applications.argoproj.io", "argocd"),
            ("gateways.networking.istio.io", "istio-system"),
            ("certificates.cert-manager.io", "istio-system"),
            ("certificates.cert-manager.io", "cert-manager"),
            ("secrets", "istio-system"),
            ("secrets", "cert-manager"),
        ):
            self.cluster.kubectl("delete", kind, self.name, f"--namespace={namespace}", "--ignore-not-found")
        self.cluster.kubectl("delete", "clusterissuers", self.name, f"{self.name}-root", "--ignore-not-found")
        self.cluster.kubectl("delete", "namespace", self.name, "--ignore-not-found", "--wait=false")


@pytest.fixture
def place(addons: Cluster) -> Iterator[Place]:
    """A place for one test."""
    made = Place(cluster=addons, name=f"addons-{uuid.uuid4().hex[:8]}")
    try:
        made.open()
        yield made
    finally:
        made.close()


def _manifest(version: str, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    namespace, _, short = name.rpartition("/")
    metadata = {"name": short, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def _processes() -> dict[str, str]:
    """The add-ons' processes in the kernel's list: program and process id."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ").split()
        except OSError:
            continue
        program = Path(command[0]).name if command else ""
        if program in PROGRAMS:
            found[program] = folder.name
    return found


def _status() -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local", "status"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )


@pytest.mark.usefixtures("addons")
def test_addons_are_listed_with_the_clusters_processes_and_a_second_start_leaves_them_alone() -> None:
    listed = _status()
    assert listed.returncode == 0, f"every process runs:\n{listed.stdout}"
    for name in PROCESSES:
        assert re.search(rf"^{name}\s+running", listed.stdout, re.MULTILINE), f"{name} is one of them"
    before = _processes()
    assert len(before) == len(PROCESSES), "each of them is a real process"
    clusters.local("addons")
    assert _processes() == before, "no process was started again"


@pytest.mark.usefixtures("addons")
def test_an_addon_that_is_killed_is_started_again() -> None:
    pid = _processes()["cert-manager"]
    os.kill(int(pid), signal.SIGKILL)
    until(lambda: _processes().get("cert-manager", pid) != pid, what="another process takes its place")
    until(lambda: _status().returncode == 0, what="the supervisor calls it running", seconds=SECONDS)


def test_a_wildcard_certificate_is_issued_and_the_gateway_serves_https_that_verifies_against_its_ca(
    place: Place,
) -> None:
    name, host = place.name, f"feature-x.{place.domain}"
    issuer = {"kind": "ClusterIssuer", "name": name}
    place.cluster.apply(
        _manifest("cert-manager.io/v1", "ClusterIssuer", f"{name}-root", {"selfSigned": {}}),
        _manifest(
            "cert-manager.io/v1",
            "Certificate",
            f"cert-manager/{name}",
            {
                "isCA": True,
                "commonName": name,
                "secretName": name,
                "privateKey": {"algorithm": "ECDSA", "size": 256},
                "issuerRef": {"kind": "ClusterIssuer", "name": f"{name}-root"},
            },
        ),
        _manifest("cert-manager.io/v1", "ClusterIssuer", name, {"ca": {"secretName": name}}),
        _manifest(
            "cert-manager.io/v1",
            "Certificate",
            f"istio-system/{name}",
            {"dnsNames": [f"*.{place.domain}"], "secretName": name, "issuerRef": issuer},
        ),
        _manifest(
            "networking.istio.io/v1",
            "VirtualService",
            f"{name}/feature-x",
            {
                "hosts": [host],
                "gateways": [f"istio-system/{name}"],
                "http": [{"directResponse": {"status": 200, "body": {"string": "by HTTPS"}}}],
            },
        ),
    )
    place.cluster.kubectl(
        *("wait", "--for=condition=Ready", f"certificate/{name}", "--namespace=istio-system", f"--timeout={SECONDS}s")
    )
    authority = place.cluster.get("secret", name, "--namespace=cert-manager")["data"]["ca.crt"]
    gateway = HttpsGateway(HTTPS_PORT, trusting=ssl.create_default_context(cadata=b64decode(authority).decode()))
    answer = gateway.until_status(host)  # there is no listener until istiod has the certificate
    assert answer.body == "by HTTPS", "the gateway serves the branch's route with the wildcard certificate"
    with pytest.raises(ssl.SSLCertVerificationError, match="local issuer"):
        HttpsGateway(HTTPS_PORT, trusting=ssl.create_default_context()).get(host)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        gateway.get(f"a.b.{place.domain}")  # one wildcard covers one label


def test_argo_cd_syncs_a_chart_from_git_follows_its_commits_and_heals_drift(place: Place, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "shop")
    repository.make()
    host = f"main.{place.domain}"
    application = _manifest(
        "argoproj.io/v1alpha1",
        "Application",
        f"argocd/{place.name}",
        {
            "project": "default",
            "source": {
                "repoURL": repository.url,
                "targetRevision": "main",
                "path": "chart",
                "helm": {
                    "releaseName": "main",
                    "valuesObject": {"url": f"http://{host}:8080", "gateway": f"istio-system/{place.name}"},
                },
            },
            "destination": {"server": "https://kubernetes.default.svc", "namespace": place.name},
            "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
        },
    )
    application["metadata"]["finalizers"] = ["resources-finalizer.argocd.argoproj.io"]
    place.cluster.apply(application)

    def serves(image: str) -> bool:
        answer = place.gateway.get(host)
        return answer.status == 200 and answer.json["version"] == image.rpartition(":")[2]

    until(lambda: serves(FIRST), what="main's URL answers", seconds=SECONDS)
    repository.use(SECOND)
    until(lambda: serves(SECOND), what="a commit to main changes what main answers", seconds=SECONDS)

    namespace = f"--namespace={place.name}"
    place.cluster.kubectl("scale", "deployment/main", "--replicas=3", namespace)
    place.cluster.kubectl("delete", "service/main", namespace)

    def healed() -> bool:
        services = place.cluster.get("services", namespace)["items"]
        replicas = place.cluster.get("deployment/main", namespace)["spec"]["replicas"]
        return [service["metadata"]["name"] for service in services] == ["main"] and replicas == 1

    until(healed, what="drift made by hand is healed", seconds=SECONDS)
    place.cluster.kubectl("delete", "application", place.name, "--namespace=argocd")
    until(
        lambda: not place.cluster.get("deployments,services", namespace)["items"],
        what="an Application that goes takes its objects with it",
        seconds=SECONDS,
    )


@pytest.mark.alone
def test_addons_go_with_the_cluster() -> None:
    clusters.local("addons")
    assert _processes(), "they run"
    clusters.local("down")
    assert _processes() == {}, "no process of theirs is left"
    assert not Path("/run/branch-environments").exists(), "no socket"
    with socket.socket() as free:
        free.bind(("127.0.0.1", HTTPS_PORT))
    clusters.local("up")
    assert _processes() == {}, "a new cluster has no add-on until a command asks for one"
    assert _status().returncode == 0, "and misses none"
