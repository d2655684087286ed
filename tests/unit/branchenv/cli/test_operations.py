"""docs/operations.md says what the code does."""

import re
import shlex
from pathlib import Path

import pytest

from branchenv.cli.main import SUMMARIES, load
from branchenv.inventory.endings import Removal
from branchenv.inventory.states import State
from branchenv.model.errors import ExitCode
from branchenv.sweep.plan import Upkeep
from tests.readme import blocks

TEXT = (Path(__file__).resolve().parents[4] / "docs/operations.md").read_text(encoding="utf-8")
COMMANDS = [
    line.partition(" #")[0].strip()
    for block in blocks(TEXT)
    for line in block.text.splitlines()
    if line.startswith("branchenv ")
]


def _first_cells(section: str) -> list[str]:
    part = TEXT.partition(f"## {section}\n")[2].partition("\n## ")[0]
    return [row.strip("`") for row in re.findall(r"^\| (.+?) \|", part, re.MULTILINE)][1:]


def test_every_exit_code_is_listed() -> None:
    rows = re.findall(r"^\| (\d+) \| (\w+) \|", TEXT, re.MULTILINE)
    assert [(int(code), name) for code, name in rows] == [(each.value, each.name) for each in ExitCode]


def test_every_state_is_listed() -> None:
    assert _first_cells("States") == [state.value for state in State]


def test_every_rule_of_the_sweep_is_listed() -> None:
    assert sorted(_first_cells("The sweep")) == sorted([*Removal, *Upkeep]), "in the words that a sweep prints"


def test_every_command_is_shown() -> None:
    assert {name for name in SUMMARIES if f"branchenv {name}" not in TEXT} == set()


@pytest.mark.parametrize("line", COMMANDS)
def test_the_commands_that_are_shown_can_be_typed(line: str) -> None:
    _, name, *arguments = shlex.split(line)
    # Parsed, not run: an option that is not there, or an argument too many, is refused.
    load(name).make_context(name, arguments)
