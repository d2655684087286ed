"""What happens to an environment, written to its note: one function per event."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from branchenv.console import cut
from branchenv.model.context import Target, pipeline
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import StackRecord, Tags
from branchenv.note.facts import Facts, NoteState
from branchenv.note.writer import NoteOptions, NoteResult, NoteTarget, tell, tell_meanwhile

SWEEP = "the sweep"
"""Who removes or puts to sleep what nobody wants any more."""
REASONS_VARIABLE = "BRANCHENV_NOTE_REASONS"
"""`no` keeps the reasons of a failure, which may quote an app's log, in the job's log alone."""
_IN_PLACE = NoteOptions(new=False)
_ANSWER = 2.0
"""Seconds in which a URL is to answer after a failure, to be called up."""
_LINES, _LONGEST = 3, 300
_LOGIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True, kw_only=True)
class DeployResult:
    """What a URL answered after a deploy."""

    text: str
    well: bool
    asleep: bool = False
    """Whether it was the page of a sleeping environment."""
    reasons: tuple[str, ...] = ()
    """Why it does not answer, a line each."""
    since_push: float | None = None
    """Seconds from the push to the answer."""
    since_job: float | None = None
    """Seconds from the job's start to the answer."""


def begins(
    target: Target, tags: Tags, url: str, *, back: str | None = None, environ: Mapping[str, str] = os.environ
) -> None:
    """Write to the note that a deploy begins, while it does.

    Args:
        target: the branch, with the slugs that the base stack reserves.
        tags: of its stack, as they were.
        url: that it has had until now; empty for a new one.
        back: commit that a rollback brings back, empty if it is not known. None: it is a push that is deployed.
        environ: variables that name GitLab and a token, and those of a job.
    """
    if back is not None:
        _rollbacks[target.branch] = Rollback(to=back, of=tags.commit)

    def change(facts: Facts) -> Facts:
        begun = replace(_deployed(facts, environ), state=NoteState.DEPLOYING, at=datetime.now(UTC), url=url, reasons=())
        return begun if url else replace(begun, live="", images={}, before={}, expires=None)

    place = NoteTarget.of(target, tags)
    _begun[target.branch] = place
    tell_meanwhile(place, change, environ=environ)


@dataclass(frozen=True, kw_only=True)
class Rollback:
    """A deploy that brings back what was there before."""

    to: str
    """Commit that is brought back; empty where none is known."""
    of: str
    """Commit that is taken back."""


