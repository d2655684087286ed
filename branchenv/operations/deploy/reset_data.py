"""Give a branch fresh data: what it runs is deployed again with another name for them."""

from dataclasses import replace

from branchenv.clients.backend import open_backend
from branchenv.model.context import Target
from branchenv.model.errors import bad_input
from branchenv.model.records import StackRecord
from branchenv.operations import lookup
from branchenv.operations.config import deployed_from
from branchenv.operations.config.stack_config import SOURCE
from branchenv.operations.deploy import up
from branchenv.operations.deploy.wanted import Checkout, wanted_again
from branchenv.operations.ownership import check_owner, check_state


def reset_data(target: Target, *, max_wait: float, quiet: bool) -> StackRecord:
    """Deploy what is deployed with a new BRANCH_DATA: jobs run again, those that run once as well.

    An attempt that fails leaves the version with the data before answering, and the next push, or the same command,
    tries again.

    Args:
        target: the branch.
        max_wait: seconds to wait for somebody else who works on the stack.
        quiet: show Pulumi's output only if it fails.

    Returns:
        Its stack, as it is then.

    Raises:
        BranchenvError: there is no such environment, it is asleep, or it failed.
    """
    backend = open_backend()
    found = lookup.find(backend, target)
    check_owner(found.target, found.record)
    check_state(found.record, backend)
    if found.record.tags.asleep:
        raise bad_input(
            "branch",
            found.target.branch,
            f"{found.record.name} is asleep: jobs find no pods to fill with data",
            f"wake it first: {found.target.command('wake')}",
        )
    with deployed_from.config_of(found.record) as config:
        noted, tags = config.get(SOURCE) or {}, found.record.tags
        source = Checkout(commit=noted.get("commit", tags.commit), root=noted.get("root", tags.root))
        wanted = replace(wanted_again(config, source), fresh_data=True)
        return up.up(found.target, wanted, max_wait=max_wait, quiet=quiet)
