"""Options that commands share: each command has them, all alike, and help that fits a terminal."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer

from branchenv.cli import deploy_options, main, options
from branchenv.cli.option_groups import flattened
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import StackRecord, Tags
from branchenv.operations.deploy import up
from branchenv.operations.lifetime import down
from stacks.settings.branch import BranchSettings
from tests.unit.published import publish
from tests.unit.states import write_states

_OF_ONE_BRANCH = sorted(main.SUMMARIES.keys() - {"list", "sweep", "doctor", "init", "kubeconfig"})
_DOCUMENTS = ["up", "down", "list", "why", "diff", "extend", "announce", "sweep", "doctor"]


def _parameters(name: str) -> dict[str, Any]:
    return {each.name: each for each in main.load(name).params}


@pytest.mark.parametrize("name", _OF_ONE_BRANCH)
def test_every_command_about_one_branch_takes_it_in_the_same_ways(name: str) -> None:
    found = _parameters(name)
    for option in ("branch_argument", "branch", "app", "base", "project"):
        assert option in found, f"{name} takes {option}, as the others do"


@pytest.mark.parametrize("name", _DOCUMENTS)
def test_what_prints_a_document_takes_output_and_json(name: str) -> None:
    assert {"output", "as_json"} <= _parameters(name).keys(), f"a program reads {name}"


def test_up_and_select_have_one_set_of_deploy_options() -> None:
    shared = set(deploy_options.DeployOptions.__dataclass_fields__)
    for name in ("up", "select"):
        assert shared <= _parameters(name).keys(), f"{name} takes them all"


def _first_words(name: str) -> str:
    documentation = import_module(f"branchenv.cli.commands.{name.replace('-', '_')}").command.__doc__
    return " ".join(documentation.split()[:4])


@pytest.mark.parametrize("name", ["", *main.SUMMARIES])
def test_help_fits_80_columns_and_leaves_nothing_out(name: str) -> None:
    arguments = [name, "--help"] if name else ["--help"]
    code = f"from branchenv.cli.main import run; run({arguments!r})"
    shown = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    lines = shown.splitlines()
    assert not set("─│") & set(shown), "no width goes to boxes"
    assert not name or f"  {_first_words(name)}" in shown, "it says what the command does"
    assert max(map(len, lines)) <= 80, "no line is cut by the terminal"
    assert "..." not in shown.replace("[ARGS]...", "").replace("awskms://...", ""), "no summary is cut short"


def test_a_group_of_options_is_given_as_one() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Group:
        image: Annotated[str, typer.Option("--image")] = ""

    seen: list[object] = []

    def command(group: Group, tail: int = 5) -> None:
        seen.extend((group, tail))

    flattened(command)(image="web:1", tail=7)
    assert seen == [Group(image="web:1"), 7], "the command has its own shape"


@pytest.mark.parametrize(
    ("argument", "option", "variable", "branch"),
    [
        ("a", "", "", "a"),
        ("", "b", "", "b"),
        # The option's value is the variable's, where the option is not given.
        ("a", "v", "v", "a"),
        ("a", "a", "v", "a"),
    ],
)
def test_the_branch_is_an_argument_or_an_option_and_overrides_the_variable(
    argument: str, option: str, variable: str, branch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRANCHENV_BRANCH", variable)
    which = options.Which(branch_argument=argument, branch=option, app="shop")
    assert which.target().branch == branch, "what is nearest to the command counts"


def test_two_branches_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BRANCHENV_BRANCH", raising=False)
    with pytest.raises(BranchenvError, match="two branches are given: a and b") as caught:
        options.Which(branch_argument="a", branch="b", app="shop").target()
    assert caught.value.code == ExitCode.BAD_INPUT, "one of them is a mistake"


@pytest.mark.parametrize(("text", "seconds"), [("2m", 120), ("1m30s", 90), ("45", 45), ("", None)])
def test_the_ready_timeout_is_a_duration(text: str, seconds: int | None) -> None:
    assert deploy_options.DeployOptions(ready_timeout=text).wanted().ready_timeout_seconds == seconds, "as everywhere"


@pytest.mark.parametrize("text", ["soon", "1s", "2h", "-5s"])
def test_a_ready_timeout_that_the_program_would_refuse_is_refused_at_once(text: str) -> None:
    with pytest.raises(BranchenvError) as caught:
        deploy_options.DeployOptions(ready_timeout=text).wanted()
    assert (caught.value.field, caught.value.value) == ("--ready-timeout", text), "where and what"


def test_the_ready_timeout_has_the_program_s_own_limits() -> None:
    schema = BranchSettings.model_json_schema(by_alias=True)["properties"]["readyTimeoutSeconds"]
    limits = (schema["minimum"], schema["maximum"])
    assert limits == (deploy_options.SHORTEST_READY_TIMEOUT, deploy_options.LONGEST_READY_TIMEOUT), "one fact"


def _record() -> StackRecord:
    tags = Tags(branch="a", commit="c0ffee")
    return StackRecord(name="shop.a", tags=tags, outputs={"url": "https://a.shop.test"}, resources=5)


def test_up_prints_url_state_commit_and_exit_code_for_a_program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(up, "up", lambda *_, **__: _record())
    assert main.run(["up", "a", "--app", "shop", "--image", "x:1", "--output", "json"]) == ExitCode.DONE, "it went well"
    found = json.loads(capsys.readouterr().out)
    expected = {"url": "https://a.shop.test", "state": "ready", "commit": "c0ffee", "exit_code": 0, "stack": "shop.a"}
    assert found.items() >= expected.items(), "what a program needs of it"


def test_a_failed_up_is_a_document_as_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fails(*_: object, **__: object) -> StackRecord:
        raise BranchenvError("a is not up", fix="push the image", code=ExitCode.NOT_READY)

    monkeypatch.setattr(up, "up", fails)
    write_states(tmp_path, 1)
    publish(monkeypatch)
    monkeypatch.setenv("PULUMI_BACKEND_URL", tmp_path.as_uri())
    code = main.run(["up", "feature-0", "--app", "shop", "--image", "x:1", "--json"])
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert (code, found["exit_code"], found["state"]) == (20, 20, "failed"), "the same on both ways"
    assert "push the image" in found["error"], "with the fix"
    assert found["url"] == "http://feature-0.shop.localhost:8080", "and what answers still"
    assert "a is not up" in shown.err, "a person reads it as ever"


@pytest.mark.parametrize(("removed", "state"), [(True, "removed"), (False, "absent")])
def test_down_says_whether_there_was_something(
    removed: bool, state: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(down, "down", lambda *_, **__: removed)
    assert main.run(["down", "a", "--app", "shop", "-o", "json"]) == ExitCode.DONE, "both are well"
    assert json.loads(capsys.readouterr().out)["state"] == state, "and told apart"
