"""Processes of this machine: does one still run that was there at a given time?"""

import os
import pwd
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

_PROC = Path("/proc")
_SLACK = timedelta(seconds=2)
"""Clocks are read at different moments, and the kernel counts in hundredths."""


def user_name() -> str:
    """Return the name of this process's user, as Pulumi writes it into its locks."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        # An image that runs as a number nobody has.
        return os.environ.get("USER", "")


def runs(pid: int, *, since: datetime) -> bool:
    """Whether the process of this number that was there at a given time still runs.

    A killed process stays as a zombie until its parent asks how it ended, which not every container's first process
    does: it does not run. Neither does a process that has come by its number later.

    Args:
        pid: its number, as this process sees it.
        since: a moment at which it was there, with time zone.
    """
    if not (_PROC / "self" / "stat").exists():
        return _answers(pid)
    try:
        # The name, in brackets, may hold anything.
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    state, started = fields[0], int(fields[19])
    # Not the boot time that /proc tells: containers see one of their own there, but not the ticks since then.
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - started / os.sysconf("SC_CLK_TCK")
    return state not in "ZX" and datetime.now(UTC) - timedelta(seconds=age) <= since + _SLACK


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
