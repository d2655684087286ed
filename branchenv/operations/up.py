"""`branchenv up`: select, `pulumi up`, announce."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from branchenv.clients import pulumi_cli
from branchenv.clients.pulumi_cli import PulumiError
from branchenv.model.context import Target
from branchenv.model.errors import BranchenvError
from branchenv.operations.select import Selected, Wanted, select

_ANSWER = 120.0
"""Seconds in which a URL is to answer once `pulumi up` is done."""
_LONG = 5.0
"""Seconds after which a person wants to know what `pulumi up` waits for."""


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
            with _telling_what_waits(selected):
                pulumi_cli.up(selected.target.stack, quiet=quiet)
            break
        except PulumiError as e:
            # Two that start at the same moment see each other's locks, and both give way.
            if e.is_locked and time.monotonic() < end:
                continue
            _explain_stopped(selected, e)
            # Imported here: only a failure needs it.
            from branchenv.why.failure import explained

            raise explained(e, selected.app, selected.target, shown=not quiet) from e
    record = selected.backend.stack(selected.target.stack)
    if record is None:
        raise _stopped(selected)
    _announce(selected)
    return record.url


def _announce(selected: Selected) -> None:
    # Imported here: asking a URL takes libraries that the rest does not need.
    from branchenv.operations.announce import announce

    announce(
        selected.backend,
        selected.target,
        timeout=_ANSWER,
        access=selected.app.access,
        namespace=selected.app.namespace_of(selected.target.slug),
    )


@contextmanager
def _telling_what_waits(selected: Selected) -> Iterator[None]:
    """Say at once what `pulumi up` would wait for in silence, from its fifth second on."""
    done = threading.Event()

    def look() -> None:
        if done.wait(_LONG):
            return
        # Imported here: most are done before.
        from branchenv.why.meanwhile import tell

        tell(selected.target, selected.app.namespace_of(selected.target.slug), done)

    threading.Thread(target=look, daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _explain_stopped(selected: Selected, error: PulumiError) -> None:
    if selected.backend.stack(selected.target.stack) is None:
        selected.backend.forget(selected.target.stack)
        raise _stopped(selected) from error


def _stopped(selected: Selected) -> BranchenvError:
    return BranchenvError(
        f"{selected.target.stack} was removed while it was to be deployed: somebody stopped the environment",
        fix="run it again if the environment is still wanted",
    )
