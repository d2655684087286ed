"""What people and scripts read: data on stdout, everything else on stderr; colour and progress only on a terminal."""

import dataclasses
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING, Any, TextIO

import typer

from branchenv.model.errors import BranchenvError, ExitCode
from core.background import alongside

if TYPE_CHECKING:
    from rich.console import Console

_HEARTBEAT = 15.0
"""Seconds between lines where there is no terminal to animate: a job's log must show that the command still runs."""

_debug = False


def set_debug() -> None:
    """Show tracebacks from now on."""
    global _debug  # noqa: PLW0603 - set once, from the command line
    _debug = True


def debugging() -> bool:
    """Whether a person asked for tracebacks."""
    return _debug


def data(text: str) -> None:
    """Print what the command was asked for."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def json_data(value: object) -> None:
    """Print data for scripts.

    Args:
        value: dataclasses, mappings, lists, dates (ISO 8601) and durations (seconds) of any depth.
    """
    data(json.dumps(_plain(value), indent=2, ensure_ascii=False))


def say(text: str) -> None:
    """Print what is done."""
    _line(text)


def warn(text: str) -> None:
    """Print a warning."""
    _line(f"warning: {text}", typer.colors.YELLOW)


def error(text: str) -> None:
    """Print why the command fails."""
    _line(f"error: {text}", typer.colors.RED)


def tables() -> "Console":
    """Return rich's console for stdout; a log has no width of its own, and gets one that keeps tables whole."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else 160
    return Console(file=sys.stdout, highlight=False, soft_wrap=True, width=width)


def interactive() -> bool:
    """Whether somebody is there to answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that cannot be taken back.

    Args:
        question: without the question mark.
        yes: it was answered already, by --yes.

    Raises:
        BranchenvError: the answer was no, or there is nobody to answer.
    """
    if yes:
        return
    if not interactive():
        raise BranchenvError(
            f"this asks first, and nobody is there to answer: {question}?",
            fix="pass --yes",
            code=ExitCode.BAD_INPUT,
        )
    if not typer.confirm(f"{question}?", err=True):
        raise BranchenvError("nothing was done", fix="answer y to continue")


@contextmanager
def step(what: str | Callable[[], str], stream: TextIO | None = None) -> Iterator[None]:
    """Show one step while it runs: a spinner on a terminal, a line now and then in a log.

    In a thread, as what the step does tells nothing of its time.

    Args:
        what: what is being done, e.g. `waiting for the lock of carol@laptop`; or returns that, each time it is shown.
        stream: where it is shown; None for stderr.
    """
    started = time.monotonic()
    with alongside("step", lambda ended: _show(what, started, stream or sys.stderr, ended)):
        yield


def seconds(value: float) -> str:
    """3.2 s, 48 s or 2 min 05 s."""
    if value < 10:
        return f"{value:.1f} s"
    if value < 60:
        return f"{value:.0f} s"
    return f"{int(value) // 60} min {int(value) % 60:02d} s"


def moment(at: datetime) -> str:
    """Write a time for people, e.g. `2026-11-24 12:00 UTC`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def cut(text: str, longest: int) -> str:
    """Cut a text that has more characters than this, and show that it was cut."""
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def _show(what: str | Callable[[], str], started: float, stream: TextIO, ended: Event) -> None:
    def shown(between: str) -> str:
        return f"{what() if callable(what) else what}{between}{seconds(time.monotonic() - started)}"

    if not stream.isatty():
        while not ended.wait(_HEARTBEAT):
            _line(shown(" ... "), stream=stream)
        return
    if ended.wait(0.3):
        return  # too short to be worth a flicker
    from rich.console import Console

    with Console(file=stream, highlight=False).status(shown(" ")) as status:
        while not ended.wait(0.2):
            status.update(shown(" "))


def _line(text: str, colour: str = "", stream: TextIO | None = None) -> None:
    stream = stream or sys.stderr
    shown = typer.style(text, fg=colour) if colour and _coloured(stream) else text
    stream.write(f"{shown}\n")
    stream.flush()


def _coloured(stream: TextIO) -> bool:
    return stream.isatty() and "NO_COLOR" not in os.environ


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a command has
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value
