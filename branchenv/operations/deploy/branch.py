"""Whether a branch is still there: one that was deleted is not deployed, as no job would remove its environment."""

from branchenv import console
from branchenv.model.context import Pipeline, Target
from branchenv.model.errors import BranchenvError


def branch_exists(target: Target, job: Pipeline | None) -> bool:
    """Whether git has the branch; what cannot be known is taken for yes.

    Args:
        target: the branch.
        job: in its pipeline. None: a person is at work, and nobody is asked.
    """
    if job is None or not job.remote or job.from_fork or job.branch != target.branch:
        return True
    # Imported here: a person's deploy needs none of it.
    from branchenv.clients.git import branches

    try:
        return target.branch in branches(job.remote)
    except BranchenvError as e:
        console.warn(f"nothing tells whether the branch still exists: {e.rule}")
        return True
