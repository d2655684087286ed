"""What a killed `up` left open is brought in order, so that the next one need not know of it."""

from branchenv import console
from branchenv.clients import pulumi_cli
from branchenv.clients.pulumi_cli import PulumiError
from branchenv.model.base import App
from branchenv.model.context import Target
from branchenv.model.records import StackRecord
from branchenv.operations.conflicts import refuse_foreign


def heal(target: Target, record: StackRecord | None, app: App, *, interrupted: bool) -> None:
    """Bring a stack in order before `pulumi up`.

    The program itself adopts objects of its own that its state does not know: they have fixed names, labels and field
    manager. What remains is to drop operations that were never finished, and to refuse objects of somebody else, which
    would be adopted as well.

    Args:
        target: the branch.
        record: its stack as it was before it was selected; None if it is new.
        app: its app on the base stack.
        interrupted: whether a lock had to be broken: the state may be behind the cluster, and does not say so.

    Raises:
        BranchenvError: an object in the cluster belongs to somebody else, or `pulumi refresh` failed.
    """
    if record is None or not record.resources or interrupted:
        refuse_foreign(target, app)
    if record is None or not (record.pending or interrupted):
        return
    console.say(f"{target.stack}: the last `pulumi` was interrupted: its state is brought to what is in the cluster")
    try:
        pulumi_cli.refresh(target.stack)
    except PulumiError as e:
        if not (e.is_empty or e.is_missing):
            raise
