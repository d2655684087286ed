"""When an object is ready, by kind: pure judgements on what the API server says of it.

Kinds that are not listed are ready as soon as they exist, as with the official provider. Service differs from it in one
point: it is ready when it has a ready endpoint, without ten more seconds of waiting to see whether that lasts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.plugins.kubernetes.quantity import normal_amount


@dataclass(frozen=True)
class Verdict:
    """Ready or not; if not, how far it is, and whether there is no hope of it becoming ready."""

    ready: bool
    progress: str = ""
    hopeless: bool = False


READY = Verdict(ready=True)
Judge = Callable[[dict[str, Any]], Verdict]


def judge_of(api_version: str, kind: str) -> Judge | None:
    """The judge for a kind; none if it is ready as soon as it exists."""
    group = api_version.rpartition("/")[0]
    return _JUDGES.get((group, kind))


def _status(obj: dict[str, Any]) -> dict[str, Any]:
    status = obj.get("status")
    return status if isinstance(status, dict) else {}


def condition(obj: dict[str, Any], wanted: str) -> dict[str, Any]:
    """One of its status conditions; empty if it is not there."""
    for found in _status(obj).get("conditions") or []:
        if found.get("type") == wanted:
            return dict(found)
    return {}


def _unobserved(obj: dict[str, Any]) -> bool:
    generation = obj.get("metadata", {}).get("generation", 0)
    return bool(_status(obj).get("observedGeneration", 0) < generation)


def _replicas(obj: dict[str, Any]) -> int:
    wanted = obj.get("spec", {}).get("replicas")
    return 1 if wanted is None else int(wanted)


def deployment(obj: dict[str, Any]) -> Verdict:
    """All pods are of the newest revision and available, and none of an older one is left in service."""
    wanted, status = _replicas(obj), _status(obj)
    if _unobserved(obj):
        return Verdict(ready=False, progress="Waiting for the rollout to begin")
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if updated < wanted:
        return Verdict(ready=False, progress=f"Waiting for pods of the new revision ({updated}/{wanted} created)")
    left = status.get("replicas", 0) - updated
    if available < wanted or (left > 0 and status.get("unavailableReplicas", 0)):
        # Pods of the old revision count as available too, so the new ones are counted by what is missing.
        new = max(0, min(updated, wanted - status.get("unavailableReplicas", 0)))
        return Verdict(ready=False, progress=f"Waiting for pods ({new}/{wanted} available)")
    if left > 0:
        return Verdict(ready=False, progress=f"Waiting for {left} pod(s) of the old revision to go")
    return READY


def stateful_set(obj: dict[str, Any]) -> Verdict:
    """All pods are of the newest revision and ready."""
    wanted, status = _replicas(obj), _status(obj)
    if _unobserved(obj):
        return Verdict(ready=False, progress="Waiting for the rollout to begin")
    ready, updated = status.get("readyReplicas", 0), status.get("updatedReplicas", 0)
    same = status.get("updateRevision") == status.get("currentRevision")
    strategy = obj.get("spec", {}).get("updateStrategy", {}).get("type", "RollingUpdate")
    if ready >= wanted and (strategy == "OnDelete" or same or updated >= wanted):
        return READY
    return Verdict(ready=False, progress=f"Waiting for pods ({min(ready, updated)}/{wanted} ready)")


def daemon_set(obj: dict[str, Any]) -> Verdict:
    """Every node that should have a pod has one of the newest revision, available."""
    status = _status(obj)
    if _unobserved(obj):
        return Verdict(ready=False, progress="Waiting for the rollout to begin")
    wanted = status.get("desiredNumberScheduled", 0)
    updated, available = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    strategy = obj.get("spec", {}).get("updateStrategy", {}).get("type", "RollingUpdate")
    if available >= wanted and (strategy == "OnDelete" or updated >= wanted):
        return READY
    return Verdict(ready=False, progress=f"Waiting for pods ({min(updated, available)}/{wanted})")


def pod(obj: dict[str, Any]) -> Verdict:
    """Ready, or ended well."""
    phase = _status(obj).get("phase")
    if phase == "Succeeded" or condition(obj, "Ready").get("status") == "True":
        return READY
    if phase == "Failed":
        return Verdict(ready=False, progress="The pod failed", hopeless=True)
    return Verdict(ready=False, progress=f"Waiting for the pod to be ready ({phase or 'Pending'})")


def job(obj: dict[str, Any]) -> Verdict:
    """Complete; or failed, which will not change."""
    if condition(obj, "Complete").get("status") == "True":
        return READY
    failed = condition(obj, "Failed")
    if failed.get("status") == "True":
        text = f"[{failed.get('reason')}] {failed.get('message')}"
        return Verdict(ready=False, progress=text, hopeless=True)
    if obj.get("spec", {}).get("suspend") is True:
        return READY
    done, wanted = _status(obj).get("succeeded", 0), obj.get("spec", {}).get("completions", 1)
    return Verdict(ready=False, progress=f"Waiting for completion ({done}/{wanted})")


def service(obj: dict[str, Any]) -> Verdict:
    """A load balancer has its address. Endpoints are other objects: see `has_endpoint`."""
    if obj.get("spec", {}).get("type") != "LoadBalancer":
        return READY
    if (_status(obj).get("loadBalancer") or {}).get("ingress"):
        return READY
    return Verdict(ready=False, progress="Waiting for the load balancer's address")


def needs_endpoint(obj: dict[str, Any]) -> bool:
    """Whether a Service is of use only with a pod behind it."""
    spec = obj.get("spec", {})
    return bool(spec.get("selector")) and spec.get("type") != "ExternalName" and spec.get("clusterIP") != "None"


def has_endpoint(slices: list[dict[str, Any]]) -> bool:
    """Whether any of a Service's EndpointSlices has an endpoint that is ready."""
    return any(
        endpoint.get("conditions", {}).get("ready") is not False
        for one in slices
        for endpoint in one.get("endpoints") or []
    )


