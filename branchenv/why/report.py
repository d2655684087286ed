"""Why an environment is not up: every cause that Pulumi and the cluster know of, once, as a report."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from branchenv.clients.event_log import Diagnostic
from branchenv.clients.kubernetes import Cluster
from branchenv.console import cut
from branchenv.model.context import Target
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.why import evidence, refusals, texts, workloads
from branchenv.why.reason import Reason, ReasonKind
from branchenv.why.workloads import Listed

_CODES = {ReasonKind.REFUSED: ExitCode.REFUSED, ReasonKind.URL: ExitCode.NO_ANSWER, ReasonKind.DEPLOY: ExitCode.FAILED}
_BRIEF = 200
_SHOWN = 3
_PODS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "Pod")
_OBJECT = re.compile(r'"(?P<name>[^"]+)" is (?:forbidden|invalid)')
_WAITS_FOR_PODS = tuple(f":{kind}" for kind in _PODS)


@dataclass(frozen=True, kw_only=True)
class Report:
    """What stands in the way; nothing where all is well."""

    target: Target
    reasons: tuple[Reason, ...] = ()

    @property
    def code(self) -> ExitCode:
        """Exit code for scripts: of pods, if any of them is in trouble, as all else follows from them."""
        codes = {_CODES.get(each.kind, ExitCode.NOT_READY) for each in self.reasons}
        order = (ExitCode.NOT_READY, ExitCode.REFUSED, ExitCode.NO_ANSWER, ExitCode.FAILED)
        return next((each for each in order if each in codes), ExitCode.DONE)


def of_pods(cluster: Cluster, target: Target, namespace: str, listed: Listed | None = None) -> list[Reason]:
    """Say why workloads are not up, as the cluster has it.

    Args:
        cluster: to ask.
        target: the branch, with the slugs that the base stack reserves.
        namespace: that it is in.
        listed: what was listed already.

    Raises:
        BranchenvError: the cluster does not answer, or refuses.
    """
    found = workloads.troubled(target, listed or evidence.listed(cluster, target, namespace))
    details = evidence.details(cluster, namespace, found)
    every = [reason for each in found for reason in workloads.explain(target, each, details)]
    # Two pods of one workload that say the same are one cause.
    return list({(each.workload, each.kind, each.what): each for each in every}.values())


def of_app(cluster: Cluster, target: Target, namespace: str) -> list[Reason]:
    """Return the last log lines of workloads that are up, where their answer is an error.

    Raises:
        BranchenvError: the cluster does not answer, or refuses.
    """
    listed = evidence.listed(cluster, target, namespace)
    logs = evidence.logs_of_ready(cluster, namespace, listed)
    what = "its pod is ready"
    return [
        Reason(kind=ReasonKind.URL, workload=workloads.name_of(target, owner), what=what, log=lines, pod=pod)
        for owner, pod, log in logs
        if (lines := texts.lines(log))
    ]


def after(errors: Sequence[Diagnostic], of_cluster: Sequence[Reason], target: Target) -> Report:
    """Combine what Pulumi reports with what the cluster shows.

    Args:
        errors: of Pulumi; none where its log was not kept.
        of_cluster: reasons that the cluster shows.
        target: the branch.
    """
    of_pulumi = [reason for each in errors if (reason := _of_pulumi(each, of_cluster, target))]
    return Report(target=target, reasons=tuple(dict.fromkeys([*of_pulumi, *of_cluster])))


def _of_pulumi(error: Diagnostic, of_cluster: Sequence[Reason], target: Target) -> Reason | None:
    """Shorten what Pulumi says; leave out that it waited for pods where the cluster says why they did not start."""
    if error.of_kubernetes:
        found = _OBJECT.search(error.message)
        workload = workloads.name_of(target, found["name"]) if found else ""
        what = f"its {error.type.rpartition(':')[2]}"
        if refusal := refusals.explain(error.message, target, workload, what):
            # Pulumi says it as well, at the end of a line of six hundred characters, and lists its outputs after that.
            return Reason(kind=ReasonKind.REFUSED, workload=workload, what=refusal.what, fix=refusal.fix)
    if of_cluster and error.type.endswith(_WAITS_FOR_PODS):
        return None
    return Reason(kind=ReasonKind.DEPLOY, workload="", what=texts.one_line(str(error)), told=True)


def full(reasons: Sequence[Reason]) -> str:
    """Write reasons for a log or a terminal: what, the last log lines, how to do it right."""
    return "\n".join(line for each in reasons for line in _block(each))


def _block(reason: Reason) -> list[str]:
    log = ["      its log ends with:", *(f"        | {line}" for line in reason.log)] if reason.log else []
    return [f"    {reason}", *log, *([f"      fix: {reason.fix}"] if reason.fix else [])]


def brief(report: Report, most: int = _SHOWN) -> list[str]:
    """Write reasons for a note on a merge request: one line of plain text each, of what people and apps wrote as well.

    Args:
        report: with any number of them.
        most: lines to give.
    """
    lines = [cut(f"{each}{_last_words(each)}", _BRIEF) for each in report.reasons]
    more = len(lines) - most
    return lines if more <= 0 else [*lines[:most], f"and {more} more"]


def _last_words(reason: Reason) -> str:
    return f'; it said last: "{reason.log[-1]}"' if reason.log and reason.kind == ReasonKind.CRASH else ""


def error(report: Report, *, shown: bool) -> BranchenvError:
    """Return the error by which a command ends after `pulumi up` has failed.

    Args:
        report: of what failed.
        shown: whether Pulumi's output was seen: what it says itself is not said again.
    """
    news = [each for each in report.reasons if not (shown and each.told)]
    rule = f"{report.target.branch} is not up" + (f":\n{full(news)}" if news else ": Pulumi says why, above")
    return BranchenvError(
        rule,
        fix="when that is right, run the same command again: it resumes from there",
        code=report.code,
        brief=brief(report),
    )
