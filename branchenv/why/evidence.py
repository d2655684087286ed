"""What is asked of the API server about an environment that is not up: one list per kind, then its pods in trouble."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from branchenv.clients.kubernetes import DEPLOYMENTS, PODS, REPLICA_SETS, STATEFUL_SETS, Cluster
from branchenv.model.context import Target
from branchenv.why import pods
from branchenv.why.seen import is_ready
from branchenv.why.workloads import Details, Listed, Troubled, owner_of

_AT_ONCE = 8
_LOG_LINES = 10
_LOG_BYTES = 65536


def listed(cluster: Cluster, target: Target, namespace: str) -> Listed:
    """List what the environment has.

    Args:
        cluster: to ask.
        target: the branch, with the slugs that the base stack reserves.
        namespace: that it is in.

    Raises:
        BranchenvError: the cluster does not answer, or refuses.
    """
    found = cluster.of_branch(target, namespace, DEPLOYMENTS, STATEFUL_SETS, REPLICA_SETS, PODS)
    return Listed(deployments=found[0], stateful_sets=found[1], replica_sets=found[2], pods=found[3])


def details(cluster: Cluster, namespace: str, troubled: Sequence[Troubled]) -> Details:
    """Ask for the events of what is in trouble, and for the logs that tell more.

    Raises:
        BranchenvError: the cluster does not answer, or refuses.
    """
    pod_of = {pod["metadata"]["name"]: pod for each in troubled for pod in each.pods}
    names = sorted({*pod_of, *(each.owner["metadata"]["name"] for each in troubled if not each.pods)})
    logs = [(name, log) for name, pod in pod_of.items() for log in pods.logs_wanted(pod)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        events = pool.map(lambda name: _events(cluster, namespace, name), names)
        texts = pool.map(lambda each: _log(cluster, namespace, *each), logs)
        return Details(
            events=dict(zip(names, events, strict=True)),
            logs={(name, log.container): text for (name, log), text in zip(logs, texts, strict=True)},
        )


def _events(cluster: Cluster, namespace: str, name: str) -> list[Mapping[str, Any]]:
    found = cluster.items(f"/api/v1/namespaces/{namespace}/events", {"fieldSelector": f"involvedObject.name={name}"})
    return sorted(found, key=lambda each: str(each.get("lastTimestamp") or each.get("eventTime") or ""))


def _log(cluster: Cluster, namespace: str, pod: str, log: pods.LogReference) -> str:
    return cluster.text(
        f"/api/v1/namespaces/{namespace}/pods/{pod}/log",
        {
            "container": log.container,
            "previous": str(log.previous).lower(),
            "tailLines": str(_LOG_LINES),
            "limitBytes": str(_LOG_BYTES),
        },
    )


def logs_of_ready(cluster: Cluster, namespace: str, listed: Listed) -> list[tuple[str, str, str]]:
    """Get the last lines of one ready pod of each workload.

    Returns:
        Name of the Deployment or StatefulSet, of the pod, and the lines.

    Raises:
        BranchenvError: the cluster does not answer.
    """
    chosen: dict[str, Mapping[str, Any]] = {}
    for pod in listed.pods:
        live = is_ready(pod) and "deletionTimestamp" not in pod["metadata"]
        if live and (owner := owner_of(pod, listed)):
            chosen[owner] = pod
    # The app's own container stands first; an injected sidecar behind it.
    logs = [
        (owner, pod["metadata"]["name"], pods.LogReference(pod["spec"]["containers"][0]["name"], previous=False))
        for owner, pod in sorted(chosen.items())
    ]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda each: (each[0], each[1], _log(cluster, namespace, each[1], each[2])), logs))
