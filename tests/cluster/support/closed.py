"""A base stack with every boundary in the network: branches reach next to nobody, and count as having sidecars.

Its pods may be root, which those of the other base stacks may not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.cluster.support.bases import base_up, branches_on
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.endings import Endings
from tests.cluster.support.stacks import IMAGES, Base, Branches


@dataclass(frozen=True, kw_only=True)
class Closed(Base):
    """Such a base stack."""

    def config(self, **more: Any) -> dict[str, Any]:
        """Close what is open by default. The local cluster's DNS is the node's own."""
        network = {"egress": [{"namespace": "kube-system", "ports": [1]}], "dns": [{"cidr": "198.18.255.2/32"}]}
        isolation = {"images": IMAGES, "network": network, "mesh": {"hosts": ["payments/*"]}, "runAsRoot": True}
        app = {"name": self.app, "domain": self.domain, "isolation": isolation}
        return super().config(apps=[app], dataPlane="sidecar", **more)


@pytest.fixture(scope="session")
def closed(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory, endings: Endings) -> Iterator[Base]:
    """Such a base stack of this worker's, up."""
    yield from base_up(Closed, cluster, tmp_path_factory.mktemp("closed"), endings)


@pytest.fixture
def closed_branches(closed: Base) -> Iterator[Branches]:
    """Branches on it; what they leave is removed after the test."""
    yield from branches_on(closed)
