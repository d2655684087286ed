"""An answer counts once the new pods give it."""

from typing import Any

import pytest

from branchenv.model.context import Target
from branchenv.operations.deploy import rollout
from tests.unit.branchenv.inventory.test_cluster_records import Api

_TARGET = Target(app="shop", branch="feature/a")


def workload(*, replicas: int = 1, spec: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    """Return a Deployment at its second generation, complete but for what is changed."""
    done = {"observedGeneration": 2, "replicas": replicas, "updatedReplicas": replicas, "availableReplicas": replicas}
    return {
        "metadata": {"name": "feature-a--web", "generation": 2},
        "spec": {"replicas": replicas, **(spec or {})},
        "status": {**done, **status},
    }


@pytest.mark.parametrize(
    ("each", "complete", "why"),
    [
        (workload(), True, "its only pod is new and ready"),
        (workload(observedGeneration=1), False, "the controller has not seen the change: the status is of before"),
        (workload(replicas=2, updatedReplicas=1), False, "one pod is still of the version before"),
        (workload(replicas=2, updatedReplicas=1, spec={"replicas": 1}), False, "the old pod answers beside the new"),
        (workload(availableReplicas=0), False, "the new pod is not ready"),
        (workload(replicas=0), True, "asleep: nothing is to be there"),
        (workload(updatedReplicas=0, spec={"paused": True}), True, "a paused rollout waits for a person"),
        (workload(updatedReplicas=0, spec={"updateStrategy": {"type": "OnDelete"}}), True, "replaced by hand"),
        (
            workload(replicas=2, updatedReplicas=1, spec={"updateStrategy": {"rollingUpdate": {"partition": 1}}}),
            True,
            "a part stays on purpose",
        ),
    ],
)
def test_a_rollout_is_complete_when_all_pods_are_new_and_ready(each: dict[str, Any], complete: bool, why: str) -> None:
    assert rollout.is_complete(each) == complete, why


def test_what_is_not_ready_in_time_is_named() -> None:
    api = Api(pods=[], deployment=workload(availableReplicas=0))
    assert rollout.wait(api.cluster(), _TARGET, "shop", timeout=0.1) == ["feature-a--web"], "by its object's name"
    assert len(api.requests) > 2, "it was asked again"


def test_a_finished_rollout_is_looked_at_once() -> None:
    api = Api(pods=[], deployment=workload())
    assert rollout.wait(api.cluster(), _TARGET, "shop", timeout=60) == [], "nothing is late"
    assert len(api.requests) == 2, "one list per kind"
