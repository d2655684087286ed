"""What `branchenv doctor` finds wrong, and how it ends."""

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from branchenv.cli.main import run
from branchenv.inventory.world import World
from branchenv.model.errors import ExitCode
from branchenv.model.records import StackRecord, Tags
from branchenv.operations.inspect import doctor
from branchenv.operations.inspect.doctor import Finding, Level, Where, examine
from tests.unit.bases import base
from tests.unit.states import write_states

BASE = base()


@pytest.fixture
def nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with an empty backend, and nothing else."""
    for name in ("CI_API_V4_URL", "CI_SERVER_URL", "BRANCHENV_GITLAB_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path))
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}")
    monkeypatch.chdir(tmp_path)


def _by_check(findings: list[Finding]) -> dict[str, Finding]:
    return {each.check: each for each in findings}


@pytest.mark.usefixtures("nothing")
def test_whatever_is_missing_is_said_with_its_fix() -> None:
    found = _by_check(examine(Where(base="base-local")))
    assert {name for name, each in found.items() if each.level == Level.FAIL} == {"pulumi", "base stack"}
    assert {name for name, each in found.items() if each.level == Level.WARN} == {"plugins", "gitlab"}
    assert all(each.fix for each in found.values() if each.level != Level.OK), "a finding without a fix helps nobody"
    assert found["backend"].level == Level.OK, "an empty backend is a good one"


@pytest.mark.usefixtures("nothing")
def test_what_rests_on_a_backend_that_cannot_be_read_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "file:///nowhere/at/all")
    found = _by_check(examine(Where(base="base-local")))
    assert found["backend"].level == Level.FAIL
    assert "secrets" not in found, "it would only repeat the same in other words"


@pytest.mark.usefixtures("nothing")
def test_the_exit_code_is_1_if_a_check_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--json"]) == ExitCode.FAILED, "a script asks this way"
    assert '"level": "fail"' in capsys.readouterr().out, "and reads what it was"


def test_warnings_alone_are_no_failure(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    warning = Finding(check="token", level=Level.WARN, said="a job token", fix="set another")
    monkeypatch.setattr(doctor, "examine", lambda _: [warning])
    assert run(["doctor"]) == ExitCode.DONE
    assert "fix: set another" in capsys.readouterr().out, "but the fix is shown"


def test_a_check_that_breaks_does_not_hide_the_others() -> None:
    def broken() -> list[Finding]:
        raise RuntimeError("unforeseen")

    [found] = doctor._guarded("x", broken)
    assert (found.check, found.level) == ("x", Level.FAIL), "it is a finding as well"


def test_what_a_change_of_the_base_stack_left_behind_is_said() -> None:
    def stack(app: str, slug: str) -> StackRecord:
        outputs = {"base": "org/p/base-local", "url": f"http://{slug}.old.localhost"}
        tags = Tags(branch=slug, app=app)
        return StackRecord(name=f"{app}.{slug}", tags=tags, outputs=outputs, resources=4)

    stacks = [StackRecord(name="base-local"), stack("shop", "a"), stack("gone", "b")]
    found = _by_check(doctor._environments(World(base=BASE, stacks=stacks)))
    assert found["environments"].said.startswith("2, of which 1"), "how many there are, and how many are in excess"
    assert "shop.a" in found["stale"].said, "its URL is of another domain than the app's"
    assert "branchenv up" in found["stale"].fix, "and what to do"
    assert "gone.b" in found["removed apps"].said, "its app is not in the base stack"
    assert "branchenv sweep --all-apps --base base-local" in found["removed apps"].fix, "a sweep of one app sees it not"
    assert {each.level for each in found.values()} == {Level.OK, Level.WARN}, "deploys work all the same"


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A port of the loopback that answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_a_gateway_that_answers_is_told_from_one_that_does_not(listening: socket.socket) -> None:
    base = replace(BASE, port=listening.getsockname()[1])
    assert _by_check(doctor._reached(base, "doctor.shop.localhost"))["gateway"].level == Level.OK
    listening.close()
    assert _by_check(doctor._reached(base, "doctor.shop.localhost"))["gateway"].level == Level.FAIL


def test_a_name_that_leads_nowhere_is_a_finding_of_its_own() -> None:
    [found] = doctor._reached(BASE, "doctor.shop.invalid")
    assert (found.check, found.level) == ("DNS", Level.FAIL), "the port was never asked"
    assert "*.shop.invalid" in found.fix, "it says which record is missing"


@pytest.mark.usefixtures("nothing")
def test_who_holds_a_lock_is_told_by_a_command_that_can_be_pasted(tmp_path: Path) -> None:
    write_states(tmp_path, 1)
    locks = tmp_path / ".pulumi/locks/organization/branch-environments/shop.feature-0"
    locks.mkdir(parents=True)
    lock = {"pid": 1, "username": "carol", "hostname": "laptop", "timestamp": "2026-01-02T03:04:05Z"}
    (locks / "0f3c.json").write_text(json.dumps(lock))
    found = _by_check(examine(Where(base="base-local")))
    assert found["locks"].fix.endswith("branchenv unlock feature-0 --app shop"), "it is whole"
