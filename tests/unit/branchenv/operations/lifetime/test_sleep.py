"""Falling asleep and waking are all or nothing: what fails half-way is taken back, and what is killed is finished."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from branchenv.clients import pulumi_cli
from branchenv.clients.backend import Backend
from branchenv.clients.pulumi_cli import PulumiError
from branchenv.inventory.classify import classify
from branchenv.inventory.states import State
from branchenv.inventory.world import World
from branchenv.model.errors import BranchenvError
from branchenv.model.records import ClusterRecord, StackRecord, Tags
from branchenv.operations.lifetime import sleep
from branchenv.operations.repair import repair

_CONFIG = {"base": "base-x", "branch": "x", "image": "shop:1"}
_ASLEEP = {**_CONFIG, "asleep": True, "asleepReason": "nobody"}
_KEY = "branch-environments:"


class _Backend:
    """One stack's tags."""

    def __init__(self, tags: Tags) -> None:
        self.kept = tags

    def tags(self, _name: str) -> Tags:
        return self.kept

    def write_tags(self, _name: str, tags: Tags) -> None:
        self.kept = tags


class _Pulumi:
    """Fails at some of its runs, and remembers with which config it ran."""

    def __init__(self, *failing: int, locked: bool = False) -> None:
        self.configs: list[dict[str, Any]] = []
        self.tags: list[bool] = []
        self._failing = failing
        self._message = "currently locked by 1 lock" if locked else "error: no"
        self.backend = _Backend(Tags())

    def up(self, _stack: str, *, quiet: bool, config_file: Path) -> None:
        del quiet
        config = yaml.safe_load(config_file.read_text())["config"]
        self.configs.append({key.removeprefix(_KEY): value for key, value in config.items()})
        self.tags.append(self.backend.kept.asleep)
        if len(self.configs) in self._failing:
            raise PulumiError(["up"], 1, self._message, shown=False)


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Nobody has touched anything, and nothing is remembered on this machine."""
    monkeypatch.setattr(repair, "drift_of", lambda _record: [])
    monkeypatch.setattr(pulumi_cli, "config_file", lambda stack: tmp_path / f"Pulumi.{stack}.yaml")
    return tmp_path


def _environment(fake: _Pulumi, config: dict[str, Any], *, asleep: bool = False) -> tuple[Backend, StackRecord]:
    tags = Tags(branch="x", asleep=asleep)
    fake.backend.kept = tags
    return cast("Backend", fake.backend), StackRecord(
        name="shop.x", tags=tags, outputs={"config": config, "base": "base-x"}, resources=5
    )


def test_what_cannot_fall_asleep_is_awake_again(monkeypatch: pytest.MonkeyPatch, program: Path) -> None:
    fake = _Pulumi(1)
    monkeypatch.setattr(pulumi_cli, "up", fake.up)
    backend, record = _environment(fake, _CONFIG)
    with pytest.raises(PulumiError):
        sleep.sleep(backend, record)
    assert [bool(each.get("asleep")) for each in fake.configs] == [True, False], "the app answers, and not the page"
    assert not fake.backend.kept.asleep, "and `list` says so"
    assert not list(program.iterdir()), "nothing of it is remembered"


def test_what_cannot_wake_is_asleep_again_once_it_is_known_why(monkeypatch: pytest.MonkeyPatch, program: Path) -> None:
    fake = _Pulumi(1)
    monkeypatch.setattr(pulumi_cli, "up", fake.up)
    backend, record = _environment(fake, _ASLEEP, asleep=True)
    (program / "Pulumi.shop.x.yaml").write_text("config:\n  branch-environments:asleep: true\n")

    def explain(error: PulumiError) -> BranchenvError:
        assert len(fake.configs) == 1, "its pods are still there to be asked"
        return BranchenvError("the reason", fix=error.fix)

    with pytest.raises(BranchenvError, match="the reason"):
        sleep.wake(backend, record, explain=explain)
    assert [bool(each.get("asleep")) for each in fake.configs] == [False, True], "no pod runs behind the page"
    assert fake.backend.kept.asleep, "and `list` says so"


def test_a_stack_that_somebody_else_holds_is_not_touched(monkeypatch: pytest.MonkeyPatch, program: Path) -> None:
    fake = _Pulumi(1, locked=True)
    monkeypatch.setattr(pulumi_cli, "up", fake.up)
    backend, record = _environment(fake, _CONFIG)
    with pytest.raises(PulumiError):
        sleep.sleep(backend, record)
    assert len(fake.configs) == 1, "nothing was done, so nothing is taken back"
    assert not fake.backend.kept.asleep, "it is awake"
    assert not list(program.iterdir()), "nothing of it is remembered"


def test_it_counts_as_asleep_before_its_page_answers(monkeypatch: pytest.MonkeyPatch, program: Path) -> None:
    fake = _Pulumi()
    monkeypatch.setattr(pulumi_cli, "up", fake.up)
    backend, record = _environment(fake, _CONFIG)
    sleep.sleep(backend, record)
    assert fake.tags == [True], "a command that is killed leaves nothing that looks awake"
    killed = replace(record, tags=fake.backend.kept)
    sleep.sleep(backend, killed)
    assert len(fake.configs) == 2, "its outputs do not say that it sleeps, so the next one goes on"
    sleep.sleep(backend, replace(killed, outputs={"config": _ASLEEP, "base": "base-x"}))
    assert len(fake.configs) == 2, "what sleeps stays as it is"
    assert program.is_dir(), "the program's folder was never written to"


def test_the_page_of_a_chart_answers_before_its_pods_go(monkeypatch: pytest.MonkeyPatch, program: Path) -> None:
    fake = _Pulumi()
    monkeypatch.setattr(pulumi_cli, "up", fake.up)
    config_of = "branchenv.operations.lifetime.sleep.deployed_from.config_of"
    monkeypatch.setattr(config_of, lambda record: nullcontext(record.outputs["config"]))
    charted = {**_CONFIG, "chart": str(program / "chart")}
    backend, record = _environment(fake, charted)
    sleep.sleep(backend, record, reason="nobody")
    assert [(each["asleep"], each.get("waking", False)) for each in fake.configs] == [(True, True), (True, False)], (
        "pods run behind the page, and then they do not"
    )
    half = {"config": {**charted, "asleep": True, "waking": True}, "base": "base-x"}
    sleep.sleep(backend, replace(record, tags=fake.backend.kept, outputs=half))
    assert len(fake.configs) == 4, "one that was killed between the two is finished"


def test_a_chart_whose_route_is_the_programs_takes_one_up(monkeypatch: pytest.MonkeyPatch, program: Path) -> None:
    fake = _Pulumi()
    monkeypatch.setattr(pulumi_cli, "up", fake.up)
    config_of = "branchenv.operations.lifetime.sleep.deployed_from.config_of"
    monkeypatch.setattr(config_of, lambda record: nullcontext(record.outputs["config"]))
    backend, record = _environment(fake, {**_CONFIG, "chart": str(program / "chart")})
    sleep.sleep(backend, replace(record, outputs={**record.outputs, "routedByChart": False}))
    assert [each.get("waking", False) for each in fake.configs] == [False], "which has the page there before pods go"


def test_the_file_that_a_later_up_reads_learns_of_it(monkeypatch: pytest.MonkeyPatch, program: Path) -> None:
    fake = _Pulumi()
    monkeypatch.setattr(pulumi_cli, "up", fake.up)
    backend, record = _environment(fake, _CONFIG)
    file = program / "Pulumi.shop.x.yaml"
    file.write_text("config:\n  branch-environments:image: shop:1\n")
    sleep.sleep(backend, record)
    assert yaml.safe_load(file.read_text())["config"][f"{_KEY}asleep"] is True, "a `pulumi up` leaves it asleep"


@pytest.mark.parametrize(("wanted", "says"), [(0, ""), (2, "2 pods run behind its page")])
def test_list_tells_when_pods_run_behind_the_page(wanted: int, says: str) -> None:
    stack = StackRecord(name="shop.x", tags=Tags(branch="x", asleep=True), resources=5)
    cluster = ClusterRecord(app="shop", slug="x", branch="x", namespace="shop", wanted=wanted, ready=wanted)
    (found,) = classify(World(stacks=[stack], objects=[cluster]), datetime.now(UTC))
    assert found.state == State.ASLEEP, "its page answers"
    assert found.why.startswith(says), "and a person wants to know of the pods"
