"""Runs a build command: its output goes to a log, of which the end is shown when it fails."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from local.errors import LocalError
from local.paths import CACHE

_TAIL = 15


def log_of(what: str) -> Path:
    """Where the output of the command that does `what` goes."""
    return CACHE / "log" / f"{what.replace(' ', '-')}.log"


def lines(log: Path) -> int:
    """How many lines a log has so far; none if there is no log yet."""
    try:
        return log.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def run(
    command: list[str],
    *,
    what: str,
    fix: str,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Path:
    """Run `command` to its end; the log of its output.

    Raises:
        LocalError: it could not be started or failed; names `what`, shows the log's end and the `fix`.
    """
    log = log_of(what)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        try:
            code = subprocess.run(
                command,
                cwd=folder,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
        except FileNotFoundError as e:
            raise LocalError(f"{what}: there is no {command[0]} on this machine", fix) from e
    if code != 0:
        tail = "\n".join(f"    {line}" for line in log.read_text().splitlines()[-_TAIL:])
        raise LocalError(f"{what} failed (exit code {code}); the end of {log}:\n{tail}", fix)
    return log
