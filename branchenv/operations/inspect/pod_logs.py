"""What an environment's containers print: of one that crashes again and again, the run that ended."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

from branchenv.clients.kubernetes import Cluster
from branchenv.model.errors import BranchenvError, ExitCode, bad_input
from branchenv.operations.lookup import DeployedEnvironment
from branchenv.why.seen import is_ready, statuses
from core.labels import NAME_LABEL, branch_selector
from core.suggestions import did_you_mean

Pod = Mapping[str, Any]
"""As the API server lists it."""

_AT_ONCE = 8
_DEFAULT = "kubectl.kubernetes.io/default-container"


class ContainerLog(NamedTuple):
    """The log of one run of a container."""

    pod: str
    container: str
    previous: bool
    """Whether it is the run before the present one."""

    @property
    def prefix(self) -> str:
        """What each of its lines begins with, as `kubectl logs --prefix` has it."""
        return f"[pod/{self.pod}/{self.container}]"


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The pods whose logs are asked for."""

    namespace: str
    selector: str
    """Of their labels."""
    pods: Sequence[Pod]

    @property
    def logs(self) -> list[ContainerLog]:
        """The logs that there are; a container that was never started has none."""
        return [log for pod in self.pods for container in _shown(pod) for log in _runs(pod, container)]

    @property
    def all_started(self) -> bool:
        """Whether each of the pods has a log."""
        return {each["metadata"]["name"] for each in self.pods} == {each.pod for each in self.logs}


def choose(cluster: Cluster, found: DeployedEnvironment, workload: str) -> Chosen:
    """List an environment's pods.

    Args:
        cluster: to ask.
        found: the environment.
        workload: of this one only; empty for all.

    Raises:
        BranchenvError: it sleeps, it has no pods of this workload, or the cluster does not answer.
    """
    target = found.target
    if found.record.tags.asleep:
        raise BranchenvError("no pods run: the environment is asleep", fix=f"wake it: {target.command('wake')}")
    namespace = found.app.namespace_of(target.slug)
    selector = branch_selector(target.app, target.slug)
    pods = cluster.items(f"/api/v1/namespaces/{namespace}/pods", {"labelSelector": selector})
    if not pods:
        raise BranchenvError(
            "the environment has no pods", fix=f"see why: {target.command('why')}", code=ExitCode.NOT_READY
        )
    if not workload:
        return Chosen(namespace=namespace, selector=selector, pods=pods)
    names = {each["metadata"]["labels"].get(NAME_LABEL, "") for each in pods}
    if workload not in names:
        raise bad_input(
            "--workload",
            workload,
            f"no pod is of this workload; there are pods of {', '.join(sorted(names))}",
            did_you_mean(workload, names) or "name one of these",
        )
    own = [each for each in pods if each["metadata"]["labels"].get(NAME_LABEL) == workload]
    return Chosen(namespace=namespace, selector=f"{selector},{NAME_LABEL}={workload}", pods=own)


def lines(cluster: Cluster, namespace: str, logs: Iterable[ContainerLog], *, tail: int) -> Iterator[str]:
    """Get the last lines of logs, each with the pod that it is of.

    Args:
        cluster: to ask.
        namespace: of the pods.
        logs: which.
        tail: lines of each.

    Raises:
        BranchenvError: the cluster does not answer.
    """

    def get(log: ContainerLog) -> str:
        query = {"container": log.container, "previous": str(log.previous).lower(), "tailLines": str(tail)}
        return cluster.text(f"/api/v1/namespaces/{namespace}/pods/{log.pod}/log", query)

    wanted = list(logs)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for log, text in zip(wanted, pool.map(get, wanted), strict=True):
            yield from (f"{log.prefix} {line}" for line in text.splitlines())


def _shown(pod: Pod) -> Iterator[Pod]:
    """Return the app's own container, not an injected sidecar; and an init container that does not complete."""
    usual = pod["metadata"].get("annotations", {}).get(_DEFAULT) or pod["spec"]["containers"][0]["name"]
    early = {each["name"] for each in pod["spec"].get("initContainers", ())}
    for status in statuses(pod):
        failed = "terminated" in status.get("lastState", {}) or status.get("state", {}).get("terminated", {}).get(
            "exitCode"
        )
        if status["name"] == usual or (status["name"] in early and failed and not is_ready(pod)):
            yield status


def _runs(pod: Pod, container: Pod) -> Iterator[ContainerLog]:
    state, name, ended = container.get("state", {}), pod["metadata"]["name"], container.get("lastState", {})
    # A new run of one that crashes has hardly begun: what ended the run before is what somebody looks for.
    if "terminated" in ended and not container.get("ready") and "terminated" not in state:
        yield ContainerLog(name, container["name"], previous=True)
    if "running" in state or "terminated" in state:
        yield ContainerLog(name, container["name"], previous=False)
