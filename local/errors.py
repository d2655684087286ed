"""The one error of the local tools that a person is meant to read, and how a command ends with it."""

import sys
from collections.abc import Callable

_INTERRUPTED = 130


class LocalError(Exception):
    """Something a person can act on: what went wrong, and what to do.

    Printed without a traceback by `python -m local`; anything else is a bug and keeps its traceback.
    """

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(f"{what}\n  -> {fix}")
        self.what = what
        self.fix = fix


def exit_code(command: Callable[[], int]) -> int:
    """Return the exit code of a command for people, which says why it fails.

    Args:
        command: returns its own exit code.
    """
    try:
        return command()
    except LocalError as e:
        sys.stdout.flush()
        print(f"error: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; the same command resumes from here", file=sys.stderr)
        return _INTERRUPTED
