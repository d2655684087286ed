"""What tests on the real cluster share."""

from tests.cluster.support.closed import closed, closed_branches
from tests.cluster.support.fixtures import base, branches, cluster, gateway, own_accounts, own_namespaces, workdir

__all__ = [
    "base",
    "branches",
    "closed",
    "closed_branches",
    "cluster",
    "gateway",
    "own_accounts",
    "own_namespaces",
    "workdir",
]
