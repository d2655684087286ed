"""A base stack with every boundary in the network: branches reach next to nobody, and count as having sidecars.

Its pods may be root, which those of the other base stacks may not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.cluster.support.cluster import Cluster
from tests.cluster.support.slots import slot
from tests.cluster.support.stacks import IMAGES, Base, Branches, copy_program


@dataclass(frozen=True, kw_only=True)
class Closed(Base):
    """Such a base stack."""

    def config(self, **more: Any) -> dict[str, Any]:
        """Close what is open by default. The local cluster's DNS is the node's own."""
        network = {"egress": [{"namespace": "kube-system", "ports": [1]}], "dns": [{"cidr": "198.18.255.2/32"}]}
        isolation = {"images": IMAGES, "network": network, "mesh": {"hosts": ["payments/*"]}, "runAsRoot": True}
        app = {"name": self.app, "domain": self.domain, "isolation": isolation}
        return super().config(apps=[app], dataPlane="sidecar", **more)


@pytest.fixture(scope="module")
def closed(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Base]:
    """Such a base stack, up, for one file of tests."""
    with slot(cluster) as app:
        program = copy_program(tmp_path_factory.mktemp("closed") / "program")
        made = Closed(cluster=cluster, app=app, folder=program, env=cluster.env)
        made.up()
        yield made
        made.destroy().ok()


@pytest.fixture
def closed_branches(closed: Base) -> Iterator[Branches]:
    """Branches on it; what they leave is removed after the test."""
    made = Branches(closed)
    yield made
    made.remove()
