"""Waiting for what a cluster does in its own time: bounded, and without a fixed sleep."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

_PAUSE = 0.05


def until(look: Callable[[], Found | None], *, what: str, seconds: float = 20) -> Found:
    """Look again and again until there is something to see, and give it.

    Raises:
        AssertionError: it did not come in time; says what was awaited.
    """
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"{what}: not within {seconds:g} s"
        time.sleep(_PAUSE)
    return found
