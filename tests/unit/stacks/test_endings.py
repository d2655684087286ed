"""What a person reads when the program cannot go on, and what the language host is told."""

import signal
from collections.abc import Iterator

import pulumi
import pytest

from stacks.endings import ALREADY_PRINTED, in_plain_words


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    texts: list[str] = []
    monkeypatch.setattr(pulumi.log, "error", texts.append)
    return texts


def test_what_is_refused_is_said_once(printed: list[str]) -> None:
    with pytest.raises(SystemExit) as left, in_plain_words():
        raise pulumi.RunError("image: missing")
    assert printed == ["image: missing"], "the message alone"
    assert left.value.code == ALREADY_PRINTED, "by which the language host knows that no other error is wanted"


def test_a_mistake_of_the_programs_keeps_its_traceback(printed: list[str]) -> None:
    with pytest.raises(ZeroDivisionError), in_plain_words():
        _ = 1 / 0
    assert not printed, "whoever reports it needs to tell where it was"


def test_an_interrupt_ends_the_process_as_the_kernel_does(printed: list[str]) -> None:
    with in_plain_words():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL, "Python's own way shows a traceback"
    assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL, "resources are awaited after the program's last line"
    assert not printed, "the engine says why"
