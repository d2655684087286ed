"""Names, types and ownership: what is sent to the API server for what a program asks."""

from typing import Any

import pytest

from local.plugins.kubernetes import manifest
from local.plugins.kubernetes.conditions import ConditionError, parse
from local.plugins.kubernetes.errors import ApiError
from local.plugins.kubernetes.inputs import InputError, Naming, Token, check
from local.plugins.kubernetes.kinds import builtin_kind
from local.plugins.kubernetes.ownership import conflict_message, manager_name, takeover, with_ignored
from local.plugins.kubernetes.values import UNKNOWN, Secret

CONFIG_MAP = Token("v1", "ConfigMap", patch=False)
NAMING = Naming(logical="c", seed=b"seed")


def test_a_token_gives_version_and_kind() -> None:
    assert Token.parse("kubernetes:core/v1:ConfigMap") == CONFIG_MAP, "core is the group without a name"
    parsed = Token.parse("kubernetes:networking.istio.io/v1:VirtualService")
    assert parsed == Token("networking.istio.io/v1", "VirtualService", patch=False), "others keep theirs"
    assert Token.parse("kubernetes:apps/v1:DeploymentPatch").patch, "a Patch changes an object of the kind"


@pytest.mark.parametrize("text", ["aws:s3/bucket:Bucket", "kubernetes:v1:ConfigMap", "kubernetes:apps/v1:", ""])
def test_any_other_token_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected kubernetes:<group>/<version>:<Kind>"):
        Token.parse(text)


def test_an_object_without_a_name_is_named_after_its_resource() -> None:
    first = check({"metadata": {}}, {}, CONFIG_MAP, naming=NAMING)
    name = manifest.name(first)
    assert name.startswith("c-"), "its resource's name comes first"
    assert len(name) == len("c-") + 8, "and eight digits follow"
    assert manifest.is_true(first, manifest.AUTONAMED), "the name is marked, so that a replacement may have another"
    assert check({"metadata": {}}, {}, CONFIG_MAP, naming=NAMING) == first, (
        "one seed gives one name: preview and update agree"
    )
    later = check({"data": {}}, first, CONFIG_MAP, naming=Naming(logical="c", seed=b"other"))
    assert manifest.name(later) == name, "the name stays"


def test_a_name_that_the_program_gives_or_will_give_stays() -> None:
    for name in ("mine", UNKNOWN):
        checked = check({"metadata": {"name": name}}, {}, CONFIG_MAP, naming=NAMING)
        assert checked["metadata"]["name"] is name, "it is the program's"
        assert "annotations" not in checked["metadata"], "and not marked"


def test_the_engines_wishes_about_names_are_obeyed() -> None:
    checked = check({}, {}, CONFIG_MAP, naming=Naming(logical="c", proposed="proposal"))
    assert manifest.name(checked) == "proposal", "a proposal is taken"
    with pytest.raises(InputError, match="automatic naming is disabled"):
        check({}, {}, CONFIG_MAP, naming=Naming(logical="c", disabled=True))


def test_inputs_that_cannot_be_made_are_refused_with_the_field() -> None:
    with pytest.raises(InputError, match=r"metadata\.generateName: not supported"):
        check({"metadata": {"generateName": "x"}}, {}, CONFIG_MAP, naming=NAMING)
    with pytest.raises(InputError, match=r"metadata\.name: a Patch resource must name"):
        check({}, {}, Token("apps/v1", "Deployment", patch=True), naming=NAMING)
    with pytest.raises(InputError, match="a list cannot be made"):
        check({"items": []}, {}, Token("v1", "ConfigMapList", patch=False), naming=NAMING)


def test_secret_marks_and_unknowns_stay_through_a_check() -> None:
    checked = check({"data": {"a": Secret("1"), "b": UNKNOWN}}, {}, CONFIG_MAP, naming=NAMING)
    assert checked["data"] == {"a": Secret("1"), "b": UNKNOWN}, "or they would be kept in the clear"


@pytest.mark.parametrize(
    ("api_version", "kind", "path"),
    [
        ("v1", "ConfigMap", "/api/v1/namespaces/n/configmaps/x"),
        ("v1", "Namespace", "/api/v1/namespaces/x"),
        ("v1", "Endpoints", "/api/v1/namespaces/n/endpoints/x"),
        ("networking.k8s.io/v1", "Ingress", "/apis/networking.k8s.io/v1/namespaces/n/ingresses/x"),
        ("networking.k8s.io/v1", "NetworkPolicy", "/apis/networking.k8s.io/v1/namespaces/n/networkpolicies/x"),
        ("storage.k8s.io/v1", "StorageClass", "/apis/storage.k8s.io/v1/storageclasses/x"),
        (
            "admissionregistration.k8s.io/v1",
            "ValidatingAdmissionPolicy",
            "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/x",
        ),
    ],
)
def test_kinds_of_kubernetes_are_addressed_without_asking(api_version: str, kind: str, path: str) -> None:
    found = builtin_kind(api_version, kind)
    assert found is not None, "it is built in"
    assert found.path("n", "x") == path, "this is where it is"


def test_other_kinds_have_to_be_asked_for() -> None:
    assert builtin_kind("networking.istio.io/v1", "Gateway") is None, "its plural and scope are not known here"


