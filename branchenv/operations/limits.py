"""At most so many environments of an app are awake at a time."""

from datetime import UTC, datetime

from branchenv import console
from branchenv.clients.backend import Backend
from branchenv.model.base import Base
from branchenv.model.context import Target
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import StackRecord

_LISTED = 5
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def make_room(backend: Backend, base: Base, target: Target) -> None:
    """See that one more environment may be awake.

    Args:
        backend: of the app's stacks.
        base: with the app's policy.
        target: the environment that is to come.

    Raises:
        BranchenvError: the app has as many as it may have, and the policy is to refuse; with the oldest of them.
    """
    policy = base.app(target.app).policy
    if policy.most is None:
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
    if len(awake) < policy.most:
        return
    oldest = sorted(awake, key=_used)
    too_many = oldest[: len(awake) - policy.most + 1]
    if policy.at_cap == "sleep":
        for each in too_many:
            _put_to_sleep(each, backend)
        return
    listed = "".join(f"\n      {each.branch}, last used {_used(each):%Y-%m-%d %H:%M}" for each in oldest[:_LISTED])
    raise BranchenvError(
        f"{target.app} has {len(awake)} environments awake, and may have {policy.most}; the oldest:{listed}",
        fix=f"close a merge request, or: branchenv down --branch {oldest[0].branch} (or `branchenv sleep`)",
        code=ExitCode.CAP,
        field="app",
        value=target.app,
    )


def _used(record: StackRecord) -> datetime:
    moments = [each for each in (record.tags.updated, record.tags.active, record.last_update) if each]
    return max(moments, default=_LONG_AGO)


def _put_to_sleep(record: StackRecord, backend: Backend) -> None:
    from branchenv.operations.sleep import sleep

    console.say(f"{record.name} is put to sleep: {record.app} has as many environments awake as it may have")
    sleep(backend, record, reason="another environment needed its place")
