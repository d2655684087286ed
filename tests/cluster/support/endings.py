"""Ends that nobody has to wait for before the last test of a worker is over."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest


class Endings:
    """Runs ends beside each other, and beside the tests that come after them."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor()
        self._begun: list[Future[None]] = []

    def begin(self, end: Callable[[], None]) -> None:
        """Begin to end something that no later test uses."""
        self._begun.append(self._pool.submit(end))

    def wait(self) -> None:
        """Wait for all of them; one that failed fails here."""
        self._pool.shutdown()
        for each in self._begun:
            each.result()


@pytest.fixture(scope="session")
def endings() -> Iterator[Endings]:
    """This worker's; whatever asks for it is torn down before it."""
    made = Endings()
    yield made
    made.wait()
