"""Whether the pods of the last deploy are the ones that answer."""

import time
from collections.abc import Mapping
from typing import Any

from branchenv.clients.kubernetes import DEPLOYMENTS, STATEFUL_SETS, Cluster
from branchenv.model.context import Target

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0


def wait(cluster: Cluster, target: Target, namespace: str, *, timeout: float) -> list[str]:
    """Wait until a branch's rollouts are complete.

    `pulumi up` waits for them as well, and ends too early where the API server's events reach the provider late: it
    takes an update's first event for its last. Old pods then answer at the URL while new ones crash.

    Args:
        cluster: to ask.
        target: the branch, with the slugs that the base stack reserves.
        namespace: that it is in.
        timeout: seconds; the state is looked at once even without any.

    Returns:
        Names of the Deployments and StatefulSets whose new pods are not all ready after that.

    Raises:
        BranchenvError: the cluster does not answer, or refuses.
    """
    end = time.monotonic() + timeout
    pause = _FIRST_PAUSE
    while True:
        late = [
            str(each["metadata"]["name"])
            for workloads in cluster.of_branch(target, namespace, DEPLOYMENTS, STATEFUL_SETS)
            for each in workloads
            if not is_complete(each)
        ]
        if not late or time.monotonic() >= end:
            return late
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def is_complete(workload: Mapping[str, Any]) -> bool:
    """Whether all pods of a Deployment or StatefulSet are of its newest revision and ready.

    The conditions are those of `kubectl rollout status`.
    https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#complete-deployment
    """
    spec, status = workload["spec"], workload.get("status", {})
    if status.get("observedGeneration", 0) < workload["metadata"]["generation"]:
        return False
    strategy = spec.get("updateStrategy", {})
    if spec.get("paused") or strategy.get("type") == "OnDelete" or strategy.get("rollingUpdate", {}).get("partition"):
        # Its old pods stay on purpose.
        return True
    wanted, updated = spec.get("replicas", 1), status.get("updatedReplicas", 0)
    return bool(
        updated >= wanted and status.get("replicas", 0) <= updated and status.get("availableReplicas", 0) >= wanted
    )
