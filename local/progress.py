"""Progress for people: what is being done, step k of n, time so far."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from branchenv.console import seconds
from branchenv.console import step as shown_meanwhile

# A log has no width of its own: 160 columns keep tables whole.
console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 160)


class Progress:
    """Numbered steps on the terminal, or as lines in a log."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._done = 0
        self._start = time.monotonic()

    @contextmanager
    def step(self, what: str) -> Iterator["Detail"]:
        """Show one step while it runs, and how long it took."""
        self._done += 1
        title = f"[{self._done}/{self._steps}] {what}"
        detail = Detail()
        start = time.monotonic()
        try:
            with shown_meanwhile(lambda: f"{title}{detail.shown()}", sys.stdout):
                yield detail
        except BaseException:
            console.print(f"{title}: [red]failed[/red] after {seconds(time.monotonic() - start)}")
            raise
        took = seconds(time.monotonic() - start)
        console.print(f"{title}{detail.shown()}: [green]done[/green] in {took}, {self._so_far()} in all")

    def _so_far(self) -> str:
        return seconds(time.monotonic() - self._start)


class Detail:
    """What a running step is busy with; set by the step, read by the display."""

    def __init__(self) -> None:
        self.text: str | Callable[[], str] = ""
        """A text, or where to ask for it each time it is shown."""

    def shown(self) -> str:
        """The text in brackets, or nothing."""
        text = self.text() if callable(self.text) else self.text
        return f" ({text})" if text else ""
