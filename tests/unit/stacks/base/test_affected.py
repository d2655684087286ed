"""A base stack says which environments a change of its config affects, before it changes anything."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx2
import pulumi
import pytest

from core.labels import APP_LABEL, BRANCH_ANNOTATION, SLUG_LABEL, URL_ANNOTATION
from stacks.cluster_api import ClusterApi
from tests.unit.recording import BASE_CONTRACT, Recorder, run_program

STACK = "base-local"
SHOP: dict[str, Any] = {"name": "shop", "domain": "shop.localhost"}
SAME: dict[str, Any] = {"platform": "local", "apps": [SHOP]}
OTHER = [{"name": "search", "domain": "search.localhost"}]
LOGIN, DARK = "feature/login", "feature/dark-mode"


def anchor(app: str, branch: str, *, is_anchor: bool = True) -> dict[str, Any]:
    """Return the metadata of an environment's ConfigMap."""
    url = {URL_ANNOTATION: "http://x"} if is_anchor else {}
    labels = {APP_LABEL: app, SLUG_LABEL: branch.replace("/", "-")}
    return {"metadata": {"labels": labels, "annotations": {BRANCH_ANNOTATION: branch, **url}}}


ENVIRONMENTS = [anchor("shop", LOGIN), anchor("shop", DARK), anchor("shop", "of-a-chart", is_anchor=False)]


def warnings(
    monkeypatch: pytest.MonkeyPatch,
    config: Mapping[str, Any],
    environments: Sequence[Mapping[str, Any]] = ENVIRONMENTS,
    contract: Mapping[str, Any] = BASE_CONTRACT,
) -> list[str]:
    """Run a preview of a base stack and return its warnings."""
    warned: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda text, *_, **__: warned.append(text))
    objects = {"/api/v1/configmaps": {"items": list(environments) or None}}
    run_program(STACK, config, Recorder(contracts={STACK: contract}, objects=objects), preview=True)
    return warned


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (
            {"apps": [{**SHOP, "domain": "shop.dev.localhost"}]},
            ["http://<slug>.shop.localhost:8080 to http://<slug>.shop.dev.localhost:8080", "until their next deploy"],
        ),
        ({"publicPort": 9090}, ["http://<slug>.shop.localhost:9090", "branchenv up <branch> --app shop"]),
        ({"gateway": {"name": "front"}}, ["from istio-system/gateway to istio-system/front"]),
        ({"apps": OTHER}, ["it is removed", "deleted with the namespace shop", "branchenv down <branch> --app shop"]),
        ({"apps": [{**SHOP, "namespace": "shop-2"}]}, ["from shop to shop-2", "deleted with the namespace shop"]),
        (
            {"apps": [{**SHOP, "identity": {"perBranch": True}, "isolation": {"namespacePerBranch": True}}]},
            ["namespacePerBranch is on", "leave objects in their old namespace"],
        ),
    ],
)
def test_a_change_that_affects_environments_names_them_and_what_to_do(
    config: dict[str, Any], words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (message,) = warnings(monkeypatch, {**SAME, **config})
    for each in ("app shop", f"2: {DARK}, {LOGIN}", "fix:", *words):
        assert each in message, f"{each!r} is missing"


@pytest.mark.parametrize("config", [{}, {"apps": [SHOP, *OTHER]}, {"lifecycle": {"lifetime": "3d"}}])
def test_a_change_that_affects_none_says_nothing(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert warnings(monkeypatch, {**SAME, **config}) == [], "a warning that is always there is read by nobody"


def test_an_app_without_environments_is_changed_without_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    assert warnings(monkeypatch, {**SAME, "apps": OTHER}, [anchor("search", LOGIN)]) == [], "there is nobody to warn"


def test_a_first_up_warns_of_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda text, *_, **__: warned.append(text))
    made = run_program(STACK, SAME, Recorder(contracts={})).made
    assert made, "without a contract there are no environments either"
    assert warned == [], "and nothing to warn of"


def test_environments_that_cannot_be_listed_do_not_stop_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda text, *_, **__: warned.append(text))
    assert run_program(STACK, {**SAME, "apps": OTHER}, Recorder()).made, "a warning is no reason to stop"
    assert "cannot be listed" in warned[0], "but it must not look as if there were none"


def test_many_environments_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [anchor("shop", f"feature-{number:02}") for number in range(25)]
    (message,) = warnings(monkeypatch, {**SAME, "gateway": {"name": "front"}}, many)
    assert "25: feature-00" in message, "all of them are counted"
    assert "feature-19 and 5 more" in message, "and the line stays readable"


def test_the_cluster_is_asked_for_the_environments_of_these_apps_alone() -> None:
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(200, json={"items": [anchor("shop", LOGIN)]})

    api = ClusterApi(httpx2.Client(base_url="https://cluster", transport=httpx2.MockTransport(answer)))
    assert api.branches(["search", "shop"]) == {"shop": [LOGIN]}, "by their full names"
    selector = asked[0].url.params["labelSelector"]
    assert selector == f"{APP_LABEL} in (search,shop),{SLUG_LABEL}", "other ConfigMaps are not sent"