@contextmanager
def failures(target: Target, *, environ: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Write to the note if the deploy fails in this block.

    A person's command that ends before it has begun to change anything is nobody else's business.
    """
    try:
        yield
    except BranchenvError as e:
        begun = _begun.get(target.branch)
        if e.code not in (ExitCode.BRANCH_DELETED, ExitCode.OUTDATED) and (begun or pipeline(environ)):
            failed(begun or NoteTarget.of(target), of_error(e), environ=environ)
        raise


def failed(
    place: NoteTarget, reasons: Sequence[str], *, deploy: bool = True, environ: Mapping[str, str] = os.environ
) -> None:
    """Write to the note that a deploy has failed, and what still answers.

    Args:
        place: which environment.
        reasons: a line each.
        deploy: whether it is the job's own commit that failed; else the one that is there already.
        environ: variables that name GitLab and a token, and those of a job.
    """

    def change(facts: Facts) -> Facts:
        now = _deployed(facts, environ) if deploy else facts
        now = replace(now, state=NoteState.FAILED, at=datetime.now(UTC), reasons=_shown(reasons, environ), soon=False)
        return _asked(now) if facts.url else now

    tell(place, change, environ=environ)


def cancelled(place: NoteTarget, *, environ: Mapping[str, str] = os.environ) -> None:
    """Write to the note that a deploy was cancelled. Which version answers is not known: it may be the new one."""

    def change(facts: Facts) -> Facts:
        now = replace(_deployed(facts, environ), state=NoteState.FAILED, at=datetime.now(UTC), soon=False, live="")
        url = (f"its URL answers: {_asked(now).answered}",) if facts.url else ()
        return replace(now, answers=None, reasons=("the job was cancelled before it came to its end", *url))

    tell(place, change, environ=environ)


def of_error(error: BranchenvError) -> tuple[str, ...]:
    """Return an error's reasons in short, for a note."""
    if error.brief:
        return tuple(error.brief)
    about = f"{error.field} {error.value}: {error.rule}" if error.field else error.rule
    lines = [line.strip() for line in about.splitlines() if line.strip()]
    return tuple(cut(line, _LONGEST) for line in lines[:_LINES])


def answers(
    target: Target, record: StackRecord, answer: DeployResult, *, environ: Mapping[str, str] = os.environ
) -> NoteResult:
    """Write to the note what a URL answers after a deploy.

    Args:
        target: the branch, with the slugs that the base stack reserves.
        record: its stack, as it was deployed.
        answer: of its URL.
        environ: variables that name GitLab and a token, and those of a job.
    """

    def change(facts: Facts) -> Facts:
        images = _named(record, "images")
        tags = record.tags
        back = Rollback(to=tags.commit, of=tags.rolled_back) if tags.rolled_back else None
        now = _deployed(facts, environ, back)
        commit = now.commit or tags.commit
        return replace(
            now,
            state=NoteState.ASLEEP if answer.asleep else NoteState.UP if answer.well else NoteState.NO_ANSWER,
            at=datetime.now(UTC),
            url=record.url,
            urls=_named(record, "urls"),
            answered=answer.text,
            reasons=_shown(answer.reasons, environ),
            why=facts.why if answer.asleep else "",
            commit=commit,
            live=commit if answer.well else facts.live,
            images=images,
            # A deploy of the same images, such as a retry, does not make the last change unseen.
            before=facts.images if facts.images != images else facts.before,
            since_push=answer.since_push,
            since_job=answer.since_job,
            expires=record.tags.expires,
            soon=False,
        )

    options = NoteOptions(by_job_token=True, wrong="no note was written on the merge request")
    return tell(NoteTarget.of(target, record.tags), change, options, environ=environ)


def sleeps(record: StackRecord, why: str, *, by: str = "", environ: Mapping[str, str] = os.environ) -> None:
    """Write to the note that an environment was put to sleep, and how to wake it.

    Args:
        record: its stack, as it was.
        why: as the end of a sentence.
        by: words of ours; empty for the job or person at work.
        environ: variables that name GitLab and a token, and those of a job.
    """

    def change(facts: Facts) -> Facts:
        return replace(_done(_of_stack(facts, record), by, environ), state=NoteState.ASLEEP, why=why)

    tell(NoteTarget.of_stack(record), change, _IN_PLACE, environ=environ)


def wakes(record: StackRecord, *, environ: Mapping[str, str] = os.environ) -> None:
    """Write to the note that an environment is awake."""

    def change(facts: Facts) -> Facts:
        now = _of_stack(facts, record)
        return replace(now, state=NoteState.UP, why="", answered="", by="", by_url="", user="")

    tell(NoteTarget.of_stack(record), change, _IN_PLACE, environ=environ)


def extended(place: NoteTarget, expires: datetime, *, environ: Mapping[str, str] = os.environ) -> NoteResult:
    """Write to the note that an environment expires later."""

    def change(facts: Facts) -> Facts:
        return replace(facts, expires=expires, soon=False, mention="")

    return tell(place, change, _IN_PLACE, environ=environ)


def expires_soon(record: StackRecord, merge_request: int, *, environ: Mapping[str, str] = os.environ) -> NoteResult:
    """Write to the note that an environment expires soon. Who pushed last gets a to-do item in GitLab."""
    # Who deployed by hand is known by a name of their machine, which may be another person's in GitLab.
    owner = record.tags.owner if record.tags.pipeline and _LOGIN.fullmatch(record.tags.owner) else ""

    def change(facts: Facts) -> Facts:
        woken = NoteState.UP if facts.state == NoteState.DEPLOYING else facts.state
        state = NoteState.ASLEEP if record.tags.asleep else woken
        now = replace(_of_stack(facts, record), state=state, soon=True, mention=owner)
        return replace(now, at=facts.at, reasons=facts.reasons)

    return tell(replace(NoteTarget.of_stack(record), merge_request=merge_request), change, environ=environ)


def removed(
    place: NoteTarget, why: str = "", *, by: str = "", again: bool = True, environ: Mapping[str, str] = os.environ
) -> None:
    """Write to the note that an environment was removed.

    Args:
        place: which environment.
        why: a rule, in words; empty for what a person or GitLab asked for.
        by: words of ours; empty for the job or person at work.
        again: whether there was something to remove; else the note goes on to say who removed it before.
        environ: variables that name GitLab and a token, and those of a job.
    """

    def change(facts: Facts) -> Facts:
        if facts.state == NoteState.REMOVED and not again:
            return facts
        now = _done(facts, by, environ)
        now = replace(now, state=NoteState.REMOVED, at=datetime.now(UTC), why=why, reasons=(), soon=False)
        return replace(now, live="", images={}, before={}, expires=None)

    tell(place, change, _IN_PLACE, environ=environ)


_begun: dict[str, NoteTarget] = {}
"""Deploys of this process whose beginning was noted, by branch."""
_rollbacks: dict[str, Rollback] = {}
"""Those of them that bring something back."""


def _shown(reasons: Sequence[str], environ: Mapping[str, str]) -> tuple[str, ...]:
    hidden = environ.get(REASONS_VARIABLE, "").lower() in ("no", "false", "0")
    return ("the reasons are in the job's log",) if hidden and reasons else tuple(reasons)


def _named(record: StackRecord, output: str) -> dict[str, str]:
    """Return an output that is text by name."""
    found = record.outputs.get(output)
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, Mapping) else {}


