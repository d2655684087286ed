"""`branchenv diff`: what it prints for people and for programs."""

import json
from pathlib import Path
from typing import Any

import pytest

from branchenv.cli import main
from branchenv.model.errors import ExitCode
from branchenv.model.records import StackRecord
from branchenv.operations.repair import drift
from branchenv.operations.repair.drift import Drift, Field, What
from tests.unit.published import publish
from tests.unit.states import write_states

_FOUND = [
    Drift(kind="Service", namespace="shop", name="x", what=What.DELETED),
    Drift(
        kind="Deployment",
        namespace="shop",
        name="x",
        what=What.CHANGED,
        fields=(Field(path="spec.replicas", deployed=1, now=2), Field(path="a.b", deployed="c", now="d" * 100)),
    ),
]


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A backend with an environment of branch feature-0."""
    write_states(tmp_path, 1)
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}")
    publish(monkeypatch)
    return tmp_path


def _diff(monkeypatch: pytest.MonkeyPatch, found: list[Drift], *arguments: str) -> int:
    def find(record: StackRecord, _cluster: Any) -> list[Drift]:
        assert record.name == "shop.feature-0", "it is the branch's"
        return found

    monkeypatch.setattr(drift, "find", find)
    return main.run(["diff", "feature-0", "--app", "shop", *arguments])


def test_people_see_every_field_and_how_to_have_it_back(
    backend: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _diff(monkeypatch, _FOUND) == ExitCode.DONE, "that there is drift is no failure"
    shown = capsys.readouterr().out
    for line in ("Service shop/x: deleted", "spec.replicas  1 -> 2", "fix: branchenv up feature-0 --app shop"):
        assert line in shown, f"it says {line}:\n{shown}"
    assert max(map(len, shown.splitlines())) < 100, "a long value does not fill the terminal"
    assert backend.is_dir(), "and nothing was changed"


def test_people_see_that_nothing_has_changed(
    backend: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _diff(monkeypatch, []) == ExitCode.DONE, "all is well"
    assert "as they were deployed" in capsys.readouterr().out, "and it says so"
    assert backend.is_dir(), "nothing was changed"


def test_programs_get_whole_values(
    backend: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _diff(monkeypatch, _FOUND, "--output", "json")
    found = json.loads(capsys.readouterr().out)
    assert [each["what"] for each in found["drift"]] == ["deleted", "changed"], "in the state's order"
    assert found["drift"][1]["fields"][1]["now"] == "d" * 100, "not shortened"
    assert backend.is_dir(), "nothing was changed"


def test_an_environment_that_is_not_there_is_bad_input(backend: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["diff", "no-such", "--app", "shop"]) == ExitCode.BAD_INPUT, "which a script can tell"
    assert "no environment" in capsys.readouterr().err, "as with every command"
    assert backend.is_dir(), "nothing was made"
