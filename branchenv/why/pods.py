"""Why a pod is not ready: pure readings of what the API server says of it."""

from collections.abc import Iterator
from typing import NamedTuple

from branchenv.why import containers, texts
from branchenv.why.reason import Reason, ReasonKind
from branchenv.why.seen import Object, Seen, is_ready, statuses
from core.pods import running_together

_AMOUNTS = ("cpu", "memory", "ephemeral-storage")
_BESIDE_ROOM = (" preemption:", " no new claims")
"""What the scheduler says of what it tried beside looking for room."""


class LogReference(NamedTuple):
    """A log that tells more."""

    container: str
    previous: bool
    """Whether it is that of the run before."""


def logs_wanted(pod: Object) -> Iterator[LogReference]:
    """Return the containers whose logs show why it is not ready."""
    for container in statuses(pod):
        state = container.get("state", {})
        if container.get("ready"):
            continue
        if "terminated" in state or "running" in state or "terminated" in container.get("lastState", {}):
            # Of a container that is started again and again, the run before shows why it ends.
            ended_before = "terminated" not in state and "terminated" in container.get("lastState", {})
            yield LogReference(container["name"], previous=ended_before)


def reasons(seen: Seen) -> list[Reason]:
    """Say why a pod is not ready; nothing of one that is."""
    if is_ready(seen.pod):
        return []
    found = list(_not_placed(seen)) or list(_too_long(seen))
    found = found or [each for container in statuses(seen.pod) if (each := containers.reason(seen, container))]
    return found or [_failed(seen) or _starting(seen)]


def requests(pod: Object) -> str:
    """Say what a pod asks a node for."""
    from lightkube.utils.quantity import parse_quantity

    asked = [each.get("resources", {}).get("requests", {}) for each in running_together(pod.get("spec", {}))]
    totals = {what: sum(parse_quantity(each[what]) or 0 for each in asked if what in each) for what in _AMOUNTS}
    return ", ".join(f"{what} {texts.amount(float(total))}" for what, total in totals.items() if total)


def _not_placed(seen: Seen) -> Iterator[Reason]:
    for condition in seen.pod.get("status", {}).get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            message = condition.get("message", "")
            for words in _BESIDE_ROOM:
                message = message.partition(words)[0]
            asks = requests(seen.pod) or "nothing"
            yield seen.reason(
                ReasonKind.ROOM,
                f"no node has room for its pod, which asks for {asks}; the scheduler says: "
                f"{message.rstrip(' .,') or condition.get('reason', 'Unschedulable')}",
                f"lower {seen.setting('resources.requests')}, remove an environment that nobody needs, or add a node",
            )


def _too_long(seen: Seen) -> Iterator[Reason]:
    """Tell of a Job's pod whose time was over: to its container that is a signal as any other."""
    if seen.pod.get("status", {}).get("reason") == "DeadlineExceeded":
        container = seen.pod["spec"]["containers"][0]
        seconds = seen.pod["spec"].get("activeDeadlineSeconds")
        key = "timeoutSeconds" if seen.declared else "activeDeadlineSeconds"
        fix = f"raise {seen.setting(key)}"
        yield seen.reason(
            ReasonKind.CRASH, f"it was stopped, as it had not ended in {seconds} s", fix, container=container
        )


def _failed(seen: Seen) -> Reason | None:
    """Return what ended a pod as a whole: an eviction, a lost node."""
    status = seen.pod.get("status", {})
    if status.get("phase") != "Failed":
        return None
    message = ": ".join(each for each in (status.get("reason", ""), texts.one_line(status.get("message", ""))) if each)
    return seen.reason(ReasonKind.CRASH, f"its pod failed: {message or 'nothing says why'}")


def _starting(seen: Seen) -> Reason:
    """Return what is known of a pod that has no failing container: a volume that is missing, a pull that lasts."""
    if seen.warnings:
        last = seen.warnings[-1]
        what = f"its pod does not start: {last.get('reason')}: {texts.one_line(last.get('message', ''))}"
        return seen.reason(ReasonKind.STARTING, what)
    pulled = [each for each in seen.events if each.get("reason") in ("Pulling", "Pulled")]
    if pulled and pulled[-1]["reason"] == "Pulling":
        return seen.reason(ReasonKind.STARTING, f"it is not ready yet: {texts.one_line(pulled[-1].get('message', ''))}")
    return seen.reason(ReasonKind.STARTING, "its pod is not ready yet")
