"""Why something is not ready, in words for a person: pure readings of pods, events and conditions."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

_PULL = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"})
_LEFT_TO_ITSELF = frozenset({"ContainerCreating", "PodInitializing"})
_LOG_LINES = 10


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What was gathered about an object that did not become ready."""

    conditions: list[dict[str, Any]] = field(default_factory=list)
    pods: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    logs: dict[tuple[str, str], str] = field(default_factory=dict)  # by pod and container


def explain(evidence: Evidence) -> list[str]:
    """All that is known, one line (or block) for each separate cause, the most telling first, without repeats."""
    found: list[str] = []
    for pod in sorted(evidence.pods, key=_name):
        found += pod_reasons(pod, evidence.events, evidence.logs)
    found += condition_reasons(evidence.conditions, brief=bool(found))
    if not found:
        found += [_event_text(e) for e in _warnings(evidence.events)]
    return list(dict.fromkeys(found))


def condition_reasons(conditions: Iterable[dict[str, Any]], *, brief: bool) -> list[str]:
    """What the object's own conditions say. `brief` leaves out what only repeats that pods are not ready."""
    found = []
    for condition in conditions:
        kind, status = condition.get("type"), condition.get("status")
        bad = (kind == "ReplicaFailure" and status == "True") or (
            kind in ("Progressing", "Available", "Ready", "PodScheduled", "Initialized") and status == "False"
        )
        if bad and not (brief and kind in ("Available", "Ready", "Initialized")):
            found.append(f"[{condition.get('reason') or kind}] {condition.get('message', '')}".rstrip())
    return found


def pod_reasons(
    pod: dict[str, Any],
    events: Iterable[dict[str, Any]] = (),
    logs: dict[tuple[str, str], str] | None = None,
) -> list[str]:
    """Why a pod is not ready: not placed, image not pulled, container crashed or not answering its probe."""
    status = pod.get("status", {})
    about = [e for e in events if _is_about(e, pod)]
    prefix = f"pod {_name(pod)}"
    found = [
        f"{prefix}: [{c.get('reason', 'Unschedulable')}] {c.get('message', '')}"
        for c in status.get("conditions") or []
        if c.get("type") == "PodScheduled" and c.get("status") == "False"
    ]
    statuses = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    for container in statuses:
        reason = _container_reason(container, about)
        if reason:
            text = f"{prefix}, container {container['name']}: {reason}"
            found.append(text + _tail((logs or {}).get((_name(pod), container["name"]), "")))
    if not found and not _is_ready(pod):
        found = [f"{prefix}: {_event_text(e)}" for e in _warnings(about)] or _still_pulling(prefix, about)
    if not found and status.get("phase") == "Failed":
        found = [f"{prefix}: [{status.get('reason', 'Failed')}] {status.get('message', '')}".rstrip()]
    return found


def _still_pulling(prefix: str, events: list[dict[str, Any]]) -> list[str]:
    """A registry that does not answer is no failure yet when the time is over."""
    told = [e for e in events if e.get("reason") in ("Pulling", "Pulled")]
    pulling = told and told[-1].get("reason") == "Pulling"
    return [f"{prefix}: [Pulling] {told[-1].get('message', '')}, which is not done"] if pulling else []


def _container_reason(container: dict[str, Any], events: list[dict[str, Any]]) -> str:
    state = container.get("state") or {}
    waiting, last = state.get("waiting") or {}, (container.get("lastState") or {}).get("terminated")
    reason = waiting.get("reason", "")
    if reason in _PULL:
        return _pull_reason(container, waiting, events)
    ended = state.get("terminated") or last
    if ended and (ended.get("exitCode") != 0 or reason == "CrashLoopBackOff"):
        return _crash_reason(container, ended)
    if reason and reason not in _LEFT_TO_ITSELF:
        return f"[{reason}] {waiting.get('message', '')}".rstrip()
    if "running" in state and not container.get("ready"):
        probes = [e for e in _warnings(events) if e.get("reason") == "Unhealthy"]
        return f"runs, but is not ready: {_event_text(probes[-1])}" if probes else ""
    return ""


def _pull_reason(container: dict[str, Any], waiting: dict[str, Any], events: list[dict[str, Any]]) -> str:
    """The image, and the registry's own words; "back-off" alone would say nothing."""
    image = container.get("image", "")
    told = [
        str(e.get("message", ""))
        for e in _warnings(events)
        if e.get("reason") == "Failed" and "pull image" in str(e.get("message", ""))
    ]
    why = told[-1] if told else str(waiting.get("message", ""))
    return f"image {image!r} cannot be pulled: [{waiting.get('reason')}] {why}".rstrip()


def _crash_reason(container: dict[str, Any], ended: dict[str, Any]) -> str:
    times = container.get("restartCount", 0)
    signal = f", signal {ended['signal']}" if ended.get("signal") else ""
    again = f", {times} restart(s)" if times else ""
    what = ended.get("reason") or "Error"
    text = f"crashed with exit code {ended.get('exitCode')} ({what}{signal}{again})"
    return f"{text}: {ended['message'].strip()}" if ended.get("message") else text


def crashed_containers(pod: dict[str, Any]) -> list[tuple[str, bool]]:
    """Containers whose log tells why they crashed, and whether it is that of the run before."""
    found = []
    status = pod.get("status", {})
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        state, last = container.get("state") or {}, container.get("lastState") or {}
        now = (state.get("terminated") or {}).get("exitCode")
        before = (last.get("terminated") or {}).get("exitCode")
        if now:
            found.append((container["name"], False))
        elif before and not container.get("ready"):
            found.append((container["name"], True))
    return found


def _tail(log: str) -> str:
    lines = [line.rstrip() for line in log.strip().splitlines()][-_LOG_LINES:]
    return "; its last log lines:" + "".join(f"\n    {line}" for line in lines) if lines else ""


def _is_about(event: dict[str, Any], pod: dict[str, Any]) -> bool:
    about = event.get("involvedObject") or {}
    return bool(about.get("name") == _name(pod) and about.get("kind", "Pod") == "Pod")


def _warnings(events: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    warnings = [e for e in events if e.get("type") == "Warning"]
    return sorted(warnings, key=lambda e: str(e.get("lastTimestamp") or e.get("eventTime") or ""))


def _event_text(event: dict[str, Any]) -> str:
    count = event.get("count") or 1
    times = f" (x{count})" if count > 1 else ""
    return f"[{event.get('reason')}] {str(event.get('message', '')).strip()}{times}"


def _is_ready(pod: dict[str, Any]) -> bool:
    return any(
        c.get("type") == "Ready" and c.get("status") == "True" for c in pod.get("status", {}).get("conditions") or []
    )


def _name(obj: dict[str, Any]) -> str:
    return str(obj.get("metadata", {}).get("name", ""))
