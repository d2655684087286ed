"""Ask an environment's URL until its new pods answer, and say so: on the merge request, and to later jobs."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from branchenv import console
from branchenv.clients import http_probe
from branchenv.clients.backend import Backend
from branchenv.clients.http_probe import Reachability
from branchenv.model.context import Pipeline, Target, pipeline
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import StackRecord
from branchenv.note import events
from branchenv.note.writer import NoteTarget
from branchenv.operations import lookup
from branchenv.operations.lifetime import down
from core.contract import AppAccess

if TYPE_CHECKING:
    from branchenv.clients.kubernetes import Cluster

TOKEN_VARIABLE = "BRANCHENV_URL_TOKEN"  # noqa: S105 - its name
"""A token that the gateway takes, in a job its ID token."""
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
    *,
    timeout: float,
    expected: http_probe.Expected | None = None,
    access: AppAccess | None = None,
    namespace: str = "",
    dotenv: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Announced:
    """Ask a branch's URL until it answers, and tell of it.

    Args:
        backend: of the branch's stack.
        target: the branch, with the slugs that the base stack reserves.
        timeout: seconds to wait for the answer.
        expected: what is asked for.
        access: who is let in; the token in BRANCHENV_URL_TOKEN is shown to a gateway that takes one.
        namespace: that the branch is in, to see that the pods that answer are the new ones, and else to say why;
            empty to leave that out.
        dotenv: file to write for `artifacts:reports:dotenv`.
        environ: variables of the GitLab job.

    Raises:
        BranchenvError: there is no such environment, its URL does not answer or new pods are not ready (after the note
            was written), or its branch was deleted (after the environment was removed). GitLab's own failures are
            warnings: the deploy has worked.
    """
    record = lookup.deployed(backend, target)
    job = pipeline(environ)
    if dotenv:
        write_dotenv(dotenv, {"BRANCHENV_URL": record.url, "BRANCHENV_STACK": record.name})
    expected = _with_token(expected or http_probe.Expected(asleep=record.tags.asleep), access or AppAccess(), environ)
    with console.step(f"waiting for {record.url} to answer"):
        found = http_probe.ask(record.url, expected, timeout=timeout)
    # A sleeping environment's page is the right answer, where it is asleep. Where a login is asked for, `pulumi up` has
    # waited for the pods, and that the URL is closed is right as well.
    asleep, closed = found.state == Reachability.ASLEEP, found.state == Reachability.CLOSED
    well = found.app_answers or closed or (expected.asleep and asleep)
    if closed and expected.sends:
        console.warn(f"the gateway does not take the token in {TOKEN_VARIABLE}: are its audience and project right?")
    connect = cache(_connect)
    late = (
        _late(connect, target, namespace, timeout - found.seconds) if well and not (expected.asleep and asleep) else []
    )
    since_push = _since(environ.get("CI_PIPELINE_CREATED_AT"))
    well = well and not late
    state = Reachability.NO_POD if late else found.state
    result = f"{found} from the version before: new pods of {', '.join(late)} are not ready" if late else str(found)
    why, brief = ("", []) if well else _reasons(connect, state, target, namespace)
    answer = events.DeployResult(
        text=result,
        well=well,
        asleep=asleep,
        reasons=tuple(brief),
        since_push=since_push,
        since_job=_since(environ.get("CI_JOB_STARTED_AT")),
    )
    note = events.answers(target, record, answer, environ=environ)
    if job and _is_branch_deleted(target, job):
        _take_down(backend, target, record, environ)
    if not well:
        raise BranchenvError(
            f"after {console.seconds(found.seconds)}: {result}{why}",
            fix=fix(state, target),
            code=ExitCode.NOT_READY if late else ExitCode.NO_ANSWER,
            field="url",
            value=record.url,
        )
    return Announced(
        branch=target.branch,
        url=record.url,
        state=str(found.state),
        status=found.status,
        seconds=round(found.seconds, 3),
        since_push=since_push,
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


def _connect() -> "Cluster":
    # Imported here: without a namespace, nobody asks the cluster.
    from branchenv.clients.kubernetes import Cluster

    return Cluster.connect()


def _late(connect: "Callable[[], Cluster]", target: Target, namespace: str, timeout: float) -> list[str]:
    """Return the workloads whose new pods are not ready, although the URL answers."""
    if not namespace:
        return []
    from branchenv.operations.deploy import rollout
    from branchenv.why.workloads import name_of

    try:
        return [name_of(target, each) for each in rollout.wait(connect(), target, namespace, timeout=timeout)]
    except BranchenvError as e:
        console.warn(f"whether all new pods are ready cannot be seen: {e.rule}")
        return []


def _reasons(
    connect: "Callable[[], Cluster]", state: Reachability, target: Target, namespace: str
) -> tuple[str, list[str]]:
    """Say what the cluster knows of it, where it is the app that does not answer, or not well; in full and in short."""
    if not namespace or state not in (Reachability.NO_POD, Reachability.APP_ERROR):
        return "", []
    # Imported here: only a failure needs it.
    from branchenv.why import report

    try:
        cluster = connect()
        found = report.of_pods(cluster, target, namespace) or report.of_app(cluster, target, namespace)
    except BranchenvError as e:
        return f"\n  why it is so cannot be seen: {e.rule}", []
    brief = report.brief(report.Report(target=target, reasons=tuple(found)))
    return (f"\n{report.full(found)}" if found else ""), brief


def _with_token(expected: http_probe.Expected, access: AppAccess, environ: Mapping[str, str]) -> http_probe.Expected:
    token = environ.get(TOKEN_VARIABLE, "")
    sends = {access.token_header: token} if access.token_header and token else {}
    return replace(expected, closed=access.closed, sends=sends)


def write_dotenv(file: Path, values: Mapping[str, str]) -> None:
    """Write a file for `artifacts:reports:dotenv`.

    GitLab takes everything behind the first equals sign as it is, quotes too, and refuses empty lines.

    Raises:
        BranchenvError: the file cannot be written.
    """
    try:
        file.write_text("".join(f"{name}={value}\n" for name, value in values.items()), encoding="utf-8")
    except OSError as e:
        raise BranchenvError(
            f"it cannot be written: {e.strerror}",
            fix="name a file in a folder that exists and is yours",
            code=ExitCode.BAD_INPUT,
            field="--dotenv",
            value=file,
        ) from e


def _is_branch_deleted(target: Target, job: Pipeline) -> bool:
    """Whether git has the branch no more; what cannot be known is taken for no."""
    from branchenv.clients.git import branches

    if not job.remote or job.from_fork or job.branch != target.branch:
        return False
    try:
        return target.branch not in branches(job.remote)
    except BranchenvError as e:
        console.warn(f"nothing tells whether the branch still exists: {e.rule}")
        return False


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