def _deployed(facts: Facts, environ: Mapping[str, str], back: Rollback | None = None) -> Facts:
    """Return facts with what is deployed, and by whom."""
    job = pipeline(environ)
    if back := back or _rollbacks.get(facts.branch):
        return _done(replace(facts, commit=back.to, title="", rolled_back=back.of), "", environ)
    facts = replace(facts, rolled_back="")
    if job is None:
        return _done(replace(facts, commit="", title=""), "", environ)
    return replace(
        facts, commit=job.commit, title=environ.get("CI_COMMIT_TITLE", ""), by="", by_url="", user="", mention=""
    )


def _of_stack(facts: Facts, record: StackRecord) -> Facts:
    """Return facts with what a stack knows."""
    return replace(
        facts,
        at=datetime.now(UTC),
        url=record.url or facts.url,
        urls=_named(record, "urls") or facts.urls,
        commit=facts.commit or record.tags.commit,
        images=_named(record, "images") or facts.images,
        pipeline=facts.pipeline or record.tags.pipeline,
        expires=record.tags.expires,
        reasons=(),
    )


def _done(facts: Facts, by: str, environ: Mapping[str, str]) -> Facts:
    """Return facts with what is at work: what is given, else the job, else a person."""
    from branchenv.clients.processes import user_name

    job = pipeline(environ)
    url = environ.get("CI_JOB_URL", "") if job else ""
    if by:
        return replace(facts, by=by, by_url=url, user="")
    if job:
        return replace(facts, by=f"the job {environ.get('CI_JOB_NAME', '')}".strip(), by_url=url, user=job.user)
    return replace(facts, by="hand", by_url="", user=user_name())


def _asked(facts: Facts) -> Facts:
    """Ask a URL once whether it still answers."""
    # Imported here: only a failure asks again.
    from branchenv.clients import http_probe

    found = http_probe.ask(facts.url, timeout=_ANSWER)
    return replace(
        facts, answered=str(found), answers=found.app_answers or found.state == http_probe.Reachability.CLOSED
    )
