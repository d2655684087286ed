"""Objects of somebody else under an environment's names: found whatever the workload, and nobody else's blamed."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from branchenv.model.context import Target
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.operations.repair.conflicts import is_name_of, refuse_conflicts
from core.contract import App, BranchIdentity, NamespaceTemplate
from core.labels import APP_LABEL, SLUG_LABEL
from core.names import object_name

_TARGET = Target(app="shop", branch="x")
_APP = App(namespace="apps", domain="x.localhost", service_account="shop", default_branch="main", reserved_slugs=())
_BRANCH_NAMESPACE = NamespaceTemplate(quota={}, role="branch", subjects=())
_OWN = {APP_LABEL: "shop", SLUG_LABEL: "x"}


class _Api:
    """Answers as an API server does, page by page."""

    def __init__(self, status: int = 200) -> None:
        self.objects: dict[str, list[dict[str, Any]]] = {}
        self.ones: dict[str, dict[str, Any]] = {}
        self.status = status
        self.asked: list[str] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request.url.path)
        if self.status != httpx2.codes.OK:
            return httpx2.Response(self.status)
        if request.url.path in self.ones:
            return httpx2.Response(200, json=self.ones[request.url.path])
        if request.url.path.startswith("/api/v1/namespaces/") and request.url.path.count("/") == 4:
            return httpx2.Response(404)
        pages = self.objects.get(request.url.path.rpartition("/")[2], [])
        at = int(request.url.params.get("continue", "0"))
        more = str(at + 1) if at + 1 < len(pages) else ""
        return httpx2.Response(200, json={"metadata": {"continue": more}, "items": pages[at : at + 1]})


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> _Api:
    """A cluster that a kubeconfig names."""
    made = _Api()
    config = {
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "clusters": [{"name": "x", "cluster": {"server": "http://api"}}],
        "users": [{"name": "x", "user": {}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.setattr(
        "branchenv.clients.kubeconfig.client",
        lambda *_: httpx2.Client(transport=httpx2.MockTransport(made), base_url="http://api"),
    )
    return made


def _object(name: str, labels: dict[str, str] | None = None, **more: str) -> dict[str, Any]:
    return {"metadata": {"name": name, **({"labels": labels} if labels else {}), **more}}


@pytest.mark.parametrize("kind", ["ConfigMap", "Deployment", "Service", "VirtualService"])
@pytest.mark.parametrize("name", ["x", "x--web", "x--web--canary", "x--canary"])
def test_an_object_of_somebody_else_is_found_whatever_the_workload(api: _Api, kind: str, name: str) -> None:
    api.objects[f"{kind.lower()}s"] = [_object("a"), _object("x--api", _OWN), _object(name)]
    with pytest.raises(BranchenvError) as caught:
        refuse_conflicts(_TARGET, _APP)
    assert caught.value.code == ExitCode.NOT_YOURS, "which a script can tell"
    assert f"{kind} apps/{name}" in str(caught.value), "it is named, with its kind"


def test_an_account_of_somebody_else_is_found_where_the_environment_makes_one(api: _Api) -> None:
    api.objects["serviceaccounts"] = [_object("x")]
    refuse_conflicts(_TARGET, _APP)
    assert not any(path.endswith("/serviceaccounts") for path in api.asked), "elsewhere nobody may look, and need not"
    with pytest.raises(BranchenvError, match="ServiceAccount apps/x"):
        refuse_conflicts(_TARGET, replace(_APP, branch_identity=BranchIdentity()))


def test_where_a_branch_has_a_namespace_of_its_own_that_alone_can_be_in_the_way(api: _Api) -> None:
    app = replace(_APP, branch_namespace=_BRANCH_NAMESPACE, branch_identity=BranchIdentity())
    refuse_conflicts(_TARGET, app)
    api.ones["/api/v1/namespaces/apps--x"] = _object("apps--x", _OWN)
    refuse_conflicts(_TARGET, app)
    assert set(api.asked) == {"/api/v1/namespaces/apps--x"}, "it may look nowhere else, and need not"
    api.ones["/api/v1/namespaces/apps--x"] = _object("apps--x")
    with pytest.raises(BranchenvError, match="kubectl delete namespace apps--x"):
        refuse_conflicts(_TARGET, app)


@pytest.mark.parametrize(
    "there",
    [
        pytest.param(_object("x--web", _OWN), id="its_own"),
        pytest.param(_object("x-web"), id="another_branch"),
        pytest.param(_object("xx"), id="a_longer_name"),
        pytest.param(_object("x--web", deletionTimestamp="2026-01-01T00:00:00Z"), id="on_its_way_out"),
    ],
)
def test_what_is_not_in_the_way_is_not_refused(api: _Api, there: dict[str, Any]) -> None:
    api.objects["services"] = [there]
    refuse_conflicts(_TARGET, _APP)
    assert len(api.asked) == 4, "one request per kind"


@pytest.mark.parametrize("status", [403, 404])
def test_where_looking_is_not_allowed_or_a_kind_is_unknown_pulumi_says_so(api: _Api, status: int) -> None:
    api.status = status
    refuse_conflicts(_TARGET, _APP)
    assert api.asked, "it was tried"


def test_credentials_that_the_cluster_does_not_know_are_told_with_what_to_do(api: _Api) -> None:
    api.status = 401
    with pytest.raises(BranchenvError, match="credentials") as caught:
        refuse_conflicts(_TARGET, _APP)
    assert caught.value.code == ExitCode.CLUSTER, "it is no fault of the app's"
    assert "kubectl auth whoami" in str(caught.value.fix), "the provider would say `Unauthorized` alone"


def test_a_cluster_that_fails_is_told(api: _Api) -> None:
    api.status = 503
    with pytest.raises(BranchenvError) as caught:
        refuse_conflicts(_TARGET, _APP)
    assert caught.value.code == ExitCode.CLUSTER, "which a script can tell"


def test_a_name_belongs_to_one_branch_alone() -> None:
    slugs = ("b", "1", "1-fix", "b-1")
    for mine in slugs:
        for theirs in slugs:
            for workload in ("", "web"):
                name = object_name(theirs, workload)
                assert is_name_of(mine, name) == (mine == theirs), f"{name} is {theirs}'s, asked for {mine}"
