"""What was deleted or edited by hand: found by comparing the state with the cluster, and nothing else taken for it."""

import copy
import json
from typing import Any

import httpx2
import pytest

from branchenv.clients.backend.checkpoint import read_checkpoint
from branchenv.clients.kubernetes import Cluster
from branchenv.model.errors import BranchenvError
from branchenv.model.records import DeployedObject, StackRecord
from branchenv.operations.repair.drift import What, compare, find

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_WANTED: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "x", "namespace": "shop", "labels": {"branch-environments/slug": "x"}},
    "spec": {
        "replicas": 1,
        "template": {
            "spec": {
                "containers": [
                    {"name": "app", "image": "shop:1", "resources": {"limits": {"cpu": "1000m"}}, "args": ["a", "b"]}
                ]
            }
        },
    },
}


def _seen() -> dict[str, Any]:
    """As the API server had it: with a uid, a default, and an amount in its own spelling."""
    seen: dict[str, Any] = copy.deepcopy(_WANTED)
    seen["metadata"]["uid"] = "1"
    seen["spec"]["revisionHistoryLimit"] = 10
    seen["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"] = "1"
    return seen


def _object(**more: Any) -> DeployedObject:
    made: dict[str, Any] = {
        "urn": "urn:x",
        "api_version": "apps/v1",
        "kind": "Deployment",
        "namespace": "shop",
        "name": "x",
        "wanted": _WANTED,
        "seen": _seen(),
    }
    return DeployedObject(**{**made, **more})


def test_what_is_as_it_was_deployed_is_no_drift() -> None:
    assert compare(_object(), _seen()) is None, "the API server's own spelling is no change"


def test_what_others_have_added_is_no_drift() -> None:
    live = _seen()
    live["metadata"]["labels"]["team"] = "blue"
    live["spec"]["template"]["spec"]["containers"].append({"name": "proxy"})
    live["spec"]["paused"] = False
    live["status"] = {"replicas": 1}
    assert compare(_object(), live) is None, "the environment says nothing of it"


def test_an_object_that_is_not_there_was_deleted() -> None:
    found = compare(_object(), None)
    assert found is not None, "it is missing"
    assert found.what == What.DELETED, "nothing else can have become of it"
    assert str(found) == "Deployment shop/x was deleted", "in a person's words"


def test_an_object_that_is_on_its_way_out_is_told_apart() -> None:
    live = _seen()
    live["metadata"]["deletionTimestamp"] = "2026-11-27T00:00:00Z"
    found = compare(_object(), live)
    assert found is not None, "it will be missing soon"
    assert found.what == What.LEAVING, "so that nobody writes to it"


def test_an_object_that_was_made_again_is_another_one() -> None:
    live = _seen()
    live["metadata"]["uid"] = "2"
    found = compare(_object(), live)
    assert found is not None, "others refer to the old one"
    assert found.what == What.REPLACED, "it has the same name alone"


def test_every_field_that_was_edited_is_named_with_both_values() -> None:
    live = _seen()
    live["spec"]["replicas"] = 2
    container = live["spec"]["template"]["spec"]["containers"][0]
    container["image"] = "other:2"
    container["args"] = ["a"]
    del live["metadata"]["labels"]["branch-environments/slug"]
    live["spec"]["template"]["spec"]["containers"].insert(0, {"name": "first"})
    found = compare(_object(), live)
    assert found is not None, "it was edited"
    assert [(each.path, each.deployed, each.now) for each in found.fields] == [
        ("metadata.labels['branch-environments/slug']", "x", "(missing)"),
        ("spec.replicas", 1, 2),
        ("spec.template.spec.containers[app].image", "shop:1", "other:2"),
        ("spec.template.spec.containers[app].args", ["a", "b"], ["a"]),
    ], "each field, found by name where somebody has put another before it"


@pytest.mark.parametrize(("manager", "left"), [("kube-controller-manager", True), ("kubectl", False)])
def test_replicas_are_left_to_an_autoscaler_and_to_nobody_else(manager: str, left: bool) -> None:
    live = _seen()
    live["spec"]["replicas"] = 3
    live["metadata"]["managedFields"] = [
        {"manager": manager, "subresource": "scale", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
    ]
    assert (compare(_object(), live) is None) == left, "a HorizontalPodAutoscaler sets them, a person does not"


def test_no_secret_is_shown() -> None:
    secret = {_SIGNATURE: "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:x"}
    wanted = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, "data": secret, "stringData": {"a": "b"}}
    deployed = _object(kind="Secret", api_version="v1", wanted=wanted, seen={**wanted})
    found = compare(deployed, {**wanted, "data": None, "stringData": {"a": "leaked"}})
    assert found is not None, "its data is missing"
    assert [each.path for each in found.fields] == ["data", "stringData.a"], "which fields"
    assert "leaked" not in str(found), "and no value"