def ingress(obj: dict[str, Any]) -> Verdict:
    """It has its address."""
    if (_status(obj).get("loadBalancer") or {}).get("ingress"):
        return READY
    return Verdict(ready=False, progress="Waiting for the ingress controller to give an address")


def volume_claim(obj: dict[str, Any]) -> Verdict:
    """Bound. A class that binds on first use is another object: see `waiting.py`."""
    phase = _status(obj).get("phase")
    return READY if phase == "Bound" else Verdict(ready=False, progress=f"Waiting to be bound ({phase})")


def volume(obj: dict[str, Any]) -> Verdict:
    """Available or bound."""
    phase = _status(obj).get("phase")
    if phase in ("Available", "Bound"):
        return READY
    return Verdict(ready=False, progress=f"Waiting to be available ({phase})")


def quota(obj: dict[str, Any]) -> Verdict:
    """In force."""
    wanted, found = obj.get("spec", {}).get("hard") or {}, _status(obj).get("hard") or {}
    if {k: normal_amount(v) for k, v in wanted.items()} == {k: normal_amount(v) for k, v in found.items()}:
        return READY
    return Verdict(ready=False, progress="Waiting for the quota to be in force")


def definition(obj: dict[str, Any]) -> Verdict:
    """Served: objects of the kind can be made."""
    if condition(obj, "Established").get("status") == "True":
        return READY
    refused = condition(obj, "NamesAccepted")
    if refused.get("status") == "False":
        return Verdict(ready=False, progress=str(refused.get("message")), hopeless=True)
    return Verdict(ready=False, progress="Waiting for the kind to be served")


_JUDGES: dict[tuple[str, str], Judge] = {
    ("apps", "Deployment"): deployment,
    ("apps", "StatefulSet"): stateful_set,
    ("apps", "DaemonSet"): daemon_set,
    ("batch", "Job"): job,
    ("", "Pod"): pod,
    ("", "Service"): service,
    ("", "PersistentVolumeClaim"): volume_claim,
    ("", "PersistentVolume"): volume,
    ("", "ResourceQuota"): quota,
    ("networking.k8s.io", "Ingress"): ingress,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): definition,
}
