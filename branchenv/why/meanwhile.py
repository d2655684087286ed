"""Why pods do not start, printed while `pulumi up` still waits without saying so."""

import threading

from branchenv import console
from branchenv.clients.kubernetes import Cluster
from branchenv.model.context import Target
from branchenv.model.errors import BranchenvError
from branchenv.why import evidence, workloads
from branchenv.why.reason import Reason, ReasonKind

_AGAIN = 5.0
_SILENT = (ReasonKind.ROOM, ReasonKind.REFUSED)
"""What the Kubernetes provider does not show while it waits."""


def tell(target: Target, namespace: str, done: threading.Event) -> None:
    """Look at the pods until `pulumi up` is done; say each thing once.

    Args:
        target: the branch, with the slugs that the base stack reserves.
        namespace: that it is in.
        done: set when there is nothing more to wait for.
    """
    printed: set[str] = set()
    while not done.is_set():
        try:
            found = _waits(Cluster.connect(), target, namespace)
        except BranchenvError:
            # It is `pulumi up` that says so.
            return
        for each in found:
            if str(each) not in printed and not done.is_set():
                printed.add(str(each))
                console.warn(f"{each}; it is waited for")
        done.wait(_AGAIN)


def _waits(cluster: Cluster, target: Target, namespace: str) -> list[Reason]:
    troubled = workloads.troubled(target, evidence.listed(cluster, target, namespace))
    every = [reason for each in troubled for reason in workloads.explain(target, each, workloads.Details())]
    return [each for each in every if each.kind in _SILENT]
