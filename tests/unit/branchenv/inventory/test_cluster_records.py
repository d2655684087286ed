"""What the API server lists becomes records; few requests, short reasons."""

import json
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest

from branchenv.clients.kubernetes import Cluster
from branchenv.inventory.cluster_records import environments
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import ClusterRecord
from core import labels, publication
from tests.unit.recording import BASE_CONTRACT


def metadata(**more: Any) -> dict[str, Any]:
    """Return an object's metadata."""
    return {
        "name": "feature-a",
        "namespace": "shop",
        "creationTimestamp": "2026-11-24T10:00:00Z",
        "labels": {labels.APP_LABEL: "shop", labels.SLUG_LABEL: "feature-a"},
        "annotations": {labels.BRANCH_ANNOTATION: "feature/a"},
        **more,
    }


ANCHOR = {"metadata": metadata(annotations={labels.URL_ANNOTATION: "http://a", labels.BRANCH_ANNOTATION: "feature/a"})}
DEPLOYMENT: dict[str, Any] = {"metadata": metadata(), "spec": {"replicas": 2}, "status": {"readyReplicas": 1}}


def pod(status: dict[str, Any]) -> dict[str, Any]:
    """Return a pod that asks for half a core and 64 MiB."""
    requests = {"cpu": "500m", "memory": "64Mi"}
    containers = [{"name": "app", "resources": {"requests": requests}}]
    return {"metadata": metadata(), "spec": {"containers": containers}, "status": status}


def waiting(reason: str, **more: Any) -> dict[str, Any]:
    """Return the status of a pod whose container waits."""
    state = {"name": "app", "image": "shop:2", "state": {"waiting": {"reason": reason}}, **more}
    return {"phase": "Pending", "containerStatuses": [state]}


class Api:
    """An API server that lists these objects."""

    def __init__(self, *, pods: list[dict[str, Any]], deployment: dict[str, Any] = DEPLOYMENT) -> None:
        self.lists: dict[str, list[dict[str, Any]]] = {
            "configmaps": [ANCHOR],
            "deployments": [deployment],
            "statefulsets": [],
            "pods": pods,
            "namespaces": [],
        }
        self.requests: list[httpx2.Request] = []
        self.forbidden = False
        self.allowed: tuple[str, ...] = ("/api/v1/namespaces/", "/apis/apps/v1/namespaces/")

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """Answer one request."""
        self.requests.append(request)
        if request.method == "DELETE":
            return httpx2.Response(404)
        if self.forbidden and not request.url.path.startswith(self.allowed):
            return httpx2.Response(403)
        if request.url.path == publication.path("base-x"):
            return httpx2.Response(200, json={"data": {publication.KEY: json.dumps(self.contract)}})
        plural = request.url.path.rpartition("/")[2]
        return httpx2.Response(200, json={"metadata": {}, "items": self.lists[plural]})

    def cluster(self, **apps: Mapping[str, Any]) -> Cluster:
        """Connect to it, with what a base stack says of its apps."""
        app = BASE_CONTRACT["apps"]["shop"]
        promised = {name: {**app, "namespace": name, **own} for name, own in apps.items()}
        self.contract = {**BASE_CONTRACT, "name": "base-x", "apps": promised}
        api = httpx2.Client(transport=httpx2.MockTransport(self), base_url="http://api")
        return Cluster(api, "base-x" if apps else "")


def test_five_requests_find_all_environments() -> None:
    api = Api(pods=[pod({"phase": "Running"})])
    (found,) = environments(api.cluster())
    assert len(api.requests) == 5, "one list per kind, however many environments there are"
    assert (found.app, found.slug, found.branch, found.url) == ("shop", "feature-a", "feature/a", "http://a"), "anchor"
    assert (found.wanted, found.ready, found.cpu, found.memory) == (2, 1, 0.5, 64 * 2**20), "pods and requests"


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (waiting("ImagePullBackOff"), "the image shop:2 cannot be pulled: ImagePullBackOff"),
        (
            waiting("CrashLoopBackOff", lastState={"terminated": {"reason": "Error", "exitCode": 1}}, restartCount=2),
            "its container crashes with exit code 1, 2 restarts so far",
        ),
        (
            {
                "conditions": [
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "Insufficient cpu",
                    }
                ]
            },
            "no node has room for its pod, which asks for cpu 500m, memory 64Mi; the scheduler says: Insufficient cpu",
        ),
    ],
)
def test_a_pod_that_is_not_ready_says_why(status: dict[str, Any], reason: str) -> None:
    (found,) = environments(Api(pods=[pod(status), pod(status)]).cluster())
    assert found.problems == (reason,), "once, however many pods have it"


