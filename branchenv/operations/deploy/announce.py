"""Ask an environment's URL until its new pods answer, and say so: on the merge request, and to later jobs."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from branchenv import console
from branchenv.clients import files
from branchenv.clients.backend import Backend
from branchenv.clients.http_probe import Reachability
from branchenv.model.context import Target, pipeline
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import StackRecord
from branchenv.note import events
from branchenv.note.writer import NoteTarget
from branchenv.operations import lookup
from branchenv.operations.deploy import readiness
from branchenv.operations.deploy.branch import branch_exists
from branchenv.operations.deploy.readiness import Check
from branchenv.operations.lifetime import down

_BRANCH_DELETED = "its branch was deleted while it was deployed"


@dataclass(frozen=True, kw_only=True)
class Announced:
    """What came of it."""

    branch: str
    url: str
    state: str
    status: int
    """HTTP status; 0 if there was none."""
    seconds: float
    """From the first request to the last answer."""
    since_push: float | None
    """Seconds from the push to the answer; None outside of GitLab."""
    expires: datetime | None
    merge_request: int | None
    note: str
    """What became of the note: written, edited, unchanged, or nothing."""


def announce(
    backend: Backend,
    target: Target,
    check: Check,
    *,
    dotenv: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Announced:
    """Ask a branch's URL until it answers, and tell of it.

    Args:
        backend: of the branch's stack.
        target: the branch, with the slugs that the base stack reserves.
        check: what is asked for.
        dotenv: file to write for `artifacts:reports:dotenv`.
        environ: variables of the GitLab job.

    Raises:
        BranchenvError: there is no such environment, its URL does not answer or new pods are not ready (after the note
            was written), or its branch was deleted (after the environment was removed). GitLab's own failures are
            warnings: the deploy has worked.
    """
    record = lookup.deployed(backend, target)
    if dotenv:
        # GitLab takes everything behind the first equals sign as it is, quotes too, and refuses empty lines.
        files.write(dotenv, f"BRANCHENV_URL={record.url}\nBRANCHENV_STACK={record.name}\n", option="--dotenv")
    found = readiness.wait(record, target, check, environ)
    answer = events.DeployResult(
        text=str(found),
        well=found.well,
        asleep=found.probe.state == Reachability.ASLEEP,
        reasons=found.brief,
        since_push=_since(environ.get("CI_PIPELINE_CREATED_AT")),
        since_job=_since(environ.get("CI_JOB_STARTED_AT")),
    )
    note = events.answers(target, record, answer, environ=environ)
    if not branch_exists(target, pipeline(environ)):
        _take_down(backend, target, record, environ)
    if not found.well:
        raise BranchenvError(
            f"after {console.seconds(found.probe.seconds)}: {found}{found.reasons}",
            fix=fix(found.state, target),
            code=ExitCode.NOT_READY if found.late else ExitCode.NO_ANSWER,
            field="url",
            value=record.url,
        )
    return Announced(
        branch=target.branch,
        url=record.url,
        state=str(found.probe.state),
        status=found.probe.status,
        seconds=round(found.probe.seconds, 3),
        since_push=answer.since_push,
        expires=record.tags.expires,
        merge_request=note.merge_request,
        note=note.note,
    )


def fix(state: Reachability, target: Target) -> str:
    """Say what a person can do about a URL's answer."""
    doctor = target.command("doctor", branch=False)
    return {
        Reachability.UNRESOLVED: f"does the wildcard record of the app's domain exist? Check with: {doctor}",
        Reachability.UNREACHABLE: f"is the load balancer up, and may this machine reach it? Check with: {doctor}",
        Reachability.UNTRUSTED: f"look at the base stack's wildcard certificate; its expiry is told by: {doctor}",
        Reachability.NO_ROUTE: f"does istiod run, and does the Gateway admit the namespace? Check with: {doctor}",
        Reachability.NO_POD: f"look at the pods: {target.command('why')}",
        Reachability.ASLEEP: f"wake it: {target.command('wake')}",
        Reachability.OTHER: "an older version may still answer: give it more time with --timeout; or correct "
        "--expect-header",
    }.get(state, f"look at the app's log: {target.command('logs')}")


def _take_down(backend: Backend, target: Target, record: StackRecord, environ: Mapping[str, str]) -> None:
    """Remove what was deployed too late: the job that would stop it has run already, and will not run again.

    Raises:
        BranchenvError: always; that it was removed, or why it could not be.
    """
    console.warn(f"{target.branch}: {_BRANCH_DELETED}; the environment is removed again")
    down.remove(backend, target, max_wait=60.0, quiet=True)
    events.removed(NoteTarget.of(target, record.tags), _BRANCH_DELETED, environ=environ)
    raise BranchenvError(
        f"{_BRANCH_DELETED}, so the environment was removed again",
        fix="nothing is to be done; push the branch again to have its environment back",
        code=ExitCode.BRANCH_DELETED,
        field="branch",
        value=target.branch,
    )


def _since(moment: str | None) -> float | None:
    """Return the seconds since a moment, as GitLab writes it; None if it says none, or one that is still to come."""
    try:
        then = datetime.fromisoformat(moment or "")
    except ValueError:
        return None
    passed = (datetime.now(UTC) - (then if then.tzinfo else then.replace(tzinfo=UTC))).total_seconds()
    return round(passed, 3) if passed >= 0 else None