def _cluster(objects: dict[str, Any], *, refused: str = "") -> tuple[Cluster, list[str]]:
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        asked.append(path)
        if refused and refused in path:
            return httpx2.Response(403)
        return httpx2.Response(200, json=objects[path]) if path in objects else httpx2.Response(404)

    return Cluster(httpx2.Client(transport=httpx2.MockTransport(answer), base_url="http://api")), asked


def test_each_object_takes_one_request() -> None:
    cluster, asked = _cluster({"/apis/apps/v1/namespaces/shop/deployments/x": _seen()})
    assert find(StackRecord(name="shop.x", objects=(_object(),)), cluster) == [], "nothing has changed"
    assert asked == ["/apis/apps/v1/namespaces/shop/deployments/x"], "a push waits for no more than that"


def test_a_kind_whose_resource_is_called_otherwise_is_found() -> None:
    kinds = {"resources": [{"kind": "Mouse", "name": "mice"}, {"kind": "Mouse", "name": "mice/status"}]}
    cluster, _ = _cluster({"/apis/x.y/v1": kinds, "/apis/x.y/v1/namespaces/shop/mice/x": _seen()})
    one = _object(kind="Mouse", api_version="x.y/v1")
    assert find(StackRecord(name="shop.x", objects=(one,)), cluster) == [], "it is there"


@pytest.mark.parametrize(
    ("kind", "plural"),
    [("NetworkPolicy", "networkpolicies"), ("Ingress", "ingresses"), ("Gateway", "gateways"), ("Service", "services")],
)
def test_resources_are_called_as_kubernetes_calls_them(kind: str, plural: str) -> None:
    cluster, asked = _cluster({f"/api/v1/namespaces/shop/{plural}/x": _seen()})
    find(StackRecord(name="shop.x", objects=(_object(kind=kind, api_version="v1"),)), cluster)
    assert len(asked) == 1, "it was found at the first try"


def test_a_deleted_namespace_takes_along_what_nobody_may_ask_for_any_more() -> None:
    objects = (_object(kind="Namespace", api_version="v1", namespace="", name="shop--x"), _object(namespace="shop--x"))
    cluster, _ = _cluster({}, refused="/deployments/")
    found = find(StackRecord(name="shop.x", objects=objects), cluster)
    assert [each.what for each in found] == [What.DELETED, What.DELETED], "the rights in there were deleted with it"


def test_what_is_in_a_namespace_that_is_being_deleted_goes_with_it() -> None:
    leaving = {"metadata": {"name": "shop--x", "deletionTimestamp": "2026-11-27T00:00:00Z"}}
    objects = (_object(namespace="shop--x"), _object(kind="Namespace", api_version="v1", namespace="", name="shop--x"))
    cluster, _ = _cluster({"/api/v1/namespaces/shop--x": leaving}, refused="/deployments/")
    found = find(StackRecord(name="shop.x", objects=objects), cluster)
    assert [each.what for each in found] == [What.LEAVING, What.LEAVING], "the rights in there go before it does"


def test_a_cluster_that_refuses_is_no_cluster_without_objects() -> None:
    cluster, _ = _cluster({}, refused="/deployments/")
    with pytest.raises(BranchenvError, match="refuses"):
        find(StackRecord(name="shop.x", objects=(_object(),)), cluster)


def test_the_state_tells_its_kubernetes_objects() -> None:
    whole = {"custom": True, "inputs": _WANTED, "outputs": _seen(), "id": "shop/x"}
    resources = [
        {"urn": "urn:stack", "type": "pulumi:pulumi:Stack", "outputs": {}},
        {"urn": "urn:component", "type": "branch-environments:branch:BranchEnvironment"},
        {"urn": "urn:provider", "type": "pulumi:providers:kubernetes", "custom": True, "id": "1"},
        {"urn": "urn:x", "type": "kubernetes:apps/v1:Deployment", **whole},
        {"urn": "urn:old", "type": "kubernetes:apps/v1:Deployment", "delete": True, **whole},
        {"urn": "urn:patch", "type": "kubernetes:core/v1:NamespacePatch", **whole},
        {"urn": "urn:chart", "type": "kubernetes:helm.sh/v4:Chart"},
    ]
    state = {"version": 3, "checkpoint": {"latest": {"manifest": {}, "resources": resources}}}
    found = read_checkpoint(json.dumps(state).encode()).objects
    assert [each.urn for each in found] == ["urn:x"], "whole objects that are to be there"
    assert (found[0].namespace, found[0].name, found[0].kind) == ("shop", "x", "Deployment"), "where it is"
