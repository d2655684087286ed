"""Which fields count as changed, and which of them replace an object."""

from typing import Any

import pytest

from local.plugins.kubernetes import crud, manifest
from local.plugins.kubernetes.crud import Objects
from local.plugins.kubernetes.diff import Change, compare, difference, fixed_fields, path_text, prune
from local.plugins.kubernetes.inputs import Token
from local.plugins.kubernetes.quantity import normal_amount, with_normal_amounts
from local.plugins.kubernetes.settings import Settings
from local.plugins.kubernetes.values import UNKNOWN

DEPLOYMENT = Token("apps/v1", "Deployment", patch=False)


def _verdict(
    live: dict[str, Any], old: dict[str, Any], new: dict[str, Any], token: Token = DEPLOYMENT, **settings: bool
) -> crud.Verdict:
    objects = Objects(Settings(**settings), _never, _never)  # type: ignore[arg-type]
    return objects.diff({**live, "__inputs": old}, new, token, [])


def _never() -> Any:
    msg = "a diff asks nobody"
    raise AssertionError(msg)


def _deployment(name: str = "web", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": spec,
    }


def _paths(found: dict[Any, Change]) -> dict[str, Change]:
    return {path_text(path): change for path, change in found.items()}


def test_fields_that_only_the_cluster_sets_are_no_change() -> None:
    asked = _deployment(replicas=1)
    live = {**_deployment(replicas=1, strategy={"type": "RollingUpdate"}), "status": {"replicas": 1}}
    assert not _verdict(live, asked, asked).difference.changes, "defaults and status are not the program's"


def test_drift_in_a_field_of_the_program_is_a_change() -> None:
    asked = _deployment(replicas=1)
    found = _verdict(_deployment(replicas=5), asked, asked).difference
    assert _paths(found.changes) == {"spec.replicas": Change.UPDATE}, "somebody scaled it"
    assert not found.replacing, "which can be set right in place"


def test_changes_are_told_apart_by_kind_and_place() -> None:
    old = {"a": 1, "b": {"c": 1, "d": [1, {"e": 1}]}, "gone": 1, "n": 1}
    new = {"a": 1, "b": {"c": 2, "d": [1, {"e": 1, "f.g": 2}, 3]}, "n": 1.0}
    assert _paths(compare(old, new)) == {
        "b.c": Change.UPDATE,
        'b.d[1]["f.g"]': Change.ADD,
        "b.d[2]": Change.ADD,
        "gone": Change.DELETE,
    }, "1 and 1.0 are one number"


def test_what_is_not_known_yet_is_a_change() -> None:
    assert compare({"a": 1}, {"a": UNKNOWN}), "it may be anything"


def test_empty_maps_and_lists_that_the_api_server_drops_are_no_change() -> None:
    new = {"metadata": {"labels": {}, "annotations": {}}, "env": []}
    assert not compare({"metadata": {}}, new), "they are dropped"
    assert compare({"volumes": [{"name": "a"}]}, {"volumes": [{"name": "a", "emptyDir": {}}]}), (
        "of others they say much"
    )


def test_an_immutable_field_replaces_and_the_old_object_goes_first_if_the_name_stays() -> None:
    old = _deployment(selector={"matchLabels": {"app": "a"}})
    new = _deployment(selector={"matchLabels": {"app": "b"}})
    found = _verdict(old, old, new)
    assert [path_text(p) for p in found.difference.replacing] == ["spec.selector.matchLabels.app"], (
        "the selector is fixed"
    )
    assert found.delete_first, "two objects of one name cannot be"


def test_an_object_named_by_the_engine_is_replaced_by_one_of_another_name() -> None:
    notes = {manifest.AUTONAMED: "true"}
    old = _deployment("web-1", selector={"matchLabels": {"app": "a"}})
    new = _deployment("web-1", selector={"matchLabels": {"app": "b"}})
    old["metadata"]["annotations"] = new["metadata"]["annotations"] = notes
    assert not _verdict(old, old, new).delete_first, "the new one comes first, so that nothing is missing meanwhile"


@pytest.mark.parametrize("place", [{"name": "other"}, {"namespace": "other"}])
def test_another_name_or_namespace_is_another_object(place: dict[str, str]) -> None:
    old, new = _deployment(), _deployment()
    new["metadata"] |= place
    found = _verdict(old, old, new)
    assert found.difference.replacing, "it cannot be moved"
    assert not found.delete_first, "both can be there at once"


def test_leaving_out_the_default_namespace_is_no_change() -> None:
    old, new = _deployment(), _deployment()
    old["metadata"]["namespace"] = "default"
    del new["metadata"]["namespace"]
    assert not _verdict(old, old, new).difference.changes, "it is where it would be"


def test_data_of_a_config_map_replaces_it_unless_the_provider_says_otherwise() -> None:
    token = Token("v1", "ConfigMap", patch=False)

    def config(value: str) -> dict[str, Any]:
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": value}}

    assert _verdict(config("1"), config("1"), config("2"), token).difference.replacing, "as the official provider does"
    mutable = _verdict(config("1"), config("1"), config("2"), token, mutable_config_maps=True).difference
    assert mutable.changes, "it still changes"
    assert not mutable.replacing, "but in place"


def test_ignored_fields_and_what_is_below_them_are_left_out() -> None:
    old, new = {"a": {"b": 1, "c": 1}, "l": [{"x": 1}]}, {"a": {"b": 2, "c": 2}, "l": [{"x": 2}]}
    found = difference(old, new, fixed=[], ignored=["a.b", "l[*].x"])
    assert _paths(found.changes) == {"a.c": Change.UPDATE}, "only what is not ignored"


def test_elements_that_others_appended_to_a_list_are_not_the_programs() -> None:
    live = [{"name": "app", "image": "a"}, {"name": "sidecar"}]
    assert prune(live, [{"name": "app"}]) == [{"name": "app"}], "an injected sidecar must not be removed again"


def test_fixed_fields_of_a_kind_are_those_of_its_group() -> None:
    assert "spec.selector" in fixed_fields(_deployment(), mutable_config_maps=False, mutable_secrets=False)
    other = {"apiVersion": "example.com/v1", "kind": "Deployment"}
    fixed = fixed_fields(other, mutable_config_maps=False, mutable_secrets=False)
    assert "spec.selector" not in fixed, "somebody else's kind of the same name has rules of its own"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("0.5", "500m"),
        (1, "1"),
        ("1000m", "1"),
        (0.01, "10m"),
        ("1024Mi", "1Gi"),
        ("1500Mi", "1500Mi"),
        ("0.5Gi", "512Mi"),
        ("1000Ki", "1000Ki"),
        ("2000M", "2G"),
        ("0", "0"),
        ("128974848", "128974848"),
        ("100", "100"),
        ("not an amount", "not an amount"),
        (True, True),
    ],
)
def test_amounts_have_the_form_that_the_api_server_keeps(written: Any, kept: Any) -> None:
    assert normal_amount(written) == kept, "another form would show a change that is none"


def test_only_amounts_are_brought_into_normal_form() -> None:
    spec = {"limits": {"cpu": "0.5"}, "env": [{"name": "limits", "value": "0.5"}], "minReadySeconds": 1000}
    expected = {**spec, "limits": {"cpu": "500m"}}
    assert with_normal_amounts(spec) == expected, "other texts that look like amounts are left alone"


def test_text_of_a_secret_and_its_encoded_form_are_one() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
    normal = manifest.normal({**secret, "stringData": {"a": "1"}, "data": {"a": "Mg==", "b": "M\nw=="}})
    assert normal == {**secret, "data": {"a": "MQ==", "b": "Mw=="}}, "the text wins, as it does in the API server"
