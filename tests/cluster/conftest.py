"""What tests on the real cluster share."""

from tests.cluster.support.closed import closed, closed_branches
from tests.cluster.support.endings import endings
from tests.cluster.support.fixtures import (
    base,
    branch_namespaces,
    branch_service_accounts,
    branches,
    cluster,
    gateway,
    workdir,
)

__all__ = [
    "base",
    "branch_namespaces",
    "branch_service_accounts",
    "branches",
    "closed",
    "closed_branches",
    "cluster",
    "endings",
    "gateway",
    "workdir",
]