def test_a_container_that_is_just_starting_is_no_problem() -> None:
    (found,) = environments(Api(pods=[pod(waiting("ContainerCreating"))]).cluster())
    assert found.problems == (), "that is how every pod begins"


def test_a_quota_is_named_though_there_are_no_pods() -> None:
    message = "pods is forbidden: exceeded quota: shop, requested: pods=1, used: pods=4, limited: pods=4"
    condition = {"type": "ReplicaFailure", "status": "True", "message": message}
    deployment = {**DEPLOYMENT, "status": {"conditions": [condition]}}
    (found,) = environments(Api(pods=[], deployment=deployment).cluster())
    assert found.problems[0].startswith("the quota shop has no room"), "the Deployment tells it, no pod does"


def test_an_identity_that_may_not_list_all_asks_for_each_namespace() -> None:
    api = Api(pods=[])
    api.forbidden = True
    (found,) = environments(api.cluster(shop={}, pay={}), "shop")
    assert (found.namespace, found.branch_namespace) == ("shop", False), "found all the same"
    assert not [each for each in api.requests if "/pay/" in each.url.path], "another app's namespace is not asked"


OWN = {
    "metadata": {key: value for key, value in ANCHOR["metadata"].items() if key != "namespace"} | {"name": "shop--a"}
}


def test_where_branches_have_namespaces_of_their_own_these_are_found_first() -> None:
    api = Api(pods=[])
    api.forbidden, api.lists["namespaces"] = True, [OWN]
    api.allowed = ("/api/v1/namespaces", "/apis/apps/v1/namespaces/shop--a/")
    own = {"quota": {}, "role": "branch", "subjects": []}
    (found,) = environments(api.cluster(shop={"branchNamespace": own}), "shop", "feature-a")
    assert (found.namespace, found.branch_namespace) == ("shop--a", True), "its own"
    asked = [each for each in api.requests if each.url.path.endswith("/namespaces")]
    assert {each.url.params["labelSelector"] for each in asked} == {
        f"{labels.APP_LABEL}=shop,{labels.SLUG_LABEL}=feature-a"
    }, "of one branch, only its own is looked into"


def test_a_namespace_is_an_environment_even_if_nothing_is_in_it() -> None:
    api = Api(pods=[])
    api.lists = {"namespaces": [OWN], **{kind: [] for kind in api.lists if kind != "namespaces"}}
    (found,) = environments(api.cluster())
    assert (found.namespace, found.url, found.leaving) == ("shop--a", "http://a", False), "a killed `up` left it"
    api.lists["namespaces"] = [{"metadata": {**OWN["metadata"], "deletionTimestamp": "2026-11-24T11:00:00Z"}}]
    assert environments(api.cluster())[0].leaving, "and it goes"


def test_a_refusal_has_an_exit_code_of_its_own() -> None:
    api = Api(pods=[])
    api.forbidden = True
    with pytest.raises(BranchenvError, match="the cluster refuses GET") as refused:
        environments(api.cluster())
    assert refused.value.code == ExitCode.CLUSTER, "scripts tell it apart"


def test_a_namespace_of_its_own_goes_with_all_that_is_in_it() -> None:
    api = Api(pods=[])
    api.cluster().delete(ClusterRecord(app="shop", slug="a", branch="a", namespace="shop--a", branch_namespace=True))
    assert api.requests[0].url.path == "/api/v1/namespaces/shop--a", "with or without an anchor"


def test_deleting_names_the_anchor_and_bears_that_it_is_gone() -> None:
    api = Api(pods=[])
    record = ClusterRecord(app="shop", slug="a", branch="a", namespace="shop", anchor="a")
    api.cluster().delete(record)
    assert api.requests[0].url.path == "/api/v1/namespaces/shop/configmaps/a", "what it owns goes with it"
    assert api.requests[0].url.params["propagationPolicy"] == "Background", "nobody waits"


def test_a_sidecar_counts_as_long_as_its_pod_runs_and_an_init_container_that_ends_does_not() -> None:
    injected = pod({"phase": "Running"})
    requests = {"requests": {"cpu": "100m", "memory": "128Mi"}}
    injected["spec"]["initContainers"] = [
        {"name": "istio-validation", "resources": requests},
        {"name": "istio-proxy", "resources": requests, "restartPolicy": "Always"},
    ]
    (record,) = environments(Api(pods=[injected]).cluster(), "")
    assert record.cpu == pytest.approx(0.6), "the app's and the proxy's, as in the namespace's quota"
    assert record.memory == (64 + 128) * 2**20, "the same for memory"
