"""What a chart left open, an environment says."""

from typing import Any

from components.branch.fitted import fitted
from core.labels import INSTANCE_LABEL, SLUG_LABEL

_TEMPLATE = ("spec", "template")


def fit(props: dict[str, Any]) -> dict[str, Any]:
    """Do it for the branch `x`, whose pods run as `shop`."""
    return fitted(props, _TEMPLATE, slug="x", service_account="shop")


def pods(**pod: Any) -> dict[str, Any]:
    """Return a Deployment."""
    return {"kind": "Deployment", "spec": {"template": {"spec": {"containers": [], **pod}}}}


def account(props: dict[str, Any]) -> Any:
    """Return as whom its pods run."""
    return fit(props)["spec"]["template"]["spec"].get("serviceAccountName")


def test_pods_that_name_nobody_run_as_the_environments_account() -> None:
    assert account(pods()) == "shop", "no word of it in the chart"
    assert account(pods(serviceAccountName="default")) == "shop", "as `helm create` writes it where it makes none"
    assert account(pods(serviceAccountName="theirs")) == "theirs", "the chart's word stays; the API server decides"
    assert account(pods(serviceAccount="theirs")) is None, "under its old name as well"
    assert "spec" not in fit({"kind": "ConfigMap"}), "nothing else is touched"


def test_a_selector_that_names_no_release_gets_the_branchs_label() -> None:
    named = {"app": "shop"}
    assert fit({"kind": "Service", "spec": {"selector": named}})["spec"]["selector"] == {"app": "shop", SLUG_LABEL: "x"}
    budget = fit({"kind": "PodDisruptionBudget", "spec": {"selector": {"matchLabels": named}}})
    assert budget["spec"]["selector"]["matchLabels"] == {"app": "shop", SLUG_LABEL: "x"}, "a budget alike"
    own = {"kind": "Service", "spec": {"selector": {INSTANCE_LABEL: "x"}}}
    assert fit(own) == own, "one that names it stays as it is"
    without = {"kind": "Service", "spec": {}}
    assert fit(without) == without, "one without selects nothing"
