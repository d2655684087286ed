"""Why a container does not run: its image, its start, its end."""

import re

from branchenv.why import probes, texts
from branchenv.why.reason import Reason, ReasonKind
from branchenv.why.seen import Object, Seen

_PULL = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable")
_STILL_STARTING = ("", "ContainerCreating", "PodInitializing")
"""Reasons to wait that are none to worry."""
_CRASH_LOOP = "CrashLoopBackOff"
_NOT_STARTED = ("StartError", "ContainerCannotRun", "RunContainerError")
_NO_SUCH_OBJECT = re.compile(r'\b(secret|configmap) "([^"]+)" not found', re.IGNORECASE)
_NO_SUCH_KEY = re.compile(r"couldn't find key (\S+) in (\w+) (\S+)")
_NO_SUCH_PROGRAM = re.compile(r"exec: (?P<cause>.+?)(?:: unknown)?$")
_DENIED = re.compile(r"permission denied|operation not permitted|\bEACCES\b|\bEPERM\b", re.IGNORECASE)
_NO_RIGHT = re.compile(r"\b40[13]\b|denied|unauthorized|authorization|no basic auth", re.IGNORECASE)


def reason(seen: Seen, container: Object) -> Reason | None:
    """Say why a container is not ready; None if nothing is known to be wrong with it.

    Args:
        seen: its pod.
        container: its status.
    """
    if container.get("ready"):
        return None
    state = container.get("state", {})
    waiting = state.get("waiting", {})
    why = waiting.get("reason", "")
    ended = state.get("terminated") or container.get("lastState", {}).get("terminated") or {}
    if why in _PULL:
        return _pull(seen, container, waiting)
    if why in _STILL_STARTING and state.keys() <= {"waiting"} and _pull_has_failed(seen, container):
        # The kubelet writes its events before the status.
        return _pull(seen, container, {"reason": _PULL[0]})
    if ended.get("reason") in _NOT_STARTED:
        return _unstartable(seen, container, ended.get("message", ""))
    if "running" in state and (not ended or probes.outlived(seen, container)):
        return probes.reason(seen, container)
    if ended and (ended.get("exitCode") or why == _CRASH_LOOP):
        return _ended(seen, container, ended)
    if why not in _STILL_STARTING:
        return _unstartable(seen, container, waiting.get("message", "") or why)
    return None


def _pull_has_failed(seen: Seen, container: Object) -> bool:
    image = seen.spec(container).get("image", "")
    of_image = [each for each in seen.events if image and f'"{image}"' in each.get("message", "")]
    return bool(of_image) and of_image[-1].get("type") == "Warning" and "pull image" in of_image[-1]["message"]


def _pull(seen: Seen, container: Object, waiting: Object) -> Reason:
    """Return the registry's own words; the back-off alone would say nothing."""
    messages = [
        each["message"]
        for each in seen.warnings
        if each.get("reason") == "Failed" and "pull image" in each.get("message", "")
    ]
    cause = texts.last_cause((messages or [waiting.get("message", "")])[-1]) or waiting["reason"]
    image = seen.spec(container).get("image") or container.get("image", "")
    if waiting["reason"] == "InvalidImageName":
        fix = "write it as <registry>/<repository>:<tag>"
    elif "no match for platform" in cause:
        fix = "build the image for the nodes' platform as well"
    elif "not found" in cause or "manifest unknown" in cause:
        fix = "push the image, or correct its name or tag"
    elif _NO_RIGHT.search(cause):
        fix = (
            "correct its name, or give the pods a pull secret (identity.imagePullSecrets of the app in the base stack)"
        )
    else:
        fix = "correct the registry's name, or let the nodes reach it"
    return seen.reason(ReasonKind.IMAGE, f"the image {image} cannot be pulled: {cause}", fix, container=container)


def _unstartable(seen: Seen, container: Object, message: str) -> Reason:
    cause, fix = texts.one_line(message), ""
    if "non-root" in cause or "runAsNonRoot" in cause:
        fix = f"let the image run as another user than root, or set {seen.setting('security.runAsUser')} to one"
        fix += f"; if it must begin as root, {_as_root(seen)}"
    elif found := _NO_SUCH_OBJECT.search(cause):
        what = "Secret" if found[1].lower() == "secret" else "ConfigMap"
        namespace = seen.pod["metadata"].get("namespace", "")
        fix = f"have the {what} {found[2]} made in the namespace {namespace}, or mark its reference `optional: true`"
    elif found := _NO_SUCH_KEY.search(cause):
        fix = f"correct the key, or have {found[1]} added to the {found[2]} {found[3]}"
    elif found := _NO_SUCH_PROGRAM.search(cause):
        cause, fix = found["cause"], f"correct {seen.setting('command')}, or the image's entrypoint"
    what = f"{seen.its(container)} cannot be started: {cause}"
    return seen.reason(ReasonKind.CONTAINER, what, fix, container=container)


def _ended(seen: Seen, container: Object, ended: Object) -> Reason:
    its = seen.its(container)
    times = container.get("restartCount", 0)
    again = f", {times} restart{'s' if times > 1 else ''} so far" if times else ""
    code, cause = ended.get("exitCode"), f": {texts.one_line(ended['message'])}" if ended.get("message") else ""
    if ended.get("reason") == "OOMKilled":
        limit = seen.spec(container).get("resources", {}).get("limits", {}).get("memory", "")
        what = f"{its} was killed, as it used more memory than its limit {limit}{again}"
        return seen.reason(
            ReasonKind.MEMORY, what, f"raise {seen.setting('resources.limits.memory')}", container=container
        )
    if killed := probes.killed_by(seen, container):
        answer = texts.one_line(probes.last_failure(seen, container, killed.capitalize()))
        what = f"{its} is restarted, as its {killed} probe fails{again}{f': {answer}' if answer else ''}"
        return seen.reason(
            ReasonKind.PROBE, what, f"correct {seen.setting('probes')}, or what it asks for", container=container
        )
    if code == 0:
        what = f"{its} ends by itself with exit code 0, and is started again{again}{cause}"
        fix = "a workload runs until it is told to stop: let its command do so"
        return seen.reason(ReasonKind.CRASH, what, fix, container=container)
    signal = f" (signal {ended['signal']})" if ended.get("signal") else ""
    fix = _no_root(seen, container)
    what = f"{its} crashes with exit code {code}{signal}{again}{cause}"
    return seen.reason(ReasonKind.CRASH, what, fix, container=container)


def _as_root(seen: Seen) -> str:
    how = f"set `runAs: root` for {seen.workload}" if seen.declared else "let the chart set runAsUser: 0"
    return f"{how}, which isolation.runAsRoot of the app in the base stack must allow"


def _no_root(seen: Seen, container: Object) -> str:
    """Hint at what an app that is not root was denied, as its log seems to say: a port, a file, another user."""
    user = seen.pod.get("spec", {}).get("securityContext", {}).get("runAsUser")
    own = seen.spec(container).get("securityContext", {}).get("runAsUser", user)
    if own == 0 or not _DENIED.search(seen.logs.get(container["name"], "")):
        return ""
    return f"let the image run as a user that is not root; if it must begin as root, {_as_root(seen)}"
