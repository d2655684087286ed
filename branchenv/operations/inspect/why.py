"""`branchenv why`: what is wrong with an environment, from its pods to its URL."""

from dataclasses import dataclass
from pathlib import Path

from branchenv.clients import event_log, http_probe
from branchenv.clients.backend import Backend
from branchenv.clients.kubernetes import Cluster
from branchenv.model.context import Target
from branchenv.model.records import StackRecord
from branchenv.operations import lookup
from branchenv.operations.deploy import announce
from branchenv.operations.ownership import check_state
from branchenv.why import evidence, failure, report
from branchenv.why.reason import Reason, ReasonKind
from branchenv.why.report import Report
from branchenv.why.workloads import Listed
from core.contract import App

_ANSWER = 5.0
"""Seconds in which a URL whose pods are ready is to answer."""


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What was found."""

    report: Report
    url: str = ""
    asleep: bool = False
    note: str = ""
    """What else a person is to know: who is at work on it."""


def look(backend: Backend, app: App, target: Target) -> Diagnosis:
    """Look at an environment's stack, pods and URL, until something is wrong.

    Args:
        backend: of the branch's stack.
        app: as the base stack promises it.
        target: the branch, with the slugs that the base stack reserves.

    Raises:
        BranchenvError: there is no such environment, its state is damaged, or the cluster does not answer.
    """
    record = lookup.stack(backend, target)
    check_state(record, backend)
    cluster, namespace = Cluster.connect(), app.namespace_of(target.slug)
    there = not app.branch_namespace or cluster.has(f"/api/v1/namespaces/{namespace}")
    listed = evidence.listed(cluster, target, namespace) if there else Listed()
    if not (listed.deployments or listed.stateful_sets or record.tags.asleep):
        reasons = [_nothing_there(record, target)]
    else:
        reasons = report.of_pods(cluster, target, namespace, listed) or _url(record, app, target)
    return Diagnosis(
        report=Report(target=target, reasons=tuple(reasons)),
        url=record.url,
        asleep=record.tags.asleep,
        note=_note(record),
    )


def after(file: Path, app: App, target: Target) -> Diagnosis:
    """Combine what Pulumi reports of a failed `up` with what the cluster shows.

    Args:
        file: the event log of that `up`.
        app: as the base stack promises it.
        target: the branch, with the slugs that the base stack reserves.

    Raises:
        BranchenvError: the cluster does not answer, or refuses.
    """
    found = failure.report_of(event_log.read(file).errors, app, target)
    if not found.reasons:
        # Locked, no passphrase, no backend: then there is no event that says so.
        itself = Reason(
            kind=ReasonKind.DEPLOY, workload="", what="`pulumi up` did not begin, or was cancelled", told=True
        )
        found = Report(target=target, reasons=(itself,))
    return Diagnosis(report=found)


def document(found: Diagnosis) -> dict[str, object]:
    """Return what was found for scripts; the same names as long as there is no `version` 2."""
    target = found.report.target
    return {
        "version": 1,
        "branch": target.branch,
        "stack": target.stack,
        "url": found.url or None,
        "up": not found.report.reasons and not found.asleep,
        "asleep": found.asleep,
        "reasons": found.report.reasons,
        "brief": report.brief(found.report),
    }


def _nothing_there(record: StackRecord, target: Target) -> Reason:
    log = f", which is in the log of {record.tags.pipeline}" if record.tags.pipeline else ""
    return Reason(
        kind=ReasonKind.UNKNOWN,
        workload="",
        what="none of its workloads is in the cluster: they were deleted, or its last `pulumi up` ended before it made "
        f"them and said why{log}",
        fix=f"deploy it again: {target.command('up')}",
    )


def _url(record: StackRecord, app: App, target: Target) -> list[Reason]:
    expected = http_probe.Expected(asleep=record.tags.asleep, closed=app.access.closed)
    if not record.url:
        return []
    found = http_probe.ask(record.url, expected, timeout=_ANSWER)
    if (
        found.app_answers
        or found.state == http_probe.Reachability.CLOSED
        or (expected.asleep and found.state == http_probe.Reachability.ASLEEP)
    ):
        return []
    what = f"its pods are ready, but {record.url} does not answer as it should: {found}"
    return [Reason(kind=ReasonKind.URL, workload="", what=what, fix=announce.fix(found.state, target))]


def _note(record: StackRecord) -> str:
    if record.locks:
        return f"{record.locks[0].user}@{record.locks[0].host} is at work on it"
    return "its last deploy was interrupted; the next one repairs it" if record.pending else ""
