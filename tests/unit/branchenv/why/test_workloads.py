"""Which workloads are not up, and by which of their pods one sees it."""

from typing import Any

from branchenv.model.context import Target
from branchenv.why import workloads
from branchenv.why.reason import ReasonKind
from branchenv.why.workloads import Details, Listed
from core.labels import TRACK_LABEL

_TARGET = Target(app="shop", branch="a", base="base-dev")
_REVISION = "deployment.kubernetes.io/revision"
_READY = [{"type": "Ready", "status": "True"}]


def deployment(name: str = "a--web", replicas: int = 1, **status: Any) -> dict[str, Any]:
    """Return a Deployment at its second revision."""
    return {
        "metadata": {
            "name": name,
            "uid": f"uid-{name}",
            "generation": 2,
            "annotations": {_REVISION: "2"},
            "labels": {TRACK_LABEL: "stable"},
        },
        "spec": {"replicas": replicas},
        "status": {"observedGeneration": 2, **status},
    }


def owned(name: str, owner: dict[str, Any], kind: str, **more: Any) -> dict[str, Any]:
    """Return what a controller made."""
    reference = {"kind": kind, "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
    metadata = {"name": name, "uid": f"uid-{name}", "ownerReferences": [reference], **more.pop("metadata", {})}
    return {"metadata": metadata, **more}


def replica_set(owner: dict[str, Any], revision: str) -> dict[str, Any]:
    """Return a ReplicaSet of a Deployment."""
    name = f"{owner['metadata']['name']}-{revision}"
    return owned(name, owner, "Deployment", metadata={"annotations": {_REVISION: revision}})


def pod(owner: dict[str, Any], name: str, kind: str = "ReplicaSet", *, ready: bool, **metadata: Any) -> dict[str, Any]:
    """Return a pod of a controller."""
    status = {"conditions": _READY if ready else []}
    return owned(name, owner, kind, metadata=metadata, status=status, spec={"containers": []})


def names(listed: Listed) -> list[tuple[str, list[str]]]:
    """Return what is in trouble, with its pods."""
    found = workloads.troubled(_TARGET, listed)
    return [(each.name, [pod["metadata"]["name"] for pod in each.pods]) for each in found]


def test_a_new_version_that_does_not_get_ready_is_seen_beside_the_old_one_that_is() -> None:
    web = deployment(readyReplicas=1)
    old, new = replica_set(web, "1"), replica_set(web, "2")
    pods = [pod(old, "old", ready=True), pod(new, "new", ready=False)]
    assert names(Listed(deployments=[web], replica_sets=[old, new], pods=pods)) == [("web", ["new"])], "the new one's"


def test_an_old_pod_that_is_on_its_way_out_is_no_trouble() -> None:
    web = deployment()
    old, new = replica_set(web, "1"), replica_set(web, "2")
    pods = [pod(old, "old", ready=False), pod(new, "new", ready=True)]
    pods.append(pod(new, "going", ready=False, deletionTimestamp="2026-11-25T09:00:00Z"))
    assert names(Listed(deployments=[web], replica_sets=[old, new], pods=pods)) == [], "all is well"


def test_a_workload_that_sleeps_is_no_trouble() -> None:
    assert names(Listed(deployments=[deployment(replicas=0)])) == [], "it is to have no pods"


def test_a_workload_is_called_as_people_call_it() -> None:
    called = {"a": "shop", "a--web": "web", "a--web--canary": "web--canary", "a--canary": "shop--canary", "db": "db"}
    assert {name: workloads.name_of(_TARGET, name) for name in called} == called, "by the environment file"


def test_pods_that_cannot_be_made_are_explained_by_their_deployment() -> None:
    message = 'pods "a--web-x" is forbidden: [maximum cpu usage per Container is 1, but limit is 2]'
    web = deployment(conditions=[{"type": "ReplicaFailure", "status": "True", "message": message}])
    (found,) = workloads.troubled(_TARGET, Listed(deployments=[web]))
    (reason,) = workloads.explain(_TARGET, found, Details())
    assert (reason.kind, reason.workload) == (ReasonKind.REFUSED, "web"), "it is the API server that refuses"
    assert "maximum cpu usage per Container is 1" in reason.what, "with its numbers"


def test_pods_that_cannot_be_made_are_explained_by_their_stateful_sets_events() -> None:
    state = deployment("a-db")
    (found,) = workloads.troubled(_TARGET, Listed(stateful_sets=[state]))
    message = (
        'create Pod a-db-0 in StatefulSet a-db failed error: pods "a-db-0" is forbidden: exceeded quota: shop-limits, '
    )
    message += "requested: pods=1, used: pods=4, limited: pods=4"
    events = {"a-db": [{"type": "Warning", "reason": "FailedCreate", "message": message}]}
    (reason,) = workloads.explain(_TARGET, found, Details(events=events))
    assert reason.what.startswith("the quota shop-limits has no room"), "it has no condition that says so"


def test_a_stateful_sets_pod_of_the_new_revision_is_the_one_to_look_at() -> None:
    state = deployment("db", replicas=2, updateRevision="db-2")
    pods = [
        pod(state, "db-0", "StatefulSet", ready=True, labels={"controller-revision-hash": "db-1"}),
        pod(state, "db-1", "StatefulSet", ready=False, labels={"controller-revision-hash": "db-2"}),
    ]
    assert names(Listed(stateful_sets=[state], pods=pods)) == [("db", ["db-1"])], "the others keep to the old revision"


def test_a_charts_job_that_fails_is_seen_as_well() -> None:
    job = {"metadata": {"name": "migrate", "uid": "uid-migrate"}}
    failed = pod(job, "migrate-x", "Job", ready=False)
    assert names(Listed(pods=[failed])) == [("migrate", ["migrate-x"])], "by the Job's name"
    done = {**failed, "status": {"phase": "Succeeded"}}
    assert names(Listed(pods=[done])) == [], "it has done its work"
    assert names(Listed(pods=[failed, done])) == [], "at the second try"


def test_a_job_of_the_environment_file_has_the_files_words() -> None:
    job = {"metadata": {"name": "a--migrate", "uid": "uid-migrate"}}
    failed = pod(job, "a--migrate-x", "Job", ready=False, labels={TRACK_LABEL: "job"})
    (found,) = workloads.troubled(_TARGET, Listed(pods=[failed]))
    assert (found.name, found.declared) == ("migrate", True), "as the file calls it, with the file's keys in fixes"
    failed["metadata"]["labels"][TRACK_LABEL] = "schedule"
    assert not workloads.troubled(_TARGET, Listed(pods=[failed])), "what fails at night does not keep it from being up"


def test_a_rollout_that_has_made_no_pod_yet_is_not_called_well() -> None:
    (found,) = workloads.troubled(_TARGET, Listed(deployments=[deployment()]))
    (reason,) = workloads.explain(_TARGET, found, Details())
    assert (reason.kind, reason.what) == (ReasonKind.STARTING, "its pods have not been made yet"), "nor failed"


def test_at_most_a_few_pods_of_a_workload_are_looked_at() -> None:
    web = deployment(replicas=9)
    new = replica_set(web, "2")
    pods = [pod(new, f"new-{number}", ready=False) for number in range(9)]
    ((_, looked_at),) = names(Listed(deployments=[web], replica_sets=[new], pods=pods))
    assert len(looked_at) == 2, "they have the same cause, and each costs requests"
