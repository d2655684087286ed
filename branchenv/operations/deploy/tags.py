"""What a deploy notes on its stack: whose it is, what is deployed, when the environment ends."""

import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from branchenv import locks
from branchenv.clients import processes
from branchenv.model.context import Pipeline, Target
from branchenv.model.errors import bad_input
from branchenv.model.records import StackRecord, Tags
from branchenv.operations.deploy import order
from branchenv.operations.deploy.wanted import Wanted, checkout_of
from core.contract import App

_DIGITS = string.digits + string.ascii_lowercase


def tags_of(
    target: Target,
    wanted: Wanted,
    job: Pipeline | None,
    record: StackRecord | None,
    expires: datetime | None,
    *,
    deploys: bool = True,
) -> Tags:
    """Return what is noted of a deploy, or of a look at what it would change."""
    now = datetime.now(UTC)
    # An environment that was stopped and comes back is a new one.
    before = record.tags if record and record.resources else Tags()
    source = checkout_of(wanted, job)
    return replace(
        before,
        branch=target.branch,
        app=target.app,
        project=target.project or before.project,
        merge_request=(job.merge_request if job else None) or before.merge_request,
        commit=source.commit,
        root=source.root,
        rolled_back=before.commit if wanted.rollback else before.rolled_back if wanted.again else "",
        pipeline_id=order.newest(record, job) if deploys and not wanted.again else before.pipeline_id,
        data=new_data(now) if wanted.fresh_data or record is None or not record.resources else before.data,
        pipeline=job.url if job else "",
        job=locks.job_tag(job.job) if job else "",
        owner=(job.user if job else "") or processes.user_name(),
        created=before.created or now,
        updated=now,
        expires=expires,
        asleep=False,
        warned=None,
    )


def expiry(asked: timedelta | None, app: App, record: StackRecord | None) -> datetime | None:
    """When the environment ends. What somebody has extended is not cut short by a push."""
    now = datetime.now(UTC)
    if asked is None:
        if app.lifecycle.lifetime is None:
            return None
        end = now + app.lifecycle.lifetime
        before = record.tags.expires if record and record.resources else None
        return max(end, before) if before else end
    longest = app.lifecycle.max_lifetime
    if asked <= timedelta():
        rule, fix = "an environment cannot end in the past", "give a duration from now, e.g. 3d"
    elif longest is not None and asked > longest:
        rule, fix = f"the base stack allows this app at most {_written(longest)}", "give a shorter one"
    else:
        return now + asked
    raise bad_input("--expires-in", _written(asked), rule, fix)


def new_data(now: datetime) -> str:
    """Return a name that no data of the branch had before, short enough for the names of databases: the second."""
    number, name = int(now.timestamp()), ""
    while number:
        number, digit = divmod(number, len(_DIGITS))
        name = _DIGITS[digit] + name
    return name


def _written(duration: timedelta) -> str:
    import humanize

    return humanize.precisedelta(duration, minimum_unit="minutes") if duration > timedelta() else "0"
