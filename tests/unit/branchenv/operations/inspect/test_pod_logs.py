"""Which runs of which containers `branchenv logs` shows."""

from typing import Any

import pytest

from branchenv.operations.inspect.pod_logs import Chosen, ContainerLog


def _pod(
    state: dict[str, Any], last: dict[str, Any] | None = None, *, ready: bool = False, **more: Any
) -> dict[str, Any]:
    return {
        "metadata": {"name": "web-1", "labels": {}, "annotations": more.get("annotations", {})},
        "spec": {"containers": [{"name": "web"}, {"name": "istio-proxy"}], "initContainers": more.get("early", [])},
        "status": {
            "conditions": [{"type": "Ready", "status": str(ready)}],
            "initContainerStatuses": more.get("early_statuses", []),
            "containerStatuses": [
                {"name": "web", "state": state, "lastState": last or {}, "ready": ready},
                {"name": "istio-proxy", "state": {"running": {}}, "lastState": {}, "ready": True},
            ],
        },
    }


def _chosen(pod: dict[str, Any]) -> Chosen:
    return Chosen(namespace="shop", selector="a=b", pods=[pod])


_ENDED = {"terminated": {"exitCode": 3}}


@pytest.mark.parametrize(
    ("pod", "runs"),
    [
        (_pod({"running": {}}, ready=True), [False]),
        (_pod({"running": {}}, _ENDED, ready=True), [False]),
        (_pod({"waiting": {"reason": "CrashLoopBackOff"}}, _ENDED), [True]),
        (_pod({"running": {}}, _ENDED), [True, False]),
        (_pod(_ENDED, _ENDED), [False]),
        (_pod({"waiting": {"reason": "ImagePullBackOff"}}), []),
    ],
    ids=["well", "well again", "crash loop", "just started again", "just ended", "no image"],
)
def test_of_a_crash_loop_the_run_that_ended_is_shown(pod: dict[str, Any], runs: list[bool]) -> None:
    chosen = _chosen(pod)
    assert chosen.logs == [ContainerLog("web-1", "web", previous) for previous in runs], (
        "of the app, not of its sidecar"
    )
    assert chosen.all_started == bool(runs), "what has no log is explained instead"


def test_another_container_may_be_the_default_one() -> None:
    pod = _pod({"running": {}}, annotations={"kubectl.kubernetes.io/default-container": "istio-proxy"})
    assert [each.container for each in _chosen(pod).logs] == ["istio-proxy"], "as kubectl has it"


def test_an_init_container_that_fails_is_shown() -> None:
    early = {"name": "migrate", "state": {"waiting": {}}, "lastState": _ENDED, "ready": False}
    pod = _pod({"waiting": {"reason": "PodInitializing"}}, early=[{"name": "migrate"}], early_statuses=[early])
    assert _chosen(pod).logs == [ContainerLog("web-1", "migrate", previous=True)], "the app waits for it"
