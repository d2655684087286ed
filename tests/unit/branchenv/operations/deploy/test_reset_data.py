"""`branchenv reset-data`: what is deployed again, and with what data."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from branchenv.clients import pulumi_cli
from branchenv.model.context import Target
from branchenv.model.errors import BranchenvError
from branchenv.model.records import StackRecord, Tags
from branchenv.operations import lookup
from branchenv.operations.deploy import reset_data, up
from branchenv.operations.deploy.configured import Deploy, LastDeployed, configured
from branchenv.operations.deploy.tags import new_data, tags_of
from branchenv.operations.deploy.wanted import Checkout, Wanted
from core.contract import Lifecycle
from tests.unit.branchenv.operations.deploy.test_selection import _base

_TARGET = Target(app="shop", branch="feature", project="acme/shop")
_CONFIG = {"branch": "feature", "image": "shop:1", "source": {"commit": "a", "root": "/a"}, "readyTimeoutSeconds": 30}
_RECORD = StackRecord(
    name="shop.feature", tags=Tags(branch="feature", app="shop", data="b"), outputs={"config": _CONFIG}, resources=5
)


def _noted(wanted: Wanted, record: StackRecord | None) -> Tags:
    return tags_of(_TARGET, wanted, None, record, None)


def test_every_environment_has_data_of_its_own() -> None:
    made = _noted(Wanted(), None)
    assert made.data.isalnum(), "also the second one of a branch: nobody waits until the old data are gone"
    assert len(made.data) < 8, "short enough for the name of a database"
    deployed = replace(_RECORD, tags=made)
    assert _noted(Wanted(), deployed).data == made.data, "a push keeps them"
    assert _noted(Wanted(), replace(deployed, resources=0)).data, "one that was removed comes back with others"
    older = replace(_RECORD, tags=Tags(branch="feature"))
    assert not _noted(Wanted(), older).data, "one that is older than this keeps what it has"


def test_names_of_data_are_told_apart_and_sort_by_age() -> None:
    now = datetime(2026, 11, 28, tzinfo=UTC)
    names = [new_data(now + timedelta(seconds=each)) for each in (0, 1, 60, 10**6)]
    assert sorted(set(names)) == names, "by the second"


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> list[Wanted]:
    """Record what is deployed instead of deploying it."""
    found: list[Wanted] = []

    def deploy(_target: Target, wanted: Wanted, **_how: object) -> StackRecord:
        found.append(wanted)
        return _RECORD

    monkeypatch.setattr(reset_data, "open_backend", lambda: None)
    monkeypatch.setattr(reset_data, "check_state", lambda *_: None)
    base = _base(Lifecycle())
    monkeypatch.setattr(
        lookup,
        "find",
        lambda *_: lookup.DeployedEnvironment(target=_TARGET, base=base, app=base.apps["shop"], record=_RECORD),
    )
    monkeypatch.setattr(up, "up", deploy)
    return found


def test_what_runs_is_deployed_again_with_other_data(
    deployed: list[Wanted], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    reset_data.reset_data(_TARGET, max_wait=1, quiet=True)
    (wanted,) = deployed
    assert (wanted.image, wanted.ready_timeout_seconds) == ("shop:1", 30), "nothing is built, nothing is checked out"
    assert (wanted.again, wanted.rollback) == (Checkout(commit="a", root="/a"), False), "it is the same version"
    noted = _noted(wanted, _RECORD)
    assert noted.data not in ("", "b"), "other data"
    rolled_back = replace(_RECORD, tags=replace(_RECORD.tags, rolled_back="c"))
    assert _noted(wanted, rolled_back).rolled_back == "c", "what was rolled back stays so"

    monkeypatch.setattr(pulumi_cli, "config_file", lambda stack: tmp_path / f"Pulumi.{stack}.yaml")
    last = LastDeployed("shop.feature")
    deploy = Deploy(target=_TARGET, wanted=wanted, base=_base(Lifecycle()), last=last)
    config = configured(deploy, _RECORD, noted)["config"]
    assert config["branch-environments:data"] == noted.data, "which travel with the run"
    assert _noted(Wanted(), replace(_RECORD, tags=noted)).data == noted.data, (
        "a push after it, or after its failure, too"
    )


def test_an_environment_that_sleeps_is_woken_first(deployed: list[Wanted], monkeypatch: pytest.MonkeyPatch) -> None:
    base = _base(Lifecycle())
    asleep = replace(_RECORD, tags=replace(_RECORD.tags, asleep=True))
    monkeypatch.setattr(
        lookup,
        "find",
        lambda *_: lookup.DeployedEnvironment(target=_TARGET, base=base, app=base.apps["shop"], record=asleep),
    )
    with pytest.raises(BranchenvError, match="asleep") as refused:
        reset_data.reset_data(_TARGET, max_wait=1, quiet=True)
    assert "branchenv wake" in refused.value.fix, "with how"
    assert not deployed, "its jobs would wait for pods that do not come"
