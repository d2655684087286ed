"""Puts off when an environment expires."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from branchenv.clients.backend import Backend
from branchenv.model.context import Target
from branchenv.model.errors import BranchenvError, bad_input
from branchenv.note import events
from branchenv.note.writer import NoteTarget
from branchenv.operations.lookup import deployed
from core.contract import Lifecycle


@dataclass(frozen=True, kw_only=True)
class Extended:
    """What came of it."""

    branch: str
    url: str
    expires: datetime
    before: datetime | None
    note: str
    """What became of the note: edited, unchanged, or nothing."""


def extend(
    backend: Backend,
    target: Target,
    lifecycle: Lifecycle,
    extension: timedelta | datetime,
    environ: Mapping[str, str] = os.environ,
) -> Extended:
    """Put an environment's end off.

    Args:
        backend: of the branch's stack.
        target: the branch, with the slugs that the base stack reserves.
        lifecycle: of the app's environments.
        extension: how much longer (from now, if it has expired already), or until when, with a time zone.
        environ: variables that name GitLab and a token.

    Raises:
        BranchenvError: there is no such environment, it has no end, or it may not stay so long.
    """
    record = deployed(backend, target)
    if record.tags.expires is None:
        raise bad_input(
            "branch",
            target.branch,
            "this environment never expires: there is nothing to extend",
            f"remove it when it is no longer needed: {target.command('down')}",
        )
    now = datetime.now(UTC)
    expires = (
        until(record.tags.expires, extension, lifecycle.max_lifetime, now)
        if isinstance(extension, datetime)
        else later(record.tags.expires, extension, lifecycle.max_lifetime, now)
    )
    backend.write_tags(record.name, replace(record.tags, expires=expires, updated=now))
    note = events.extended(NoteTarget.of(target, record.tags), expires, environ=environ)
    return Extended(branch=target.branch, url=record.url, expires=expires, before=record.tags.expires, note=note.note)


def later(expires: datetime, by: timedelta, longest: timedelta | None, now: datetime) -> datetime:
    """Return the new end.

    Args:
        expires: the old one.
        by: how much longer.
        longest: how far from now the end may be; None for any.
        now: with a time zone.

    Raises:
        BranchenvError: it would be in the past, or too far away.
    """
    if by <= timedelta():
        raise _bad(by, "an environment is not extended into the past", "give a duration of more than 0, e.g. 3d")
    try:
        end = max(expires, now) + by
    except OverflowError as e:
        raise _bad(by, "that is longer than the calendar", "give a shorter one, e.g. 3d") from e
    if longest is not None and end > now + longest:
        most = now + longest - max(expires, now)
        fix = (
            f"give at most {_written(most)}"
            if most >= timedelta(minutes=1)
            else "nothing: it stays as long as it may; extend it again later"
        )
        raise _bad(by, f"the base stack lets an environment of this app end at most {_written(longest)} from now", fix)
    return end


def until(expires: datetime, end: datetime, longest: timedelta | None, now: datetime) -> datetime:
    """Return the new end, as asked for.

    Args:
        expires: the old one.
        end: the one asked for.
        longest: how far from now the end may be; None for any.
        now: with a time zone, as the others.

    Raises:
        BranchenvError: it is in the past, before the old one, or too far away.
    """
    if end <= now:
        raise _bad_end(end, "an environment is not extended into the past", f"give a time after {_moment(now)}")
    if end < expires:
        raise _bad_end(
            end,
            f"the environment stays until {_moment(expires)} already: it is extended, never cut short",
            "give a later time, or remove the environment when it is no longer needed",
        )
    if longest is not None and end - now > longest:
        rule = f"the base stack lets an environment of this app end at most {_written(longest)} from now"
        raise _bad_end(end, rule, f"give {_moment(now + longest)} at the latest")
    return end


def _moment(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def _bad_end(end: datetime, rule: str, fix: str) -> BranchenvError:
    return bad_input("--until", _moment(end), rule, fix)


def _written(duration: timedelta) -> str:
    minutes = int(duration.total_seconds()) // 60
    parts = ((minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "m"))
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0"


def _bad(by: timedelta, rule: str, fix: str) -> BranchenvError:
    return bad_input("--by", _written(by), rule, fix)
