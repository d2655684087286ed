"""Whether a deployed environment works: its URL answers, and its new pods are ready."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING

from branchenv import console
from branchenv.clients import http_probe
from branchenv.clients.http_probe import ProbeResult, Reachability
from branchenv.model.context import Target
from branchenv.model.errors import BranchenvError
from branchenv.model.records import StackRecord
from core.contract import AppAccess

if TYPE_CHECKING:
    from branchenv.clients.kubernetes import Cluster

TOKEN_VARIABLE = "BRANCHENV_URL_TOKEN"  # noqa: S105 - its name
"""A token that the gateway takes, in a job its ID token."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """What is asked for, and for how long."""

    timeout: float
    """Seconds to wait for the answer."""
    expected: http_probe.Expected | None = None
    """None: the app at /, or the page of a sleeping environment where it sleeps."""
    access: AppAccess = field(default_factory=AppAccess)
    """Who is let in; the token in BRANCHENV_URL_TOKEN is shown to a gateway that takes one."""
    namespace: str = ""
    """That the branch is in, to see that the pods that answer are the new ones, and else to say why; empty to leave
    that out."""


@dataclass(frozen=True, kw_only=True)
class Readiness:
    """What was found."""

    probe: ProbeResult
    """The URL's last answer."""
    well: bool
    """Whether the environment works, as far as can be seen."""
    late: tuple[str, ...] = ()
    """Workloads whose new pods are not ready, although the URL answers."""
    reasons: str = ""
    """Why it does not work, as far as the cluster knows, for a job's log."""
    brief: tuple[str, ...] = ()
    """The same in short, a line each."""

    @property
    def state(self) -> Reachability:
        """What stands between a browser and the new version of the app."""
        return Reachability.NO_POD if self.late else self.probe.state

    def __str__(self) -> str:
        if self.late:
            return f"{self.probe} from the version before: new pods of {', '.join(self.late)} are not ready"
        return str(self.probe)


def wait(record: StackRecord, target: Target, check: Check, environ: Mapping[str, str]) -> Readiness:
    """Ask a URL until it answers, and wait until the pods behind it are the new ones.

    Args:
        record: stack of the environment.
        target: the branch, with the slugs that the base stack reserves.
        check: what is asked for.
        environ: variables of the job, a token among them.
    """
    expected = _with_token(check.expected or http_probe.Expected(asleep=record.tags.asleep), check.access, environ)
    with console.step(f"waiting for {record.url} to answer"):
        probe = http_probe.ask(record.url, expected, timeout=check.timeout)
    # A sleeping environment's page is the right answer, where it is asleep. Where a login is asked for, `pulumi up` has
    # waited for the pods, and that the URL is closed is right as well.
    sleeps, closed = expected.asleep and probe.state == Reachability.ASLEEP, probe.state == Reachability.CLOSED
    if closed and expected.sends:
        console.warn(f"the gateway does not take the token in {TOKEN_VARIABLE}: are its audience and project right?")
    connect = cache(_connect)
    well = probe.app_answers or closed or sleeps
    late = _late(connect, target, check.namespace, check.timeout - probe.seconds) if well and not sleeps else []
    found = Readiness(probe=probe, well=well and not late, late=tuple(late))
    if found.well:
        return found
    reasons, brief = _reasons(connect, found.state, target, check.namespace)
    return replace(found, reasons=reasons, brief=tuple(brief))


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
