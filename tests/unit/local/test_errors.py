"""How a command for people ends."""

import pytest

from local.errors import LocalError, exit_code


def _fail() -> int:
    raise LocalError("the port is taken", "stop what uses it")


def _be_interrupted() -> int:
    raise KeyboardInterrupt


def _break() -> int:
    raise LookupError("a bug")


def test_a_command_that_ends_by_itself_says_how() -> None:
    assert exit_code(lambda: 3) == 3, "its own code"


def test_what_a_person_can_act_on_is_printed_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(_fail) == 1, "it failed"
    assert capsys.readouterr().err == "error: the port is taken\n  -> stop what uses it\n", "what, and what to do"


def test_an_interrupted_command_says_that_it_resumes(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(_be_interrupted) == 130, "as shells have it"
    assert "resumes" in capsys.readouterr().err, "nothing is lost"


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(LookupError):
        exit_code(_break)
