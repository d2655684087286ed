"""An object that stays is the same resource, whatever an environment is made of before and after."""

from itertools import permutations
from typing import Any

import pytest

from components.branch.chart import ChartEnvironment
from components.branch.service_account import BranchServiceAccount
from components.branch.spec.name import UNNAMED
from components.branch.spec.workload import Workload
from components.branch.succession import urns
from components.branch.workloads import BranchEnvironment
from core.contract import Isolation
from core.names import object_name
from tests.unit.components.test_components import branch_args, chart_args
from tests.unit.recording import PROJECT, Made, Recorder, install, pulumi_test

SLUGS = ["x", "4711-login"]
BOUNDARIES = Isolation(network_policies=True, sidecars=True)
SHAPES: dict[str, dict[str, Workload]] = {
    "one": {UNNAMED: Workload(image="a:1")},
    "several": {"web": Workload(image="a:1"), "api": Workload(image="a:1", routes=())},
}
_STACK = f"urn:pulumi:shop.x::{PROJECT}"


def made(shape: str, slug: str) -> list[Made]:
    """Return the objects of an environment that is of this shape; of a chart, those that it has beside the chart's."""
    recorder = Recorder()
    more: dict[str, Any] = {"slug": slug, "boundaries": BOUNDARIES, "account": BranchServiceAccount()}

    @pulumi_test
    def body() -> None:
        install(recorder, "shop.x")
        if shape == "chart":
            ChartEnvironment(slug, chart_args(**more))
        else:
            BranchEnvironment(slug, branch_args(workloads=SHAPES[shape], **more))

    body()
    return [each for each in recorder.made if each.custom]


def own_urn(each: Made) -> str:
    """Return the URN that the engine gives a resource."""
    component = each.parent.split("::")[-2].split("$")[-1]
    return f"{_STACK}::{component}${each.type}::{each.name}"


def child_of_chart(slug: str, version: str, kind: str, name: str) -> str:
    """Return the URN of a chart's object, as the provider's chart names it."""
    chart = "branch-environments:branch:ChartEnvironment$kubernetes:helm.sh/v4:Chart"
    return f"{_STACK}::{chart}$kubernetes:{version}:{kind}::{slug}-chart:shop/{name}"


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize(("before", "after"), [*permutations([*SHAPES, "chart"], 2)])
def test_an_object_that_both_shapes_have_is_one_resource(before: str, after: str, slug: str) -> None:
    old = {(each.type, each.metadata["name"]): own_urn(each) for each in made(before, slug)}
    stays = [each for each in made(after, slug) if (each.type, each.metadata["name"]) in old]
    assert any(each.name.endswith("-anchor") for each in stays), "the anchor stays, whatever the shape"
    for each in stays:
        urn = old[each.type, each.metadata["name"]]
        assert urn in (*each.urns, own_urn(each)), f"the engine would delete {urn}, which {each.name} is now"


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("shape", SHAPES)
def test_an_object_that_a_chart_had_is_known_by_the_charts_name_for_it(shape: str, slug: str) -> None:
    for each in made(shape, slug):
        version, kind = each.type.split(":")[1:]
        urn = child_of_chart(slug, version, kind, each.metadata["name"])
        assert urn in each.urns, "a chart may have had any object of this name"


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("shape", [*SHAPES, "chart"])
def test_a_charts_object_is_known_by_the_name_that_a_file_or_the_environment_had_for_it(shape: str, slug: str) -> None:
    for each in made(shape, slug):
        manifest = {"apiVersion": each.inputs["apiVersion"], "kind": each.inputs["kind"], "metadata": each.metadata}
        assert own_urn(each) in found(manifest, slug), f"{each.name} would be deleted under the chart's hands"


@pytest.mark.parametrize(
    ("group", "kind", "old", "new"),
    [
        ("networking.istio.io", "VirtualService", "v1beta1", "v1"),
        ("networking.istio.io", "VirtualService", "v1", "v1alpha3"),
        ("autoscaling", "HorizontalPodAutoscaler", "v2", "v1"),
        ("external-secrets.io", "ExternalSecret", "v1beta1", "v1"),
    ],
)
def test_another_version_of_the_api_is_the_same_object(group: str, kind: str, old: str, new: str) -> None:
    manifest = {"apiVersion": f"{group}/{new}", "kind": kind, "metadata": {"name": "x-web", "namespace": "shop"}}
    assert child_of_chart("x", f"{group}/{old}", kind, "x-web") in found(manifest, "x"), "only its version changed"


@pytest.mark.parametrize("slug", SLUGS)
def test_no_two_objects_are_known_by_one_name(slug: str) -> None:
    """Else one could be taken for the other: a workload that is called as another was, for one."""
    stem = object_name(slug)
    names = [stem, f"{stem}--web", f"{stem}--api", f"{stem}-web", f"{stem}--web--canary", f"{stem}--canary", "other"]
    kinds = [("v1", "Service"), ("apps/v1", "Deployment"), ("v1", "ConfigMap"), ("v1", "ServiceAccount")]
    known = [
        set(found({"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "shop"}}, slug))
        for version, kind in kinds
        for name in names
    ]
    assert sum(map(len, known)) == len(set().union(*known)), "a URN stands for one object"


def test_an_object_whose_name_is_not_known_has_no_other_names() -> None:
    unknown: Any = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": None, "namespace": "shop"}}
    assert not found(unknown, "x"), "nothing is guessed"


def found(manifest: dict[str, Any], slug: str) -> list[str]:
    """Return what `urns` gives, in the stack of these tests."""
    install(Recorder(), "shop.x")
    return list(urns(manifest, slug, slug))
