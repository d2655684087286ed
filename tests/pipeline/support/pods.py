"""Jobs as GitLab's Kubernetes executor runs them: a pod of the jobs' image for each, in the runner's own namespace."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.cluster.network import NODE_ADDRESS
from local.images import jobs as jobs_image
from tests.ci_readme import template
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.waiting import until

_LONGEST = 120.0
_BUILDS = "/builds"
_CREDENTIALS = "/credentials"
_BEGUN = "the container has started"
# What a pod may write to. The image says what else there is to write: nothing.
_WRITTEN = (_BUILDS, "/tmp", "/home/branchenv")


def script(job: str) -> str:
    """Return what a job of the component runs, as its runner puts it together; first it says as whom."""
    lines = [*_job("")["before_script"], *_job(job)["script"]]
    return "\n".join([f"echo {_BEGUN}", "id", *lines])


def variables(job: str) -> dict[str, str]:
    """Return the variables that a job of the component sets for itself, without those that an input says."""
    given = {**_job("")["variables"], **_job(job).get("variables", {})}
    return {name: value for name, value in given.items() if not value.startswith("$")}


def _job(name: str) -> dict[str, Any]:
    """Return a job, or what all of them have, as the template writes it."""
    _, jobs = template()
    prefix = "$[[ inputs.job-prefix ]]"
    found: dict[str, Any] = jobs[f"{prefix}{name}" if name else f".{prefix}job"]
    return found


@dataclass(frozen=True, kw_only=True)
class Log:
    """What a pod that has ended has printed."""

    code: int
    lines: Sequence[tuple[datetime, str]]
    """When each line was printed, and the line."""

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(line for _, line in self.lines)

    def ok(self) -> "Log":
        """Insist on success."""
        assert self.code == 0, f"the pod failed with {self.code}:\n{self.text}"
        return self

    def seconds_to(self, text: str) -> float:
        """Say how long after the container's start a text was printed."""
        started, reached = (next(at for at, line in self.lines if each in line) for each in (_BEGUN, text))
        return (reached - started).total_seconds()


@dataclass(frozen=True, kw_only=True)
class Runner:
    """A runner with a namespace for its jobs."""

    cluster: Cluster
    namespace: str

    def __enter__(self) -> "Runner":
        """Make the namespace; what a killed run has left of it goes first."""
        self.cluster.kubectl("delete", "namespace", self.namespace, "--ignore-not-found")
        self.cluster.kubectl("create", "namespace", self.namespace)
        return self

    def __exit__(self, *_: object) -> None:
        """Remove it and all that is in it."""
        self.cluster.kubectl("delete", "namespace", self.namespace, "--ignore-not-found", "--wait=false")

    def run(
        self, name: str, job: str, *, given: Mapping[str, str], files: Mapping[str, str], kubeconfig: str, host: str
    ) -> Log:
        """Run a job to its end.

        Args:
            name: of the pod.
            job: the component's job, without its prefix.
            given: what GitLab sets, secret ones too.
            files: what is checked out, by name.
            kubeconfig: content of the file that `KUBECONFIG` names.
            host: name that leads to the gateway, as the domain's DNS would say.
        """
        objects = [
            self._secret(f"{name}-variables", {**variables(job), **given}),
            self._secret(f"{name}-credentials", {"kubeconfig": kubeconfig}),
            self._secret(f"{name}-files", files),
            self._pod(name, script(job), sorted(files), host),
        ]
        self.cluster.apply(*objects)
        return finished(self.cluster, self.namespace, name)

    def _secret(self, name: str, data: Mapping[str, str]) -> dict[str, Any]:
        metadata = {"name": name, "namespace": self.namespace}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": dict(data)}

    def _pod(self, name: str, command: str, files: Sequence[str], host: str) -> dict[str, Any]:
        written = {path: f"written-{index}" for index, path in enumerate(_WRITTEN)}
        mounts: list[dict[str, Any]] = [{"name": volume, "mountPath": path} for path, volume in written.items()]
        mounts += [{"name": "files", "mountPath": f"{_BUILDS}/{file}", "subPath": file} for file in files]
        mounts.append({"name": "credentials", "mountPath": _CREDENTIALS, "readOnly": True})
        container = {
            "name": "build",
            "image": jobs_image.name(),
            "imagePullPolicy": "Never",
            "workingDir": _BUILDS,
            "command": ["bash", "-eo", "pipefail", "-c", command],
            "envFrom": [{"secretRef": {"name": f"{name}-variables"}}],
            "env": [{"name": "KUBECONFIG", "value": f"{_CREDENTIALS}/kubeconfig"}],
            "volumeMounts": mounts,
            "securityContext": {
                # Which user that is says the image.
                "runAsNonRoot": True,
                "readOnlyRootFilesystem": True,
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "seccompProfile": {"type": "RuntimeDefault"},
            },
        }
        volumes: list[dict[str, Any]] = [{"name": volume, "emptyDir": {}} for volume in written.values()]
        volumes += [{"name": each, "secret": {"secretName": f"{name}-{each}"}} for each in ("files", "credentials")]
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {
                "restartPolicy": "Never",
                "automountServiceAccountToken": False,
                "enableServiceLinks": False,
                "hostAliases": [{"ip": NODE_ADDRESS, "hostnames": [host]}],
                "containers": [container],
                "volumes": volumes,
            },
        }


def finished(cluster: Cluster, namespace: str, pod: str) -> Log:
    """Wait for a pod to end, and give what it printed."""

    def ended() -> dict[str, Any] | None:
        status = cluster.get("pod", pod, f"--namespace={namespace}")["status"]
        waiting = [each["state"].get("waiting", {}) for each in status.get("containerStatuses", ())]
        stuck = [each for each in waiting if each.get("reason", "ContainerCreating") != "ContainerCreating"]
        assert not stuck, f"{pod} does not start: {stuck}"
        return status if status["phase"] in ("Succeeded", "Failed") else None

    status = until(ended, what=f"pod {pod} ends", seconds=_LONGEST)
    printed = cluster.kubectl("logs", pod, f"--namespace={namespace}", "--timestamps").splitlines()
    # Nanoseconds, of which Python's time has no room for the last three.
    lines = [
        (re.sub(r"(\.\d{6})\d*Z", r"\1+00:00", at), line) for at, _, line in (each.partition(" ") for each in printed)
    ]
    return Log(
        code=status["containerStatuses"][0]["state"]["terminated"]["exitCode"],
        lines=[(datetime.fromisoformat(at), line) for at, line in lines],
    )
