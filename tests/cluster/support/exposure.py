"""Where a secret can be seen by those who should not: command lines and files."""

import os
import threading
from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

_PAUSE = 0.002


class CommandLines:
    """The command lines of every process that this one starts, and of theirs, while the block runs.

    Every account of a machine can read them. They are looked at so often that only a process which ends within a few
    milliseconds is missed; `seen` tells a test that the processes it cares for were not.
    """

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def __enter__(self) -> Self:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def holding(self, secrets: Iterable[str]) -> list[str]:
        """Return the command lines that hold any of the secrets."""
        forms = [form for secret in secrets for form in forms_of(secret)]
        return sorted(line for line in self.seen if any(form in line for form in forms))

    def _look(self) -> None:
        # What a child is called between its start and its program's.
        own = _command_line(os.getpid())
        while not self._stop.wait(_PAUSE):
            self.seen |= {_command_line(pid) for pid in _below(os.getpid())} - {own, ""}


def files_holding(secrets: Iterable[str], *places: Path) -> list[str]:
    """Return the files, of these or below these folders, that hold any of the secrets, as they are or in base64."""
    forms = [form.encode() for secret in secrets for form in forms_of(secret)]
    found = [file for place in places for file in (place.rglob("*") if place.is_dir() else [place])]
    files = [file for file in found if file.is_file() and not file.is_symlink()]
    return sorted(str(file) for file in files if any(form in _read(file) for form in forms))


def forms_of(secret: str) -> list[str]:
    """Return the forms in which a secret is as good as in clear. Base64 within other text has one of three shifts."""
    shifted = (b64encode(b"\0" * shift + secret.encode()).decode() for shift in range(3))
    # The first characters mix with what comes before, the last ones with what comes after.
    return [secret, *(text[4:-4] for text in shifted)]


def _below(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    try:
        names = [entry.name for entry in os.scandir(tasks)]
    except OSError:
        return []
    children = [int(child) for name in names for child in _read(tasks / name / "children").split()]
    return children + [each for child in children for each in _below(child)]


def _command_line(pid: int) -> str:
    return _read(Path(f"/proc/{pid}/cmdline")).replace(b"\0", b" ").decode(errors="replace").strip()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""  # it has just ended, or is no file of ours to read
