"""How the program ends after an error: with a message for a person, never a traceback."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pulumi

ALREADY_PRINTED = 32
"""Exit code by which Pulumi's language host knows that the error has been printed already."""


@contextmanager
def in_plain_words() -> Iterator[None]:
    """Show what is refused as one error, and leave without a word when the engine says so.

    The engine interrupts the program when a resource failed, and when it was told itself to stop. It says why; Python
    would add a traceback of where the program was. So the kernel ends the process here, as it does by default.

    Raises:
        SystemExit: settings were refused. Left to itself, Pulumi adds the program's exit code as a second error.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    except pulumi.RunError as e:
        pulumi.log.error(str(e))
        raise SystemExit(ALREADY_PRINTED) from e
