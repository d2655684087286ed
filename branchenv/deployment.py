"""`branchenv up`: select, `pulumi up`, announce."""

import time

from branchenv import pulumi
from branchenv.context import Target
from branchenv.errors import BranchenvError
from branchenv.pulumi import PulumiError
from branchenv.selection import Selected, Wanted, select

_ANSWER = 120.0
"""Seconds in which a URL is to answer once `pulumi up` is done."""


def up(target: Target, wanted: Wanted, *, patience: float, quiet: bool) -> str:
    """Deploy a branch.

    Args:
        target: the branch.
        wanted: what the environment is to be.
        patience: seconds to wait for somebody else who works on the stack.
        quiet: show Pulumi's output only if it fails.

    Returns:
        The URL.

    Raises:
        BranchenvError: it failed, or a stop removed the environment meanwhile.
    """
    end = time.monotonic() + patience
    while True:
        selected = select(target, wanted, patience=max(0.0, end - time.monotonic()))
        try:
            pulumi.up(selected.target.stack, quiet=quiet)
            break
        except PulumiError as e:
            # Two that start at the same moment see each other's locks, and both give way.
            if e.is_locked and time.monotonic() < end:
                continue
            _explain_stopped(selected, e)
            raise
    record = selected.backend.stack(selected.target.stack)
    if record is None:
        raise _stopped(selected)
    _announce(selected)
    return record.url


def _announce(selected: Selected) -> None:
    # Imported here: asking a URL takes libraries that the rest does not need.
    from branchenv.announce import announce

    announce(selected.backend, selected.target, timeout=_ANSWER, access=selected.access)


def _explain_stopped(selected: Selected, error: PulumiError) -> None:
    if selected.backend.stack(selected.target.stack) is None:
        selected.backend.forget(selected.target.stack)
        raise _stopped(selected) from error


def _stopped(selected: Selected) -> BranchenvError:
    return BranchenvError(
        f"{selected.target.stack} was removed while it was to be deployed: somebody stopped the environment",
        fix="run it again if the environment is still wanted",
    )