def test_annotations_say_how_long_and_how_to_delete() -> None:
    obj = {"metadata": {"annotations": {manifest.TIMEOUT: "7", manifest.DELETION: "Background"}}}
    assert manifest.timeout_seconds(obj, 0) == 7, "the annotation counts"
    assert manifest.timeout_seconds(obj, 3) == 3, "the resource's own timeout wins"
    assert manifest.timeout_seconds({}, 0) == 600, "ten minutes if nobody says"
    assert manifest.propagation_policy(obj) == "Background", "as the annotation says"
    assert manifest.propagation_policy({}) == "Foreground", "as the official provider does"


# --- Ownership


def _managed(manager: str, operation: str, fields: dict[str, Any], **more: str) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "fieldsV1": fields, **more}


def test_fields_of_the_create_are_taken_over_and_those_of_others_left() -> None:
    mine = _managed("pulumi-kubernetes-1", "Apply", {"f:data": {"f:a": {}}})
    created = _managed("pulumi-kubernetes", "Update", {"f:data": {"f:b": {}}, "f:metadata": {"f:labels": {}}})
    status = _managed("kubectl", "Update", {"f:status": {}}, subresource="status")
    controller = _managed("controller", "Update", {"f:spec": {}})
    live = {"metadata": {"resourceVersion": "5", "managedFields": [mine, created, status, controller]}}
    patch = takeover(live, "pulumi-kubernetes-1")
    entries = patch[0]["value"]
    assert entries[0]["fieldsV1"] == {"f:data": {"f:a": {}, "f:b": {}}, "f:metadata": {"f:labels": {}}}, "both together"
    assert (entries[0]["manager"], entries[0]["operation"]) == ("pulumi-kubernetes-1", "Apply"), "under our name"
    assert entries[1:] == [status, controller], "a status and a controller's fields are not ours"
    assert patch[1]["value"] == "5", "only if nobody was faster"
    assert takeover({"metadata": {"managedFields": [mine, controller]}}, "pulumi-kubernetes-1") == [], "once is enough"


def test_the_manager_is_the_annotations_else_the_kept_one_else_new() -> None:
    named = {"metadata": {"annotations": {manifest.FIELD_MANAGER: "me"}}}
    assert manager_name(named, "kept") == "me", "a person's choice wins"
    assert manager_name({}, "kept") == "kept", "it stays the same for an object"
    assert manager_name({}, "").startswith("pulumi-kubernetes-"), "each object has its own"


def test_an_ignored_field_of_somebody_else_is_not_sent() -> None:
    live = {
        "spec": {"replicas": 5, "paused": True},
        "metadata": {"managedFields": [_managed("scaler", "Update", {"f:spec": {"f:replicas": {}}})]},
    }
    sent = with_ignored({"spec": {"replicas": 1, "paused": False}}, live, "us", ["spec.replicas", "spec.paused"])
    assert sent == {"spec": {"paused": True}}, "the scaler keeps its field; what nobody holds stays as it is"


def test_a_conflict_names_fields_holders_and_ways_out() -> None:
    cause = {"reason": "FieldManagerConflict", "field": ".data.a", "message": 'conflict with "bob" using v1'}
    text = conflict_message(ApiError(409, {"details": {"causes": [cause]}}), "us")
    assert text is not None, "it is a conflict"
    for part in (".data.a", "bob", "us", "patchForce"):
        assert part in text, f"{part} belongs in the message"
    assert conflict_message(ApiError(409, {"reason": "Conflict"}), "us") is None, "a stale version is another matter"


# --- waitFor


@pytest.mark.parametrize(
    ("annotation", "obj", "met"),
    [
        ("jsonpath={.status.phase}=Bound", {"status": {"phase": "Bound"}}, True),
        ("jsonpath={.status.phase}=Bound", {"status": {"phase": "Pending"}}, False),
        ("jsonpath={.status.phase}", {"status": {}}, False),
        ("jsonpath={.status.n}=3", {"status": {"n": 3}}, True),
        ("jsonpath={.status.on}=true", {"status": {"on": True}}, True),
        (
            'jsonpath={.status.conditions[?(@.type=="Ready")].status}=True',
            {"status": {"conditions": [{"type": "Ready", "status": "True"}]}},
            True,
        ),
        ("condition=Ready", {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}, True),
        ("condition=Ready=False", {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}, False),
        ("condition=Ready", {}, False),
        (
            "jsonpath={.status.phase}",
            {"metadata": {"generation": 2}, "status": {"phase": "x", "observedGeneration": 1}},
            False,
        ),
    ],
)
def test_wait_for_is_met_when_the_object_shows_it(annotation: str, obj: dict[str, Any], met: bool) -> None:
    (condition,) = parse(annotation)
    assert condition.check(obj)[0] is met, f"{annotation} on {obj}"


def test_several_conditions_are_a_json_array() -> None:
    assert len(parse('["condition=A", "jsonpath={.b}"]')) == 2, "each is one condition"


@pytest.mark.parametrize(
    "annotation", ["Ready", "[]", "[1]", "jsonpath=.a", "jsonpath={.a}=", "jsonpath={[}", "condition="]
)
def test_what_wait_for_cannot_mean_is_refused(annotation: str) -> None:
    with pytest.raises(ConditionError, match=r"pulumi\.com/waitFor"):
        parse(annotation)
