"""Why a container that runs is not ready: what its probes were answered, in the kubelet's words."""

import json
import re
from datetime import datetime

from branchenv.why import ports, texts
from branchenv.why.reason import Reason, ReasonKind
from branchenv.why.seen import Object, Seen

NO_PORT = "port: none"
"""What the environment file says of a workload that listens on no port."""
_NOTHING_LISTENS = "connect: connection refused"
_TO_SIDECAR, _PROBERS = "/app-health/", "ISTIO_KUBE_APP_PROBERS"
_STATUS = re.compile(r"HTTP probe failed with statuscode: (?P<code>\d+)")
_SLOW = re.compile(r"context deadline exceeded|Client\.Timeout|i/o timeout")
_KILLED = re.compile(r"Container (?P<container>\S+) failed (?P<probe>\w+) probe")


def reason(seen: Seen, container: Object) -> Reason | None:
    """Say which probe keeps a container from being ready; None if none has failed."""
    for kind in ("startup", "readiness"):
        if answered := last_failure(seen, container, kind.capitalize()):
            return _of(seen, container, kind, answered)
    return None


def last_failure(seen: Seen, container: Object, kind: str) -> str:
    """Return the kubelet's last message of a container's failed probe; empty if it never failed.

    Args:
        seen: the pod.
        container: its status.
        kind: Startup, Readiness or Liveness.
    """
    found = _failures(seen, container, kind)
    return str(found[-1]["message"]).partition(": ")[2] if found else ""


def killed_by(seen: Seen, container: Object) -> str:
    """Return the name of the probe whose failure makes the kubelet kill a container; empty if there is none."""
    for event in reversed(seen.events):
        found = _KILLED.search(str(event.get("message", ""))) if event.get("reason") == "Killing" else None
        if found and found["container"] == container["name"]:
            return found["probe"]
    return ""


def outlived(seen: Seen, container: Object) -> bool:
    """Whether a container that was restarted has failed a probe later in its life than the run before it lasted.

    It is then the probe that keeps it from being ready, and not what ended that run.
    """
    failures = [each for kind in ("Startup", "Readiness") for each in _failures(seen, container, kind)]
    before, now = container["lastState"]["terminated"], container["state"]["running"]
    try:
        lasted = _time(before["finishedAt"]) - _time(before["startedAt"])
        return any(_time(each["lastTimestamp"]) - _time(now["startedAt"]) > lasted for each in failures)
    except (KeyError, TypeError, ValueError):
        return False


def _failures(seen: Seen, container: Object, kind: str) -> list[Object]:
    return [
        each
        for each in seen.warnings
        if each.get("reason") == "Unhealthy"
        and str(each.get("message", "")).startswith(kind)
        and each.get("involvedObject", {})
        .get("fieldPath", f"{{{container['name']}}}")
        .endswith(f"{{{container['name']}}}")
    ]


def _of(seen: Seen, container: Object, kind: str, answered: str) -> Reason:
    spec = seen.spec(container)
    probe = spec.get(f"{kind}Probe", {})
    by_sidecar = _before_injection(seen, probe)
    asked = (by_sidecar or probe).get("httpGet") or (by_sidecar or probe).get("tcpSocket") or {}
    port, path = ports.number(asked.get("port", 0), spec), asked.get("path", "")
    command = " ".join(probe.get("exec", {}).get("command", ()))
    what = f"its {kind} probe, {_shown(command, port, path)},"
    found = _STATUS.search(answered) if asked else None
    # Of a probe that the kubelet sends itself, these are its own words: what a command printed is not looked at. A
    # sidecar that asks in its place has no words; it answers 500 where it cannot connect.
    if asked and (answered.endswith(_NOTHING_LISTENS) or (by_sidecar and not path and found)):
        return _nothing_listens(seen, container, spec, port)
    if path and found:
        unless = f", or nothing listens on port {port}" if by_sidecar and found["code"] == "500" else ""
        fix = f"let it answer 200 once it can take requests, or correct {seen.setting('probes.path')}"
        return seen.reason(ReasonKind.PROBE, f"{what} is answered {found['code']}{unless}", fix, container=container)
    if asked and _SLOW.search(answered):
        fix = f"let it answer sooner, or raise {seen.setting(f'probes.{kind}.timeoutSeconds')}"
        what = f"{what} is not answered within {probe.get('timeoutSeconds', 1)} s"
        return seen.reason(ReasonKind.PROBE, what, fix, container=container)
    fix = f"correct {seen.setting('probes')}, or what it asks for"
    return seen.reason(ReasonKind.PROBE, f"{what} fails: {texts.one_line(answered)}", fix, container=container)


def _before_injection(seen: Seen, probe: Object) -> Object:
    """Return the probe that was written, where Istio's injector has put one to its sidecar in its place."""
    path = probe.get("httpGet", {}).get("path", "")
    if not path.startswith(_TO_SIDECAR):
        return {}
    spec = seen.pod.get("spec", {})
    for each in (*spec.get("containers", ()), *spec.get("initContainers", ())):
        for variable in each.get("env", ()):
            if variable["name"] == _PROBERS:
                written: Object = json.loads(variable.get("value") or "{}").get(path, {})
                return written
    return {}


def _shown(command: str, port: int, path: str) -> str:
    if command:
        return f"`{command}`"
    return f"GET {path} on port {port}" if path else f"a connection to port {port}"


def _nothing_listens(seen: Seen, container: Object, spec: Object, port: int) -> Reason:
    hint = ports.elsewhere(spec, seen.logs.get(container["name"], ""), port)
    what = f"nothing listens on port {port}"
    everywhere = "let it listen on all addresses (0.0.0.0), not on 127.0.0.1 alone"
    if hint is None:
        fix = f"set {seen.setting('port')} to the one that it listens on; and {everywhere}"
        if seen.declared:
            fix += f"; if it listens on none, set `{NO_PORT}`"
        return seen.reason(ReasonKind.PORT, what, fix, container=container)
    what += f"; by {hint.source} it listens on {hint.port}"
    what += ", at an address that only the pod itself reaches" if hint.loopback else ""
    fixes = [everywhere] if hint.loopback else []
    if hint.port != port:
        fixes.insert(0, f"set `port: {hint.port}` for {seen.workload}" if seen.declared else "correct the chart's port")
    return seen.reason(ReasonKind.PORT, what, ", and ".join(fixes), container=container)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
