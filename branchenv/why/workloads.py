"""Which workloads are not up, which of their pods show it, and why: pure readings of what the API server lists."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from branchenv.model.context import Target
from branchenv.why import pods, refusals, texts
from branchenv.why.reason import Reason, ReasonKind
from branchenv.why.seen import Object, Seen, is_ready
from core.labels import SCHEDULE_TRACK, TRACK_LABEL
from core.names import CANARY, object_name

_REVISION = "deployment.kubernetes.io/revision"
_HASH = "controller-revision-hash"
_CANNOT_MAKE = ("FailedCreate", "ReplicaSetCreateError")
_PODS_EACH = 2
"""Pods of one workload that are looked at: they have the same cause, nearly always."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """What the API server lists of one environment."""

    deployments: Sequence[Object] = ()
    stateful_sets: Sequence[Object] = ()
    replica_sets: Sequence[Object] = ()
    pods: Sequence[Object] = ()


@dataclass(frozen=True, kw_only=True)
class Details:
    """What was asked of the objects that are in trouble."""

    events: Mapping[str, Sequence[Object]] = field(default_factory=dict)
    """By the name of the object that they are about, the newest last."""
    logs: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """By pod and container."""


@dataclass(frozen=True, kw_only=True)
class Troubled:
    """A workload that is not up."""

    name: str
    """As the environment file calls it; of a chart, the object's name."""
    owner: Object
    """Its Deployment or StatefulSet; or a pod that has neither."""
    declared: bool
    """Whether an environment file makes it; else a chart."""
    pods: Sequence[Object]
    """That are not ready, at most a few."""
    refused: str = ""
    """What the API server says where it does not take its pods."""


def name_of(target: Target, name: str) -> str:
    """Return the name by which people know a workload.

    Args:
        target: the branch.
        name: of its Deployment or StatefulSet.
    """
    stem = object_name(target.slug)
    own = name.removeprefix(f"{stem}--") if name != stem else target.app
    return f"{target.app}--{CANARY}" if own == CANARY else own


def owner_of(pod: Object, listed: Listed) -> str:
    """Name a pod's Deployment or StatefulSet; nothing of one that has neither."""
    names = [each["name"] for each in _owners(pod) if each["kind"] == "StatefulSet"]
    sets = [each for each in listed.replica_sets if _owned_by(pod, each)]
    names += [ref["name"] for each in sets for ref in _owners(each) if ref["kind"] == "Deployment"]
    return str(names[0]) if names else ""


def troubled(target: Target, listed: Listed) -> list[Troubled]:
    """Find the workloads that are not up."""
    found = [each for owner in listed.deployments if (each := _deployment(target, owner, listed))]
    found += [each for owner in listed.stateful_sets if (each := _stateful_set(target, owner, listed))]
    return [*found, *_others(target, listed)]


def explain(target: Target, each: Troubled, details: Details) -> list[Reason]:
    """Say why a workload is not up.

    Args:
        target: the branch.
        each: the workload.
        details: of its pods, and of itself where it has none.
    """
    found = [
        reason
        for pod in each.pods
        for reason in pods.reasons(
            Seen(
                pod=pod,
                workload=each.name,
                declared=each.declared,
                events=details.events.get(_name(pod), ()),
                logs={container: log for (name, container), log in details.logs.items() if name == _name(pod)},
            )
        )
    ]
    refusal = each.refused or _not_made(details.events.get(_name(each.owner), ()))
    if refusal:
        found.append(_refused(target, each.name, refusal))
    if not found:
        found = [Reason(kind=ReasonKind.STARTING, workload=each.name, what="its pods have not been made yet")]
    return found


def listed_reasons(target: Target, owners: Sequence[Object], live: Sequence[Object]) -> Iterator[Reason]:
    """Say why pods are not there or not ready, by what is listed alone; nothing of those that may still be starting.

    Args:
        target: the branch.
        owners: Deployments and StatefulSets.
        live: pods.
    """
    for owner in owners:
        if refusal := _refusal(owner):
            yield _refused(target, name_of(target, _name(owner)), refusal)
    for pod in live:
        if _tried_again(pod, live):
            continue
        found = pods.reasons(Seen(pod=pod, workload=""))
        yield from (each for each in found if each.kind != ReasonKind.STARTING)


