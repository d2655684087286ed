"""Progress for people: what is being done, step k of n, time so far."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

# A log has no width of its own: 160 columns keep tables whole.
console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 160)

_HEARTBEAT = 15.0
"""Seconds between lines where there is no terminal to animate: a log must show that the command still runs."""


def clock(seconds: float) -> str:
    """3.2 s, 48 s or 2 min 05 s."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"


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
        stop = threading.Event()
        show = threading.Thread(target=self._show, args=(title, detail, start, stop), daemon=True)
        show.start()
        try:
            yield detail
        except BaseException:
            stop.set()
            show.join()
            console.print(f"{title}: [red]failed[/red] after {clock(time.monotonic() - start)}")
            raise
        stop.set()
        show.join()
        took = clock(time.monotonic() - start)
        console.print(f"{title}{detail.shown()}: [green]done[/green] in {took}, {self._so_far()} in all")

    def _so_far(self) -> str:
        return clock(time.monotonic() - self._start)

    def _show(self, title: str, detail: "Detail", start: float, stop: threading.Event) -> None:
        if not sys.stdout.isatty():
            while not stop.wait(_HEARTBEAT):
                console.print(f"{title}{detail.shown()} ... {clock(time.monotonic() - start)}")
            return
        with console.status(title) as status:
            while not stop.wait(0.2):
                status.update(f"{title}{detail.shown()} {clock(time.monotonic() - start)}")


class Detail:
    """What a running step is busy with; set by the step, read by the display."""

    def __init__(self) -> None:
        self.text: str | Callable[[], str] = ""
        """A text, or where to ask for it each time it is shown."""

    def shown(self) -> str:
        """The text in brackets, or nothing."""
        text = self.text() if callable(self.text) else self.text
        return f" ({text})" if text else ""
