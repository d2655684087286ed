"""What tests on the real cluster share, those of the pipeline too.

Every worker has a base stack of its own, with an app, a namespace, a domain, a Gateway object and a Pulumi backend that
no other worker and no other run uses; every test has branch stacks of its own, and removes them.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.support import cluster as clusters
from tests.cluster.support.bases import base_up, branches_on
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.endings import Endings
from tests.cluster.support.gateway import Gateway
from tests.cluster.support.stacks import Base, Branches, BranchNamespaces, BranchServiceAccounts


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Cluster:
    """The local cluster, started if need be, with a Pulumi backend for this worker alone."""
    own = tmp_path_factory.getbasetemp()
    found = clusters.start(own if worker_id == "master" else own.parent)
    backend = own / "pulumi-state"
    backend.mkdir()
    found.env.update(PULUMI_BACKEND_URL=f"file://{backend}?metadata=skip", PULUMI_CONFIG_PASSPHRASE="test")
    return found


@pytest.fixture(scope="session")
def base(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory, endings: Endings) -> Iterator[Base]:
    """This worker's base stack, up."""
    yield from base_up(Base, cluster, tmp_path_factory.mktemp("clone"), endings)


@pytest.fixture(scope="session")
def branch_service_accounts(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory, endings: Endings
) -> Iterator[Base]:
    """A base stack of this worker's whose branches have a ServiceAccount each, up."""
    yield from base_up(BranchServiceAccounts, cluster, tmp_path_factory.mktemp("own-accounts"), endings)


@pytest.fixture(scope="session")
def branch_namespaces(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory, endings: Endings) -> Iterator[Base]:
    """A base stack of this worker's whose branches have a namespace each, up."""
    yield from base_up(BranchNamespaces, cluster, tmp_path_factory.mktemp("own-namespaces"), endings)


@pytest.fixture
def gateway(base: Base) -> Gateway:
    """The way in."""
    return base.gateway


@pytest.fixture
def branches(base: Base) -> Iterator[Branches]:
    """Makes branches; destroys them after the test, and sees that nothing is left."""
    yield from branches_on(base)


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    """An empty folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder
