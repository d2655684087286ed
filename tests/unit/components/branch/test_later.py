"""What a chart's objects are given, where some of it is a secret or not known yet."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from pulumi.output import Output, Unknown
from pulumi.runtime import rpc

from components.branch.chart import asleep, marked, owned
from components.branch.later import changed, changed_at
from components.branch.sleeping_page import Sleep
from tests.unit.components.test_components import chart_args
from tests.unit.recording import Recorder, install, pulumi_test

OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "1"}


def wrapped(value: Any) -> Any:
    """Write a secret as the engine does to a transform."""
    return rpc.wrap_rpc_secret(value)


def changed_object(props: dict[str, Any], **args: Any) -> dict[str, Any]:
    """Do to a chart's object all that is done to it."""
    every = chart_args(**args)
    return owned(asleep(marked(props, every), every), OWNER, every)


@pulumi_test
def test_a_charts_secret_is_marked_and_stays_secret() -> None:
    install(Recorder(), "shop.x")
    password = pulumi.Output.secret("s3cret")
    secret = {"kind": "Secret", "metadata": {"name": "x-auth", "namespace": "shop"}, "stringData": {"p": password}}
    result = changed_object(secret)
    assert result["metadata"]["labels"]["branch-environments/slug"] == "x", "a sweep finds it"
    assert result["metadata"]["ownerReferences"] == [OWNER], "it goes with its environment"
    assert result["stringData"]["p"] is password, "what is secret is the same Output, and a secret still"


@pytest.mark.parametrize("wrap", [pulumi.Output.secret, pulumi.Output.from_input, wrapped])
@pytest.mark.parametrize("part", ["metadata", "labels", "spec", "template"])
@pulumi_test
def test_an_object_is_marked_though_a_part_of_it_is_a_secret(wrap: Callable[[Any], Any], part: str) -> Any:
    install(Recorder(), "shop.x")

    def maybe(name: str, value: Any) -> Any:
        return wrap(value) if name == part else value

    pod = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"env": [{"name": "A", "value": "1"}]}]}}
    deployment = {
        "kind": "Deployment",
        "metadata": maybe("metadata", {"name": "x", "namespace": "shop", "labels": maybe("labels", {"a": "b"})}),
        "spec": maybe("spec", {"replicas": 2, "template": maybe("template", pod)}),
    }
    result = changed_object(deployment, sleep=Sleep())

    def check(found: Any) -> None:
        labels = opened(opened(found["metadata"])["labels"])
        assert (labels["a"], labels["branch-environments/slug"]) == ("b", "x"), "theirs and ours"
        assert opened(found["metadata"])["ownerReferences"] == [OWNER], "it goes with its environment"
        spec = opened(found["spec"])
        assert spec["replicas"] == 0, "it sleeps"
        assert opened(spec["template"])["metadata"]["labels"]["branch-environments/slug"] == "x", "so do its pods"

    return pulumi.Output.from_input(result).apply(check)


def opened(value: Any) -> Any:
    """Return what a secret holds."""
    return value["value"] if rpc.is_rpc_secret(value) else value


@pulumi_test
def test_what_a_preview_does_not_know_stays_unknown() -> Any:
    install(Recorder(), "shop.x", preview=True)
    unknown: Output[Any] = pulumi.Output.from_input(Unknown())  # type: ignore[no-untyped-call]
    result = changed_object({"kind": "Service", "metadata": {"name": "x", "namespace": "shop"}, "spec": unknown})
    assert result["metadata"]["labels"]["branch-environments/slug"] == "x", "what is known is marked"
    labelled = changed_object({"kind": "Service", "metadata": {"name": "x", "namespace": "shop", "labels": unknown}})
    assert labelled["metadata"]["ownerReferences"] == [OWNER], "one unknown part does not hide the others"
    return pulumi.Output.all(result["spec"].is_known(), labelled["metadata"]["labels"].is_known()).apply(_are_false)


def _are_false(known: list[bool]) -> None:
    assert known == [False, False], "nothing is made up"


def test_a_path_that_is_not_there_is_left_alone() -> None:
    assert changed_at({"a": 1}, ["b", "c"], lambda _: 2) == {"a": 1}, "only the last key may be new"
    assert changed_at({"a": {}}, ["a", "c"], lambda _: 2) == {"a": {"c": 2}}, "and it is"
    assert changed_at({"a": {}}, ["a", "c"], lambda known: known) == {"a": {}}, "if there is something to put there"
    assert changed(1, lambda value: value + 1) == 2, "a plain value is changed at once"
