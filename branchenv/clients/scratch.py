"""Folders that last as long as a block of code, also if the process is killed: the next command removes what it left.

Who uses a folder holds a lock on it, which the kernel releases when the last process that holds it has ended.
"""

import fcntl
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "branchenv."
_held: set[int] = set()
_changing = threading.Lock()


@contextmanager
def folder() -> Iterator[Path]:
    """Return an empty folder, which is removed at the end of the block."""
    _remove_abandoned()
    made, lock = _locked()
    with _changing:
        _held.add(lock)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        with _changing:
            _held.discard(lock)
            os.close(lock)


@contextmanager
def locks() -> Iterator[tuple[int, ...]]:
    """Return the locks' file descriptors, to start a child process that uses the folders and may outlive this one."""
    with _changing:
        yield tuple(_held)


def _locked() -> tuple[Path, int]:
    """Make a folder and lock it; again, if another command took it for an abandoned one in between."""
    while True:
        made = Path(tempfile.mkdtemp(prefix=_PREFIX))
        try:
            lock = _open(made)
        except FileNotFoundError:
            continue
        # A file system without locks: nobody else can lock the folder either, so nobody removes it.
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        if made.exists():
            return made, lock
        os.close(lock)


def _remove_abandoned() -> None:
    for each in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        # In use, of somebody else, or just removed by another command.
        with suppress(OSError):
            lock = _open(each)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(lock).st_uid == os.getuid():
                    shutil.rmtree(each)
            finally:
                os.close(lock)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
