"""At most so many environments of an app are awake at a time."""

from dataclasses import replace
from datetime import UTC, datetime

from branchenv import console
from branchenv.clients.backend import Backend
from branchenv.model.base import app_of
from branchenv.model.context import Target
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import StackRecord
from core.contract import Base

_LISTED = 5
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def make_room(backend: Backend, base: Base, target: Target) -> None:
    """See that one more environment may be awake.

    Args:
        backend: of the app's stacks.
        base: with the app's limits.
        target: the environment that is to come.

    Raises:
        BranchenvError: the app has as many as it may have, and is to refuse more; with the oldest of them.
    """
    limits = app_of(base, target.app).lifecycle
    if limits.max_environments is None:
        return
    awake = [
        each
        for each in backend.stacks()
        if each.app == target.app
        and each.slug
        and each.name != target.stack
        and each.resources
        and not each.tags.asleep
    ]
    if len(awake) < limits.max_environments:
        return
    oldest = sorted(awake, key=_used)
    too_many = oldest[: len(awake) - limits.max_environments + 1]
    if limits.on_limit == "sleep":
        for each in too_many:
            _put_to_sleep(each, backend)
        return
    least = replace(target, branch=oldest[0].branch)
    listed = "".join(f"\n      {each.branch}, last used {_used(each):%Y-%m-%d %H:%M}" for each in oldest[:_LISTED])
    raise BranchenvError(
        f"{target.app} has {len(awake)} environments awake, and may have "
        f"{limits.max_environments}; the oldest:{listed}",
        fix=f"close a merge request, or: {least.command('down')} (or {least.command('sleep')})",
        code=ExitCode.CAP,
        field="app",
        value=target.app,
    )


def _used(record: StackRecord) -> datetime:
    moments = [each for each in (record.tags.updated, record.tags.active, record.last_update) if each]
    return max(moments, default=_LONG_AGO)


def _put_to_sleep(record: StackRecord, backend: Backend) -> None:
    from branchenv.operations.lifetime.sleep import sleep

    console.say(f"{record.name} is put to sleep: {record.app} has as many environments awake as it may have")
    sleep(backend, record, reason="another environment needed its place")
