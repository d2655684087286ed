"""A name that there is not is one error with one exit code, whichever command it is given to."""

import shlex
from pathlib import Path

import pytest

from branchenv.cli.main import SUMMARIES, run
from branchenv.model.errors import ExitCode
from core.suggestions import did_you_mean
from tests.unit.published import publish
from tests.unit.states import write_base, write_states

_OF_ONE_BRANCH = sorted(SUMMARIES.keys() - {"list", "sweep", "doctor", "init", "kubeconfig", "up", "select", "down"})
"""Commands that need an environment."""
_NEED_AN_APP = [*_OF_ONE_BRANCH, "up", "select", "down"]


@pytest.fixture(autouse=True)
def backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A backend with a base stack and two environments, feature-0 and feature-1; no job."""
    write_states(tmp_path, 2)
    write_base(tmp_path)
    publish(monkeypatch)
    monkeypatch.setenv("PULUMI_BACKEND_URL", tmp_path.as_uri())
    for name in ("GITLAB_CI", "BRANCHENV_APP", "BRANCHENV_BASE", "BRANCHENV_BRANCH"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def _message(name: str, branch: str, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str]:
    options = ("--image", "x:1") if name in ("up", "select") else ()
    code = run([name, branch, *options, *more])
    shown = capsys.readouterr().err
    assert "Traceback" not in shown, "a person reads this"
    return code, shown


@pytest.mark.parametrize("name", _OF_ONE_BRANCH)
def test_an_unknown_branch_is_the_same_error_in_every_command(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, message = _message(name, "featur-1", capsys, "--app", "shop")
    assert code == ExitCode.BAD_INPUT, "one exit code"
    assert "there is no environment shop.featur-1" in message, "one wording"
    assert "did you mean feature-1" in message, "and what was meant"


@pytest.mark.parametrize("name", _NEED_AN_APP)
def test_an_unknown_app_is_the_same_error_in_every_command(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, message = _message(name, "feature-1", capsys, "--app", "shpo")
    assert code == ExitCode.BASE, "one exit code"
    assert "base-local has no app of this name; it has shop" in message, "one wording"
    assert "did you mean shop?" in message, "and what was meant"


@pytest.mark.parametrize("name", _NEED_AN_APP)
def test_an_unknown_base_stack_is_the_same_error_in_every_command(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, message = _message(name, "featur-1", capsys, "--app", "shop", "--base", "base-loacl")
    assert code == ExitCode.BASE, "one exit code"
    assert "this cluster has no base stack base-loacl" in message, "one wording"
    assert "did you mean base-local?" in message, "and what was meant"


def test_a_stop_of_what_is_not_there_is_no_error_but_says_what_may_be_meant(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("branchenv.operations.lifetime.leftovers.remove", lambda *_: None)
    code, message = _message("down", "featur-1", capsys, "--app", "shop", "--yes")
    assert code == ExitCode.DONE, "as often as one likes"
    assert "nothing to do" in message, "it is told apart from a removal"
    assert "did you mean feature-1" in message, "should it be a typo"


def test_names_that_only_begin_alike_are_not_meant() -> None:
    known = ["feature-login", "feature/dark-mode"]
    assert did_you_mean("feature-logn", known) == "did you mean feature-login?", "the other one would be noise"
    assert did_you_mean("shpo", ["shop"]) == "did you mean shop?", "of a short name, too"
    assert not did_you_mean("fix-typo", known), "nothing is alike"


def test_the_commands_that_an_error_names_can_be_pasted(capsys: pytest.CaptureFixture[str]) -> None:
    _, message = _message("wake", "featur-1", capsys, "--app", "shop")
    for command in ("branchenv up featur-1 --app shop", "branchenv list --app shop"):
        assert command in message, "whole, with the app"
        assert shlex.split(command)[1] in SUMMARIES, "and there is such a command"
