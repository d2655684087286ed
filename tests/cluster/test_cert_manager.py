"""cert-manager from its own chart, by the base stack that uses it: installed first, destroyed last, nothing waits."""

import json
import ssl
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local import cert_manager
from local.cluster.network import GATEWAY_HTTPS_PORT
from tests.cluster.support import cluster as clusters
from tests.cluster.support.bases import base_up
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.gateway import HttpsGateway
from tests.cluster.support.pulumi import Pulumi
from tests.cluster.support.stacks import FIRST, Base, Branches
from tests.cluster.support.waiting import until
from tests.cluster.test_addons import HTTPS_PORT

# The cluster's own cert-manager must not be there: Helm takes no definitions that it has not made.
pytestmark = pytest.mark.alone

_NAMESPACE = "--namespace=cert-manager"


@dataclass(frozen=True, kw_only=True)
class _Certified(Base):
    """A base stack that installs cert-manager and has its certificate from it."""

    def config(self, **more: Any) -> dict[str, Any]:
        """Ask for both."""
        gateway = super().config()["branch-environments:gateway"] | {"httpsPort": GATEWAY_HTTPS_PORT}
        made = super().config(gateway=gateway, ingress={"tls": True}, addons=cert_manager.addons(), **more)
        return made | {"branch-environments:publicPort": HTTPS_PORT}


@pytest.fixture
def fresh(cluster: Cluster) -> Iterator[Cluster]:
    """The local cluster as it begins."""
    clusters.local("down")
    clusters.local("up")
    clusters.local("cert-manager")
    yield cluster
    # Its definitions stay, as Helm's.
    clusters.local("down")


def test_one_up_installs_cert_manager_and_serves_its_certificate_and_one_destroy_removes_both(
    fresh: Cluster, workdir: Path
) -> None:
    made = base_up(_Certified, fresh, workdir)
    base = next(made)
    pods = fresh.get("pods", _NAMESPACE, "--field-selector=status.phase=Running")["items"]
    assert {each["metadata"]["labels"]["app.kubernetes.io/component"] for each in pods} == {
        "cainjector",
        "controller",
        "webhook",
    }, "its pods run"
    issuer = {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Issuer",
        "metadata": {"name": "wrong", "namespace": base.namespace},
        "spec": {"selfSigned": {}, "ca": {"secretName": "x"}},
    }
    with pytest.raises(AssertionError, match="may not specify more than one issuer type"):
        fresh.kubectl("create", "--dry-run=server", "--filename=-", stdin=json.dumps(issuer))

    pulumi = Pulumi(base.folder, base.env)
    namespace, _, name = pulumi.json("stack", "output", "--json", "--stack", base.stack)["caSecret"].partition("/")
    authority = b64decode(fresh.get("secret", name, f"--namespace={namespace}")["data"]["ca.crt"]).decode()
    gateway = HttpsGateway(HTTPS_PORT, trusting=ssl.create_default_context(cadata=authority))
    branches = Branches(base)
    branch = branches("feature/certified")
    branch.up(image=FIRST)
    until(lambda: gateway.get(branch.host).status == 200, what="the URL answers with a certificate that it issued")
    branches.remove()

    again = pulumi.run("up", "--yes", "--skip-preview", "--stack", base.stack).ok().output
    assert "updated" not in again, f"an unchanged `up` changes nothing:\n{again}"
    list(made)
    assert not fresh.get("deployments", _NAMESPACE)["items"], "its chart is gone, after what it had to look after"
    left = fresh.get("clusterissuers,certificates", "--all-namespaces")["items"]
    assert not left, "and no object waits for a controller that is gone"
