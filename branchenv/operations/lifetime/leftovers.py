"""Objects in the cluster of an environment that has no stack any more."""

from branchenv import console
from branchenv.clients.backend import Backend
from branchenv.model.context import Target
from branchenv.model.errors import BranchenvError


def remove(backend: Backend, target: Target) -> None:
    """Remove objects that no state knows: an `up` that was killed may have made its anchor without recording it.

    Looked for first, and removed only if there is still no stack then: what was found cannot belong to a deploy that
    has begun meanwhile. A cluster that cannot be asked is no error: a sweep finds them as well.

    Args:
        backend: of the stack.
        target: the branch.
    """
    from branchenv.clients.kubernetes import Cluster
    from branchenv.inventory.cluster_records import environments

    try:
        cluster = Cluster.connect(target.base)
        # What has no anchor any more is on its way out with it.
        found = [
            each for each in environments(cluster, target.app, target.slug) if each.anchor or each.branch_namespace
        ]
        if not found or backend.stack(target.stack) is not None or backend.locks(target.stack):
            return
        for record in found:
            cluster.delete(record)
            what = f"namespace {record.namespace}" if record.branch_namespace else f"{record.namespace}/{record.anchor}"
            console.say(f"{what}: removed from the cluster, it had no stack")
    except BranchenvError as e:
        console.warn(f"whether anything is left in the cluster is not known: {e.rule}")
