"""What becomes of objects that are there before a stack makes them."""

from typing import Any

import pytest

from components.admission.ownership import adoption_policies
from stacks.base.adoption import ExistingObjectError, refuse_existing
from tests.unit.inventory import examples, run_example
from tests.unit.recording import cluster

OURS = {"app.kubernetes.io/managed-by": "branch-environments", "branch-environments/app": "shop"}


def manifest(**metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": OURS, **metadata}}


@pytest.mark.parametrize(
    "labels", [{}, {"app.kubernetes.io/managed-by": "Helm"}, {**OURS, "branch-environments/app": "web"}]
)
def test_a_base_stack_does_not_take_over_what_is_somebody_elses(labels: dict[str, str]) -> None:
    with pytest.raises(
        ExistingObjectError, match=r"Namespace shop is there already.*fix: .*kubectl delete namespace shop"
    ):
        refuse_existing(manifest(), lambda *_: labels)


def test_a_base_stack_goes_on_with_what_a_killed_up_of_it_made() -> None:
    refuse_existing(manifest(), lambda *_: {**OURS, "more": "labels"})
    refuse_existing(manifest(), lambda *_: None)


def test_what_a_preview_does_not_know_yet_is_not_looked_for() -> None:
    def never(*_: str) -> dict[str, str]:
        raise AssertionError("nothing is asked about an object whose namespace is not known yet")

    refuse_existing(manifest(namespace=object()), never)


@pytest.mark.parametrize("name", [name for name in examples() if name.startswith("base-")])
def test_every_object_of_a_base_stack_is_looked_for_before_it_is_made(name: str) -> None:
    recorder = run_example(examples()[name])
    objects = [each for each in recorder.made if each.type.startswith("kubernetes:") and ":helm.sh/" not in each.type]
    assert objects, "there are some"
    for each in objects:
        patch = each.type.endswith("Patch")
        assert each.hooks == (() if patch else ("adoption",)), f"{each.name}: a patch is of somebody else's on purpose"
        # What an object is known by as this stack's.
        assert patch or each.metadata["labels"]["app.kubernetes.io/managed-by"] == "branch-environments", each.name
    assert recorder.hooks["adoption"].opts, "it has options"
    assert recorder.hooks["adoption"].opts.on_dry_run, "a preview says it as well"


def test_a_branch_stack_does_without() -> None:
    recorder = run_example(examples()["environment"])
    assert not recorder.hooks, "the API server keeps it, and a push is not slower"


def test_everybodys_rule_is_about_the_branchs_label_alone() -> None:
    (policy,) = adoption_policies(branch_namespaces=False)
    assert policy.of_everybody, "the deployer's own rules say more"
    assert policy.operations == ("UPDATE",), "making and deleting are other people's to decide"
    assert [each.name for each in adoption_policies(branch_namespaces=True)] == ["adoption", "namespace-adoption"]


def test_the_api_server_is_asked_by_kind() -> None:
    """Over the paths that Kubernetes has."""
    found = cluster(
        objects={
            "/api/v1": {
                "resources": [{"kind": "Namespace", "name": "namespaces"}, {"kind": "Namespace", "name": "a/b"}]
            },
            "/api/v1/namespaces/shop": {"metadata": {"labels": OURS}},
            "/apis/argoproj.io/v1alpha1": {"resources": [{"kind": "Application", "name": "applications"}]},
            "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/shop": {"metadata": {}},
        }
    )
    assert found.labels("v1", "Namespace", "", "shop") == OURS, "of no namespace"
    assert found.labels("argoproj.io/v1alpha1", "Application", "argocd", "shop") == {}, "it is there, without labels"
    assert found.labels("argoproj.io/v1alpha1", "Application", "argocd", "web") is None, "it is not there"
    assert found.labels("networking.istio.io/v1", "Gateway", "x", "y") is None, "nor can it be, without its kind"
