"""Threads that nobody has to wait for."""

import subprocess
import sys
from concurrent.futures import wait
from threading import Event, current_thread

import pytest

from core.background import alongside, begin
from tests.unit.recording import ROOT

_LONGEST = 10.0


def _fail() -> None:
    raise LookupError("the reason")


def test_a_result_is_that_of_the_work() -> None:
    assert begin("trial", lambda: current_thread().name).result(_LONGEST) == "trial", "it ran in a thread of this name"


def test_an_exception_is_raised_where_the_result_is_read() -> None:
    failed = begin("trial", _fail)
    wait([failed], _LONGEST)
    with pytest.raises(LookupError, match="the reason"):
        failed.result(0)


def test_a_result_that_does_not_come_is_waited_for_no_longer_than_said() -> None:
    with pytest.raises(TimeoutError):
        begin("trial", Event().wait).result(0.01)


def test_a_process_ends_while_work_goes_on() -> None:
    program = "from threading import Event; from core.background import begin; begin('trial', Event().wait)"
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=60, check=False)
    assert ended.returncode == 0, "a server that never answers keeps no job running"


@pytest.mark.parametrize("join", [True, False])
def test_work_alongside_a_block_learns_of_its_end(join: bool) -> None:
    began, returned = Event(), Event()

    def work(ended: Event) -> None:
        began.set()
        if ended.wait(_LONGEST):
            returned.set()

    def failing_block() -> None:
        with alongside("trial", work, join=join):
            assert began.wait(_LONGEST), "it runs while the block does"
            assert not returned.is_set(), "it is not told to end before"
            _fail()

    with pytest.raises(LookupError):
        failing_block()
    assert returned.wait(0 if join else _LONGEST), "a block that fails ends it as well"


def test_a_block_does_not_wait_for_work_that_it_does_not_join() -> None:
    released, returned = Event(), Event()

    def work(_: Event) -> None:
        released.wait(_LONGEST)
        returned.set()

    with alongside("trial", work, join=False):
        pass
    assert not returned.is_set(), "an API server that is slow to answer delays no deploy"
    released.set()
