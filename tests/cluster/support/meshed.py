"""A base stack that installs Istio from its own charts, and whose app's pods have a real proxy each.

There is one such Istio in the cluster at a time: its releases and what they make in the cluster have fixed names.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest

from core.names import namespace_name
from local import install, istio
from local.cluster.network import NODE_ADDRESS, POD_CIDR
from tests.cluster.support import cluster as clusters
from tests.cluster.support.bases import base_up, branches_on
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.gateway import Gateway
from tests.cluster.support.stacks import IMAGES, SECRETS, Base, Branches

GATEWAY_PORT = 80
ASKED = "asked"
"""A branch whose Services the proxies of all others know."""
_WITHIN = "deployments,daemonsets,services,serviceaccounts,configmaps,roles,rolebindings,poddisruptionbudgets"
_WIDE = "clusterroles,clusterrolebindings,mutatingwebhookconfigurations,validatingwebhookconfigurations"


@dataclass(frozen=True, kw_only=True)
class Meshed(Base):
    """Such a base stack. Its pods are `restricted`, which leaves no container the right to redirect anything."""

    def config(self, **more: Any) -> dict[str, Any]:
        """Install Istio, and have its proxy injected."""
        values = {
            "apps": [
                {
                    "name": self.app,
                    "domain": self.domain,
                    "istioRevision": istio.REVISION,
                    "podSecurity": "restricted",
                    "isolation": {"images": IMAGES, "secrets": SECRETS, "network": {"ingress": self.let_in}},
                    "lifecycle": {"maxEnvironments": 5},
                }
            ],
            "dataPlane": "sidecar",
            "addons": istio.addons(install.programs()),
            "gateway": {"name": self.app, "port": GATEWAY_PORT, "istioLabel": istio.GATEWAY_LABEL},
            "publicPort": str(GATEWAY_PORT),
        }
        return super().config(**{**values, **more})

    @property
    def longest(self) -> float:
        """Four charts, one after the other, each until its pods are ready."""
        return 400

    @property
    def let_in(self) -> list[dict[str, Any]]:
        """Say whom NetworkPolicies let in, so that what refuses them is the mesh: other branches, and strangers."""
        return [{"namespace": self.namespace}, {"namespace": self.elsewhere}]

    @property
    def elsewhere(self) -> str:
        """Name a namespace of strangers, in which pods have no proxy."""
        return f"{self.namespace}-elsewhere"

    @cached_property
    def gateway(self) -> Gateway:
        """The way in: the Service of the chart's gateway."""
        service = self.cluster.get("service", istio.GATEWAY, "--namespace=istio-system")
        return Gateway(GATEWAY_PORT, address=service["spec"]["clusterIP"])


def remove_istio(cluster: Cluster) -> None:
    """Remove what a run that was killed has left: Helm would not install a second one."""
    cluster.kubectl("delete", "secrets", "--namespace=istio-system", "--selector=owner=helm")
    for kinds in (_WITHIN, _WIDE):
        cluster.kubectl("delete", kinds, "--namespace=istio-system", "--selector=app.kubernetes.io/part-of=istio")


@pytest.fixture(scope="module")
def meshed(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meshed]:
    """Such a base stack, up, for one file of tests."""
    # Other tests that are alone with it remove the cluster.
    clusters.local("up")
    clusters.local("istio")
    remove_istio(cluster)
    yield from base_up(Meshed, cluster, tmp_path_factory.mktemp("meshed"))


@dataclass(frozen=True, kw_only=True)
class MeshedNamespaces(Meshed):
    """One that finds Istio there, whose app's branches have a namespace each and reach nobody else."""

    def home(self, slug: str, /) -> str:
        """Namespace of a branch: its own."""
        return namespace_name(self.namespace, slug)

    def config(self, **more: Any) -> dict[str, Any]:
        """Draw every boundary, but for what leads to one branch: there, the mesh alone refuses others.

        The local cluster's DNS is the node's own.
        """
        asked = namespace_name(self.namespace, ASKED)
        network = {
            "egress": [{"cidr": POD_CIDR}],
            "dns": [{"cidr": f"{NODE_ADDRESS}/32"}],
            "ingress": [{"cidr": "0.0.0.0/0"}],
        }
        app = {
            "name": self.app,
            "domain": self.domain,
            "istioRevision": istio.REVISION,
            "podSecurity": "restricted",
            "identity": {"perBranch": True},
            "isolation": {
                "images": IMAGES,
                "namespacePerBranch": True,
                "network": network,
                "mesh": {"hosts": [f"{asked}/*"]},
            },
        }
        return super().config(apps=[app], addons={}, **more)


@dataclass(frozen=True, kw_only=True)
class MeshedAccounts(Meshed):
    """One whose app's branches share a namespace and have an identity each, and where the mesh alone refuses others."""

    def config(self, **more: Any) -> dict[str, Any]:
        """Let the network, and the proxies of all branches, lead to one of them."""
        asked = f"{self.namespace}/{ASKED}.{self.namespace}.svc.cluster.local"
        app = {
            "name": self.app,
            "domain": self.domain,
            "istioRevision": istio.REVISION,
            "identity": {"perBranch": True},
            "isolation": {
                "images": IMAGES,
                "network": {"ingress": [{"cidr": "0.0.0.0/0"}]},
                "mesh": {"hosts": [asked]},
            },
        }
        return super().config(apps=[app], addons={}, **more)


@pytest.fixture(scope="module")
def meshed_accounts(meshed: Meshed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meshed]:
    """Such a base stack, up, for one file of tests."""
    yield from base_up(MeshedAccounts, meshed.cluster, tmp_path_factory.mktemp("meshed-accounts"))


@pytest.fixture(scope="module")
def meshed_namespaces(meshed: Meshed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meshed]:
    """Such a base stack, up, for one file of tests."""
    yield from base_up(MeshedNamespaces, meshed.cluster, tmp_path_factory.mktemp("meshed-namespaces"))


@pytest.fixture
def meshed_branches(meshed: Meshed) -> Iterator[Branches]:
    """Branches on it; what they leave is removed after the test."""
    yield from branches_on(meshed)
