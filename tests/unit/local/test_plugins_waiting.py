"""When objects are ready, and why they are not: judgements on what a real API server said."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from local.plugins.kubernetes import readiness, reasons, waiting
from local.plugins.kubernetes.errors import ApiError
from local.plugins.kubernetes.kinds import Kind
from local.plugins.kubernetes.reasons import Evidence, explain
from local.plugins.kubernetes.waiting import NotReadyError

POD = {"metadata": {"name": "web-1", "namespace": "shop"}}


def _deployment(generation: int = 2, wanted: int = 1, **status: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "generation": generation, "uid": "u"},
        "spec": {"replicas": wanted, "selector": {"matchLabels": {"app": "web"}}},
        "status": status,
    }


def _ready_deployment() -> dict[str, Any]:
    return _deployment(observedGeneration=2, replicas=1, updatedReplicas=1, availableReplicas=1)


@pytest.mark.parametrize(
    ("obj", "ready", "progress"),
    [
        (_deployment(), False, "rollout to begin"),
        (_deployment(observedGeneration=1, updatedReplicas=1, availableReplicas=1), False, "rollout to begin"),
        (_deployment(observedGeneration=2), False, "(0/1 created)"),
        (
            _deployment(observedGeneration=2, replicas=1, updatedReplicas=1, unavailableReplicas=1),
            False,
            "(0/1 available)",
        ),
        (
            _deployment(
                observedGeneration=2, replicas=2, updatedReplicas=1, availableReplicas=1, unavailableReplicas=1
            ),
            False,
            "(0/1 available)",
        ),
        (
            _deployment(observedGeneration=2, replicas=2, updatedReplicas=1, availableReplicas=2),
            False,
            "1 pod(s) of the old revision",
        ),
        (_ready_deployment(), True, ""),
    ],
)
def test_a_deployment_is_ready_when_its_newest_pods_are_and_no_older_serve(
    obj: dict[str, Any], ready: bool, progress: str
) -> None:
    verdict = readiness.deployment(obj)
    assert verdict.ready is ready, "availability of old pods is not readiness of the new"
    assert progress in verdict.progress, "and the person is told what is missing"


def test_a_deployment_of_no_pods_is_ready_when_none_is_left() -> None:
    obj = _deployment(observedGeneration=2)
    obj["spec"]["replicas"] = 0
    assert readiness.deployment(obj).ready, "asleep is a state to be in"


def test_a_job_that_failed_is_not_waited_for() -> None:
    failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "too often"}
    verdict = readiness.job({"status": {"conditions": [failed]}})
    assert verdict.hopeless, "it will not complete any more"
    assert "BackoffLimitExceeded" in verdict.progress, "it says why"
    assert readiness.job({"status": {"conditions": [{"type": "Complete", "status": "True"}]}}).ready


def test_a_pod_is_ready_when_it_serves_or_has_ended_well() -> None:
    assert readiness.pod({"status": {"conditions": [{"type": "Ready", "status": "True"}]}}).ready
    assert readiness.pod({"status": {"phase": "Succeeded"}}).ready
    assert readiness.pod({"status": {"phase": "Failed"}}).hopeless, "it stays failed"
    assert not readiness.pod({"status": {"phase": "Running"}}).ready, "running is not yet serving"


def test_a_stateful_set_waits_for_its_newest_revision() -> None:
    obj = _deployment(observedGeneration=2, readyReplicas=1, updatedReplicas=0, updateRevision="b", currentRevision="a")
    assert not readiness.stateful_set(obj).ready, "the ready one is old"
    obj["status"] |= {"updatedReplicas": 1}
    assert readiness.stateful_set(obj).ready, "now it is new"


def test_a_service_needs_an_endpoint_only_if_it_has_pods() -> None:
    assert readiness.needs_endpoint({"spec": {"selector": {"a": "b"}, "clusterIP": "10.0.0.1"}})
    assert not readiness.needs_endpoint({"spec": {"selector": {"a": "b"}, "clusterIP": "None"}}), "headless"
    assert not readiness.needs_endpoint({"spec": {}}), "somebody else gives it endpoints"
    assert not readiness.has_endpoint([{"endpoints": [{"conditions": {"ready": False}}]}, {"endpoints": None}])
    assert readiness.has_endpoint([{"endpoints": [{"conditions": {}}]}]), "not said counts as ready"


def test_kinds_without_a_judge_are_ready_at_once() -> None:
    assert readiness.judge_of("v1", "ConfigMap") is None
    assert readiness.judge_of("example.com/v1", "Deployment") is None, "a namesake is none of ours"


# --- Reasons, from recorded pods and events


def _pod(**container: Any) -> dict[str, Any]:
    status = {"name": "app", "image": "shop:1", "ready": False, "restartCount": 0, **container}
    return {**POD, "status": {"phase": "Pending", "containerStatuses": [status]}}


def _event(reason: str, message: str, **more: Any) -> dict[str, Any]:
    about = {"kind": "Pod", "name": "web-1"}
    return {"type": "Warning", "reason": reason, "message": message, "involvedObject": about, **more}


PULLING = _pod(state={"waiting": {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "shop:1"'}})
CRASHED = _pod(
    state={"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}},
    lastState={"terminated": {"exitCode": 3, "reason": "Error"}},
    restartCount=2,
)


def test_an_image_that_cannot_be_pulled_is_named_with_the_registrys_words() -> None:
    events = [_event("Failed", 'Failed to pull image "shop:1": not found'), _event("Failed", "Error: ImagePullBackOff")]
    (text,) = explain(Evidence(pods=[PULLING], events=events))
    assert "'shop:1' cannot be pulled" in text, "which image"
    assert "not found" in text, "and why: the back-off alone says nothing"
    assert "web-1" in text, "and where"


def test_an_image_that_is_still_being_pulled_is_named() -> None:
    waiting = _pod(state={"waiting": {"reason": "ContainerCreating"}})
    (text,) = explain(Evidence(pods=[waiting], events=[_event("Pulling", 'Pulling image "shop:1"', type="Normal")]))
    assert '[Pulling] Pulling image "shop:1", which is not done' in text, "a registry that does not answer is told of"
    pulled = [_event("Pulling", "", type="Normal"), _event("Pulled", "", type="Normal")]
    assert explain(Evidence(pods=[waiting], events=pulled)) == [], "an image that is there is not the reason"


def test_a_crash_is_told_with_exit_code_restarts_and_log() -> None:
    log = "\n".join(f"line {i}" for i in range(20))
    (text,) = explain(Evidence(pods=[CRASHED], logs={("web-1", "app"): log}))
    assert "exit code 3" in text, "how it ended"
    assert "2 restart(s)" in text, "how often"
    assert "line 19" in text, "what it said last"
    assert "line 9\n" not in text, "not everything it ever said"


def test_the_log_that_tells_of_a_crash_is_that_of_the_run_that_crashed() -> None:
    assert reasons.crashed_containers(CRASHED) == [("app", True)], "it waits to be restarted: the run before"
    ended = _pod(state={"terminated": {"exitCode": 1}})
    assert reasons.crashed_containers(ended) == [("app", False)], "it just ended: this run"
    assert reasons.crashed_containers(_pod(state={"running": {}})) == [], "nothing crashed"


def test_a_probe_that_fails_is_told_with_its_answer() -> None:
    events = [_event("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 500", count=4)]
    (text,) = explain(Evidence(pods=[_pod(state={"running": {}})], events=events))
    assert "not ready" in text, "it runs"
    assert "statuscode: 500 (x4)" in text, "but this is what it answers"


def test_a_pod_that_finds_no_node_says_why() -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes: no cpu"}
    (text,) = explain(Evidence(pods=[{**POD, "status": {"conditions": [condition]}}]))
    assert "no cpu" in text, "in the scheduler's words"


def test_without_pods_the_objects_own_conditions_speak() -> None:
    quota = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota: q"}
    minimum = {"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable", "message": "no"}
    texts = explain(Evidence(conditions=[minimum, quota]))
    assert "[FailedCreate] exceeded quota: q" in texts, "the quota is named"
    assert len(explain(Evidence(conditions=[minimum], pods=[PULLING]))) == 1, (
        "a pod's reason makes the general one idle"
    )


def test_events_speak_if_nothing_else_does() -> None:
    about = {"kind": "StatefulSet", "name": "db"}
    event = {"type": "Warning", "reason": "FailedCreate", "message": "forbidden", "involvedObject": about}
    assert explain(Evidence(events=[event, {**event, "type": "Normal"}])) == ["[FailedCreate] forbidden"]


# --- Waiting, against a pretended API server


class _Server:
    """Plays recorded events; then nothing happens any more."""

    def __init__(self, *events: tuple[str, dict[str, Any]], pods: list[dict[str, Any]] | None = None) -> None:
        self.events = events
        self.pods = pods or []

    async def kind(self, api_version: str, kind: str) -> Kind:
        return Kind(api_version, f"{kind.lower()}s", namespaced=True)

    async def events_of(self, path: str, _selector: dict[str, str]) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
        if not path.endswith("/pods"):
            for event in self.events:
                yield event
        await asyncio.Event().wait()

    async def request(self, _method: str, path: str, **_more: Any) -> dict[str, Any]:
        if path.endswith("/pods"):
            return {"items": self.pods}
        return {"items": []}

    async def log(self, *_arguments: Any) -> str:
        return ""


def _wait(server: _Server, live: dict[str, Any], seconds: float = 5, cancel_after: float | None = None) -> Any:
    async def run() -> Any:
        cancelled = asyncio.Event()
        if cancel_after is not None:
            asyncio.get_running_loop().call_later(cancel_after, cancelled.set)
        return await waiting.until_ready(
            server,  # type: ignore[arg-type]
            live,
            live,
            seconds=seconds,
            cancelled=cancelled,
            tell=lambda _message: None,
        )

    return asyncio.run(run())


def test_waiting_ends_with_the_event_that_shows_readiness() -> None:
    server = _Server(("ADDED", _deployment()), ("SYNCED", {}), ("MODIFIED", _ready_deployment()))
    assert _wait(server, _deployment())["status"]["availableReplicas"] == 1, "the live object is what comes back"


def test_what_is_ready_already_is_not_waited_for() -> None:
    assert _wait(_Server(), _ready_deployment()), "no event is needed"


def test_an_object_that_somebody_deletes_is_not_waited_for() -> None:
    server = _Server(("ADDED", _deployment()), ("SYNCED", {}), ("DELETED", _deployment()))
    with pytest.raises(NotReadyError, match="deleted by somebody else"):
        _wait(server, _deployment())
    with pytest.raises(NotReadyError, match="deleted by somebody else"):
        _wait(_Server(("SYNCED", {})), _deployment())


def test_time_that_is_over_is_told_with_the_reason() -> None:
    stateful = {**_deployment(observedGeneration=2), "kind": "StatefulSet"}
    server = _Server(("ADDED", stateful), ("SYNCED", {}), pods=[PULLING])
    with pytest.raises(NotReadyError) as caught:
        _wait(server, stateful, seconds=0.05)
    assert "StatefulSet shop/web is not ready after 0.05 s" in caught.value.causes[0], "what, and for how long"
    assert "cannot be pulled" in caught.value.causes[1], "and why"
    assert caught.value.live["kind"] == "StatefulSet", "the last that was seen of it is kept"


def test_cancelling_ends_the_wait_at_once() -> None:
    server = _Server(("ADDED", _deployment()), ("SYNCED", {}))
    with pytest.raises(NotReadyError, match="cancelled"):
        _wait(server, _deployment(), seconds=60, cancel_after=0.05)


def _go(server: _Server, seconds: float = 5) -> None:
    live = {**_deployment(), "metadata": {**_deployment()["metadata"], "finalizers": ["a/b"]}}

    async def run() -> None:
        await waiting.until_gone(
            server,  # type: ignore[arg-type]
            live,
            live,
            path="/deployments",
            seconds=seconds,
            cancelled=asyncio.Event(),
            tell=lambda _message: None,
        )

    asyncio.run(run())


def test_gone_is_an_object_that_is_deleted_or_not_listed_or_another_of_the_name() -> None:
    other = {**_deployment(), "metadata": {**_deployment()["metadata"], "uid": "another"}}
    _go(_Server(("ADDED", _deployment()), ("SYNCED", {}), ("DELETED", _deployment())))
    _go(_Server(("SYNCED", {})))
    _go(_Server(("ADDED", other), ("SYNCED", {})))
    # A watch that breaks is taken up by listing again; what went meanwhile is not in the list.
    _go(_Server(("ADDED", _deployment()), ("SYNCED", {}), ("MODIFIED", _deployment()), ("SYNCED", {})))


def test_what_holds_an_object_that_does_not_go_is_named() -> None:
    with pytest.raises(NotReadyError, match="held by: a/b"):
        _go(_Server(), seconds=0.05)


def test_only_what_is_worth_it_is_tried_again() -> None:
    tries: list[int] = []

    async def attempt() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise ApiError(404, {"message": "namespace not found"})
        return "made"

    async def run(worth_it: bool) -> str:
        return await waiting.retrying(
            attempt,
            worth_it=lambda _error: worth_it,
            pauses=(0, 0, 0),
            cancelled=asyncio.Event(),
            tell=lambda _message: None,
        )

    assert asyncio.run(run(worth_it=True)) == "made", "the third try succeeds"
    tries.clear()
    with pytest.raises(ApiError):
        asyncio.run(run(worth_it=False))
    assert len(tries) == 1, "what is wrong stays wrong"
