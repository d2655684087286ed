"""`branchenv`, run as a person or a job runs it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.support.cluster import REPOSITORY
from tests.cluster.support.pulumi import Result
from tests.cluster.support.stacks import Branch
from tests.cluster.support.waiting import until

_LONGEST = 180.0


@dataclass(frozen=True, kw_only=True)
class Branchenv:
    """The command line, for one branch, from a folder that is no checkout."""

    branch: Branch
    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def run(self, command: str, *arguments: str, **variables: str) -> Result:
        """Run a command to its end.

        Args:
            command: e.g. `up`.
            arguments: more of them.
            variables: of the environment, beside what says which branch it is.
        """
        started = time.monotonic()
        done = subprocess.run(
            self._command(command, *arguments),
            cwd=self.folder,
            env={**self._environment(), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_LONGEST,
        )
        return Result(code=done.returncode, output=done.stdout, seconds=time.monotonic() - started)

    def start(self, command: str, *arguments: str) -> "Started":
        """Start a command in a process group of its own, to be killed."""
        process = subprocess.Popen(
            self._command(command, *arguments),
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return Started(process)

    def _command(self, command: str, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "branchenv", command, *arguments]

    def _environment(self) -> dict[str, str]:
        base = self.branch.base
        outside = {name: value for name, value in base.env.items() if not name.startswith(("CI_", "GITLAB_"))}
        return {
            **outside,
            "PYTHONPATH": str(REPOSITORY),
            "BRANCHENV_PROGRAM": str(self.branch.folder),
            "BRANCHENV_APP": base.app,
            "BRANCHENV_BASE": base.stack,
            "BRANCHENV_BRANCH": self.branch.name,
            "BRANCHENV_PROJECT": "acme/shop",
            **self.env,
        }


class Started:
    """A command that is at work."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def wait(self, seconds: float = _LONGEST) -> int:
        """Return its exit code."""
        return self._process.wait(seconds)

    def wait_at_most(self, seconds: float) -> None:
        """Let it work for a while, or to its end."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def kill_after(self, seconds: float) -> bool:
        """Kill it and all that it started, as a machine that goes down does, unless it has ended before.

        Returns:
            Whether it was killed.
        """
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            started = _descendants(self._process.pid)
            os.killpg(self._process.pid, signal.SIGKILL)
            # Pulumi's plugins have process groups of their own.
            for pid in started:
                _kill(pid)
            self._process.wait()
            until(lambda: not any(map(_alive, started)), what="all that it started ends", seconds=5)
            return True
        return False


def _descendants(pid: int) -> list[int]:
    try:
        lists = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return []
    children = [int(child) for each in lists for child in each]
    return children + [pid for child in children for pid in _descendants(child)]


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
