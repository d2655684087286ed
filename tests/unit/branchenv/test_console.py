"""What people read while a command runs."""

from threading import Event

import pytest

from branchenv import console

_LONGEST = 10.0


@pytest.mark.parametrize(("seconds", "text"), [(3.21, "3.2 s"), (48.4, "48 s"), (125.0, "2 min 05 s")])
def test_times_are_told_as_people_read_them(seconds: float, text: str) -> None:
    assert console.seconds(seconds) == text, "no seconds beyond a minute, no decimals beyond ten seconds"


def test_a_log_shows_that_a_long_step_still_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "_HEARTBEAT", 0.01)
    asked = [Event(), Event()]

    def what() -> str:
        asked[asked[0].is_set()].set()
        return "compiled 2 of 5"

    with console.step(what):
        assert asked[1].wait(_LONGEST), "it is asked for each line anew"
    assert capsys.readouterr().err.startswith("compiled 2 of 5 ... "), "a line now and then, with the time so far"


def test_a_short_step_adds_nothing_to_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    with console.step("looking"):
        pass
    assert not capsys.readouterr().err, "only who waits wants to know for what"