def _deployment(target: Target, owner: Object, listed: Listed) -> Troubled | None:
    revision = owner["metadata"].get("annotations", {}).get(_REVISION, "")
    sets = {
        _name(each)
        for each in listed.replica_sets
        if _owned_by(each, owner) and each["metadata"].get("annotations", {}).get(_REVISION, "") == revision
    }
    own = [each for each in listed.pods if any(ref["name"] in sets for ref in _owners(each))]
    return _troubled(target, owner, own, _refusal(owner))


def _refusal(owner: Object) -> str:
    """Return the API server's words where it does not let a Deployment have its pods."""
    conditions = owner.get("status", {}).get("conditions", ())
    failures = [each for each in conditions if each["type"] == "ReplicaFailure" and each["status"] == "True"]
    return str(failures[0].get("message", "")) if failures else ""


def _refused(target: Target, workload: str, refusal: str) -> Reason:
    what, fix = refusals.explain(refusal, target, workload) or (
        f"its pods cannot be made: {texts.one_line(refusal)}",
        "",
    )
    return Reason(kind=ReasonKind.REFUSED, workload=workload, what=what, fix=fix)


def _stateful_set(target: Target, owner: Object, listed: Listed) -> Troubled | None:
    revision = owner.get("status", {}).get("updateRevision", "")
    own = [each for each in listed.pods if _owned_by(each, owner)]
    # One pod at a time: the first of a new revision that does not get ready keeps the others at the old one.
    new = [each for each in own if each["metadata"].get("labels", {}).get(_HASH) == revision and not is_ready(each)]
    return _troubled(target, owner, new or own)


def _troubled(target: Target, owner: Object, own: Sequence[Object], refused: str = "") -> Troubled | None:
    status, spec = owner.get("status", {}), owner.get("spec", {})
    wanted = spec.get("replicas", 1)
    live = [each for each in own if "deletionTimestamp" not in each["metadata"]]
    unready = [each for each in live if not is_ready(each)]
    seen = status.get("observedGeneration", 0) >= owner["metadata"].get("generation", 0)
    if not wanted or (seen and not unready and not refused and len(live) >= wanted):
        return None
    return Troubled(
        name=name_of(target, _name(owner)),
        owner=owner,
        declared=TRACK_LABEL in owner["metadata"].get("labels", {}),
        pods=unready[:_PODS_EACH],
        refused=refused,
    )


def _others(target: Target, listed: Listed) -> Iterator[Troubled]:
    """Return pods of neither kind: of Jobs, and pods by themselves."""
    for pod in listed.pods:
        owners = _owners(pod)
        kinds = {each["kind"] for each in owners}
        if kinds & {"ReplicaSet", "StatefulSet"} or is_ready(pod) or "deletionTimestamp" in pod["metadata"]:
            continue
        track = pod["metadata"].get("labels", {}).get(TRACK_LABEL, "")
        # What fails at night does not keep the environment from being up.
        if track == SCHEDULE_TRACK or _tried_again(pod, listed.pods):
            continue
        name = owners[0]["name"] if owners else _name(pod)
        yield Troubled(name=name_of(target, name), owner=pod, declared=bool(track), pods=[pod])


def _tried_again(pod: Object, every: Sequence[Object]) -> bool:
    """Whether it is a Job's try that failed, and another one did what it was for."""
    own = {each["uid"] for each in _owners(pod)}
    return any(is_ready(each) and own & {ref["uid"] for ref in _owners(each)} for each in every if own)


def _not_made(events: Sequence[Object]) -> str:
    """Return what a StatefulSet says where it cannot make its pods: unlike a Deployment, it has no condition for it."""
    failed = [each for each in events if each.get("type") == "Warning" and each.get("reason") in _CANNOT_MAKE]
    return str(failed[-1].get("message", "")).partition(" error: ")[2] if failed else ""


def _owned_by(each: Object, owner: Object) -> bool:
    return any(ref["uid"] == owner["metadata"]["uid"] for ref in _owners(each))


def _owners(each: Object) -> Sequence[Object]:
    owners: Sequence[Object] = each["metadata"].get("ownerReferences", ())
    return owners


def _name(each: Object) -> str:
    return str(each["metadata"]["name"])
