"""The contract of a base stack, read from its cluster, in `branchenv`'s own errors."""

from typing import TYPE_CHECKING

from branchenv.model.errors import BranchenvError, ExitCode
from core import publication
from core.contract import Base

if TYPE_CHECKING:
    from branchenv.clients.kubernetes import Cluster


def base_of(name: str) -> Base:
    """Read what a base stack has published in the cluster that KUBECONFIG names.

    Args:
        name: of the base stack.

    Raises:
        BranchenvError: the cluster does not answer, or has no such base stack.
    """
    # Imported here: most of what uses a base stack's contract is given it.
    from branchenv.clients.kubernetes import Cluster

    return read_base(Cluster.connect(), name)


def read_base(cluster: "Cluster", name: str) -> Base:
    """Read what a base stack has published in a cluster.

    Args:
        cluster: to ask.
        name: of the base stack.

    Raises:
        BranchenvError: the cluster does not answer, or has no such base stack.
    """
    answer = cluster.answer(publication.path(name))
    try:
        return publication.read(answer, name)
    except publication.ContractError as e:
        raise BranchenvError(e.rule, fix=e.fix, code=ExitCode.BASE, field="base", value=name) from e
