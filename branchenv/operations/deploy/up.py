"""`branchenv up`: select, `pulumi up`, announce."""

import time
from contextlib import AbstractContextManager
from threading import Event

from branchenv import locks
from branchenv.clients import pulumi_cli
from branchenv.clients.pulumi_cli import PulumiError
from branchenv.model.context import Target
from branchenv.model.errors import BranchenvError
from branchenv.model.records import StackRecord
from branchenv.note import events
from branchenv.operations.config import stack_config
from branchenv.operations.deploy.select import Selected, remember, select
from branchenv.operations.deploy.wanted import Wanted
from branchenv.operations.repair import repair
from branchenv.operations.repair.drift import Drift, What
from core.background import alongside

_ANSWER = 120.0
"""Seconds in which a URL is to answer once `pulumi up` is done."""
_LONG = 5.0
"""Seconds after which a person wants to know what `pulumi up` waits for."""


def up(target: Target, wanted: Wanted, *, max_wait: float, quiet: bool) -> StackRecord:
    """Deploy a branch.

    Args:
        target: the branch.
        wanted: what the environment is to be.
        max_wait: seconds to wait for somebody else who works on the stack.
        quiet: show Pulumi's output only if it fails.

    Returns:
        Its stack, as it is then.

    Raises:
        BranchenvError: it failed, or a stop removed the environment meanwhile.
    """
    with events.failures(target):
        selected = _deployed(target, wanted, max_wait=max_wait, quiet=quiet)
    record = selected.backend.stack(selected.target.stack)
    if record is None:
        raise _stopped(selected)
    _announce(selected)
    return record


def _deployed(target: Target, wanted: Wanted, *, max_wait: float, quiet: bool) -> Selected:
    """Select and `pulumi up`, also while somebody else works on the stack."""
    end = time.monotonic() + max_wait
    brought_back = False
    while True:
        selected = select(target, wanted, max_wait=max(0.0, end - time.monotonic()))
        try:
            with stack_config.of_one_run(selected.config) as file:
                with _telling_what_waits(selected):
                    pulumi_cli.up(selected.target.stack, quiet=quiet, config_file=file)
                # With what the CLI has added: how a new stack is encrypted.
                remember(selected.target, stack_config.read(file))
        except PulumiError as e:
            # Two that start at the same moment see each other's locks, and both give way.
            if e.is_locked and time.monotonic() < end:
                locks.give_way()
                continue
            _explain_stopped(selected, e)
            if not brought_back and (drifted := _deleted_meanwhile(selected, e)):
                repair.bring_back(*drifted)
                brought_back = True
                continue
            # Imported here: only a failure needs it.
            from branchenv.why.failure import explained

            raise explained(e, selected.app, selected.target, shown=not quiet) from e
        return selected


def _deleted_meanwhile(selected: Selected, error: PulumiError) -> tuple[StackRecord, list[Drift]] | None:
    """Return what was deleted between the look before `pulumi up` and its failure; None if nothing was."""
    if not any(each.of_kubernetes for each in error.log.errors):
        return None
    record = selected.backend.stack(selected.target.stack)
    drifted = [each for each in repair.drift_of(record) if each.what != What.CHANGED]
    return (record, drifted) if record and drifted else None


def _announce(selected: Selected) -> None:
    # Imported here: asking a URL takes libraries that the rest does not need.
    from branchenv.operations.deploy.announce import announce
    from branchenv.operations.deploy.readiness import Check

    namespace = selected.app.namespace_of(selected.target.slug)
    announce(selected.backend, selected.target, Check(timeout=_ANSWER, access=selected.app.access, namespace=namespace))


def _telling_what_waits(selected: Selected) -> AbstractContextManager[None]:
    """Say what `pulumi up` waits for without a word, from its fifth second on.

    In a thread, as `pulumi up` runs meanwhile; it is not joined, as the API server may be slow to answer.
    """

    def look(done: Event) -> None:
        if done.wait(_LONG):
            return
        # Imported here: most are done before.
        from branchenv.why.meanwhile import tell

        tell(selected.target, selected.app.namespace_of(selected.target.slug), done)

    return alongside("what waits", look, join=False)


def _explain_stopped(selected: Selected, error: PulumiError) -> None:
    if selected.backend.stack(selected.target.stack) is None:
        selected.backend.forget(selected.target.stack)
        raise _stopped(selected) from error


def _stopped(selected: Selected) -> BranchenvError:
    return BranchenvError(
        f"{selected.target.stack} was removed while it was to be deployed: somebody stopped the environment",
        fix="run it again if the environment is still wanted",
    )
