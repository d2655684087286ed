"""Waiting for something to become true, bounded, without a fixed delay."""

import time
from collections.abc import Callable

from local.errors import LocalError


def until(true: Callable[[], bool], *, what: str, fix: str, seconds: float, every: float = 0.05) -> None:
    """Ask until `true()`.

    Raises:
        LocalError: it did not come true within `seconds`; says `what` was awaited and the `fix`.
    """
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise LocalError(f"{what}: not within {seconds:.0f} s", fix)
        time.sleep(every)
