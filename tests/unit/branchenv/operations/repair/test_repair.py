"""What was deleted or edited by hand is made known to the state before the next `pulumi up`, and said."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from branchenv.clients import kubernetes, pulumi_cli
from branchenv.model.context import Target
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import DeployedObject, StackRecord
from branchenv.operations.repair import repair
from branchenv.operations.repair.drift import Drift, Field, What
from core.contract import App, Base


def _object(kind: str, namespace: str = "shop") -> DeployedObject:
    return DeployedObject(urn=f"urn:{kind}", api_version="v1", kind=kind, namespace=namespace, name="x")


def _drift(kind: str, what: What, namespace: str = "shop", name: str = "x", **more: Any) -> Drift:
    return Drift(kind=kind, namespace=namespace, name=name, what=what, urn=f"urn:{kind}", **more)


_RECORD = StackRecord(
    name="shop.x",
    resources=2,
    outputs={"base": "base-x"},
    objects=(_object("ConfigMap"), _object("Deployment")),
)


class _Pulumi:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.done: list[object] = []

    def refresh(self, stack: str) -> None:
        self.done.append(f"refresh {stack}")

    def forget(self, _stack: str, urns: Sequence[str]) -> None:
        self.done.append(list(urns))


class _Cluster:
    """Has a namespace, or not."""

    def __init__(self, *, there: bool) -> None:
        self._there = there

    def has(self, path: str) -> bool:
        assert path == "/api/v1/namespaces/shop", "the app's own is looked for"
        return self._there


@pytest.fixture
def pulumi(monkeypatch: pytest.MonkeyPatch) -> _Pulumi:
    """The CLI."""
    made = _Pulumi()
    monkeypatch.setattr(pulumi_cli, "refresh", made.refresh)
    monkeypatch.setattr(pulumi_cli, "forget", made.forget)
    return made


def test_a_push_that_finds_nothing_pays_nothing(pulumi: _Pulumi, capsys: pytest.CaptureFixture[str]) -> None:
    repair.bring_back(_RECORD, [])
    assert (pulumi.done, capsys.readouterr().err) == ([], ""), "no process, and no word"


def test_what_was_edited_is_said_and_refreshed(pulumi: _Pulumi, capsys: pytest.CaptureFixture[str]) -> None:
    fields = (Field(path="spec.replicas", deployed=1, now=2),)
    repair.bring_back(_RECORD, [_drift("Deployment", What.CHANGED, fields=fields)])
    assert pulumi.done == ["refresh shop.x"], "the next `pulumi up` sees what differs"
    assert "Deployment shop/x was changed: spec.replicas 1 -> 2" in capsys.readouterr().err, "what is taken back"


@pytest.mark.parametrize("there", [True, False])
def test_only_a_namespace_that_is_not_there_stops_a_push(
    there: bool, pulumi: _Pulumi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubernetes.Cluster, "connect", lambda *_: _Cluster(there=there))
    drifted = [_drift("ConfigMap", What.DELETED), _drift("Deployment", What.DELETED)]
    if there:
        repair.bring_back(_RECORD, drifted)
        assert pulumi.done == ["refresh shop.x"], "all of an environment can be brought back"
        return
    with pytest.raises(BranchenvError) as caught:
        repair.bring_back(_RECORD, drifted)
    assert caught.value.code == ExitCode.BASE, "no branch can make it"
    assert "--stack base-x" in caught.value.fix, "who can, and how"
    assert not pulumi.done, "the state is as it was"


def test_a_branchs_own_namespace_is_forgotten_with_all_that_was_in_it(pulumi: _Pulumi) -> None:
    drifted = [
        _drift("Namespace", What.DELETED, namespace="", name="shop--x"),
        _drift("Deployment", What.DELETED, namespace="shop--x"),
    ]
    repair.bring_back(_RECORD, drifted)
    assert pulumi.done == [["urn:Namespace", "urn:Deployment"]], "nobody has the right to look for it there"


def test_what_is_being_deleted_is_waited_for(pulumi: _Pulumi, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [[_drift("Deployment", What.LEAVING)], [_drift("Deployment", What.DELETED)]]
    monkeypatch.setattr(kubernetes.Cluster, "connect", lambda: None)
    monkeypatch.setattr(repair, "find", lambda _record, _cluster: looks.pop(0))
    monkeypatch.setattr(repair, "_PAUSE", 0)
    repair.bring_back(_RECORD, [_drift("Deployment", What.LEAVING)])
    assert (looks, pulumi.done) == ([], ["refresh shop.x"]), "not before it is gone"


def test_what_never_ends_to_be_deleted_is_named(pulumi: _Pulumi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repair, "_LEAVING", 0)
    monkeypatch.setattr(repair, "find", lambda *_: [])
    with pytest.raises(BranchenvError, match="Deployment shop/x is still being deleted") as refused:
        repair.bring_back(_RECORD, [_drift("Deployment", What.LEAVING)])
    assert "kubectl get deployment x -n shop -o yaml" in refused.value.fix, "how to see what it waits for"
    assert not pulumi.done, "`pulumi up` would take it for what is there"


class _Jobs(kubernetes.Cluster):
    """A cluster with Jobs."""

    def __init__(self, jobs: dict[str, str]) -> None:
        self.jobs = jobs

    def items(self, path: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        assert path == "/apis/batch/v1/namespaces/shop/jobs", "in the environment's namespace"
        assert query["labelSelector"].endswith("slug=x"), "of this environment alone"
        return [{"metadata": {"name": name, "ownerReferences": [{"kind": owner}]}} for name, owner in self.jobs.items()]

    def delete_job(self, namespace: str, name: str) -> None:
        assert namespace == "shop", "in the environment's namespace"
        del self.jobs[name]


@pytest.mark.parametrize("kinds", [("Job",), ()])
def test_a_job_that_only_an_interrupted_push_knows_of_makes_way(
    kinds: tuple[str, ...], pulumi: _Pulumi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster = _Jobs({"x--migrate": "ConfigMap", "x--seed": "ConfigMap", "x--nightly-1": "CronJob"})
    monkeypatch.setattr(kubernetes.Cluster, "connect", lambda *_: cluster)
    known = DeployedObject(urn="urn", api_version="batch/v1", kind="Job", namespace="shop", name="x--seed")
    record = replace(_RECORD, pending=("urn:migrate",), objects=(*_RECORD.objects, known))
    app = App(
        namespace="shop",
        domain="shop.localhost",
        service_account="shop",
        default_branch="main",
        reserved_slugs=(),
        kinds=kinds,
    )
    base = Base(
        name="base-x", cluster="uid", platform="local", gateway="g/g", scheme="http", port=80, apps={"shop": app}
    )
    repair.repair_stack(Target(app="shop", branch="x", base="base-x"), record, base, interrupted=False)
    assert pulumi.done == ["refresh shop.x"], "the state is brought up to date first"
    if kinds:
        assert sorted(cluster.jobs) == ["x--nightly-1", "x--seed"], "it could not be changed, and may be at work"
        assert "Job x--migrate" in capsys.readouterr().err, "what goes is said"
    else:
        assert len(cluster.jobs) == 3, "where branches have no Jobs, nobody may look for them"


def test_an_environment_that_moves_to_another_cluster_has_lost_nothing_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: object) -> None:
        raise AssertionError("nobody is asked")

    monkeypatch.setattr(kubernetes.Cluster, "connect", connect)
    assert repair.drift_of(_RECORD, "base-y") == [], "its objects are in the cluster that it leaves"


def test_a_cluster_that_does_not_tell_is_left_to_pulumi_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: object) -> None:
        raise BranchenvError("no cluster", fix="x")

    monkeypatch.setattr(kubernetes.Cluster, "connect", connect)
    assert repair.drift_of(_RECORD, "base-x") == [], "it says so with more of what it wanted"
