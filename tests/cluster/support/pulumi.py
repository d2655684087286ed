"""The Pulumi CLI, run as a person runs it."""

import contextlib
import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LONGEST = 120.0
_QUIET = ("--non-interactive", "--color=never")


@dataclass(frozen=True, kw_only=True)
class Result:
    """A command that has ended."""

    code: int
    output: str
    seconds: float

    def ok(self) -> "Result":
        """Insist on success."""
        assert self.code == 0, f"pulumi failed with {self.code}:\n{self.output}"
        return self

    def refused(self, *says: str) -> "Result":
        """Insist on a failure that says why, and shows no traceback."""
        assert self.code != 0, f"pulumi should have failed:\n{self.output}"
        for text in says:
            assert text in self.output, f"the message should say {text!r}:\n{self.output}"
        readable(self.output)
        return self


def readable(output: str) -> None:
    """Insist that a person can read it: nothing tells where a program was, or that there was one."""
    for text in ("Traceback", "KeyboardInterrupt", "RuntimeWarning", "unhandled error"):
        assert text not in output, f"a person reads this:\n{output}"


@dataclass(frozen=True)
class Pulumi:
    """The CLI in one folder and one environment."""

    folder: Path
    env: dict[str, str]

    def run(self, *arguments: str, longest: float = LONGEST) -> Result:
        """Run a command to its end, which must come within so many seconds."""
        started = time.monotonic()
        done = subprocess.run(
            ["pulumi", *arguments, *_QUIET],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=longest,
        )
        return Result(code=done.returncode, output=done.stdout, seconds=time.monotonic() - started)

    def json(self, *arguments: str) -> Any:
        """Run a command that prints JSON, which must succeed."""
        return json.loads(self.run(*arguments).ok().output)

    def start(self, *arguments: str) -> "Running":
        """Start a command in a process group of its own, to be interrupted."""
        process = subprocess.Popen(
            ["pulumi", *arguments, *_QUIET],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return Running(process)


class Running:
    """A command that is still at work."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.output = ""

    def read_until(self, *texts: str) -> None:
        """Read what it prints until a line has any of the texts."""
        assert self._process.stdout is not None, "its output is read"
        for line in self._process.stdout:
            self.output += line
            if any(text in line for text in texts):
                return
        raise AssertionError(f"it ended without {' or '.join(texts)}:\n{self.output}")

    def tell(self, number: int) -> Result:
        """Signal the engine and those of its process group, as a terminal or a runner does, and see its end."""
        os.killpg(self._process.pid, number)
        rest, _ = self._process.communicate(timeout=LONGEST)
        return Result(code=self._process.returncode, output=self.output + rest, seconds=0)

    def kill(self) -> None:
        """Kill the engine and all that it started, as the end of a job's container does.

        Its plugins have process groups of their own, and would look only every five minutes whether it is still there.
        """
        plugins = _children(self._process.pid)
        for group in (self._process.pid, *plugins):
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                os.killpg(group, signal.SIGKILL)
        self._process.wait()
        assert self._process.stdout is not None, "its output is read"
        self._process.stdout.close()


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for each in found for child in each.read_text().split()]
