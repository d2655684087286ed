"""Commands that are timed, and requests that are sent meanwhile."""

import http.client
import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self

from local.errors import LocalError

if TYPE_CHECKING:
    import psutil

_PAUSE = 0.01
_TIMEOUT = 5.0
_LONGEST = 180.0
_SAMPLE = 0.05


@dataclass(frozen=True, kw_only=True)
class Command:
    """What is run."""

    arguments: Sequence[str]
    env: Mapping[str, str]
    folder: Path


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A command that has succeeded."""

    began: float
    seconds: float
    cpu: float
    """Processor seconds of it and of all that it waited for."""
    output: str


def run(command: Command, *, longest: float = _LONGEST) -> Ended:
    """Run a command to its end.

    Args:
        command: what to run.
        longest: seconds after which it is killed.

    Raises:
        LocalError: it failed, or did not end; carries what it printed.
    """
    with tempfile.TemporaryFile("w+") as log:
        began = time.perf_counter()
        process = _start(command, log)
        timer = threading.Timer(longest, process.kill)
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        output = log.read()
    if process.returncode != 0:
        raise LocalError(
            f"`{' '.join(command.arguments)}` ended with {process.returncode} after {seconds:.1f} s:\n{output}",
            "fix what it says, then run the same command again: what was measured before is kept",
        )
    return Ended(began=began, seconds=seconds, cpu=usage.ru_utime + usage.ru_stime, output=output)


def peak_memory(command: Command) -> int:
    """Run a command, and give the most memory, in bytes, that it and all below it had at any time.

    Shared pages count in parts (PSS). It is looked at every 50 ms, which costs time, so no such run is timed.
    """
    import psutil  # installed for the measurements alone, and the rest of this module is of use without

    peak = 0
    with tempfile.TemporaryFile("w+") as log:
        process = _start(command, log)
        top = psutil.Process(process.pid)
        while process.poll() is None:
            peak = max(peak, sum(map(_pss, [top, *_below(top)])))
            time.sleep(_SAMPLE)
        log.seek(0)
        if process.returncode != 0:
            raise LocalError(f"`{' '.join(command.arguments)}` failed:\n{log.read()}", "run the same command again")
    return peak


def _start(command: Command, log: IO[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        list(command.arguments),
        cwd=command.folder,
        env=dict(command.env),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
    )


def _below(process: "psutil.Process") -> "list[psutil.Process]":
    import psutil

    try:
        return list(process.children(recursive=True))
    except psutil.Error:
        return []


def _pss(process: "psutil.Process") -> int:
    import psutil

    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0  # it has just ended


@dataclass(frozen=True, kw_only=True)
class GatewayAnswer:
    """What a host answered through the gateway. Status 0: nothing did."""

    at: float
    status: int
    version: str = ""


class Requests:
    """Requests to one host, one after the other on connections of their own, for as long as the block runs."""

    def __init__(self, port: int, host: str) -> None:
        self._port, self._host = port, host
        self.answers: list[GatewayAnswer] = []

    def __enter__(self) -> Self:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def first(self, fits: Callable[[GatewayAnswer], bool], *, what: str, seconds: float = 60.0) -> GatewayAnswer:
        """Return the first answer that fits, and wait for it if need be.

        Raises:
            LocalError: none came in time.
        """
        end = time.perf_counter() + seconds
        while True:
            if found := next((answer for answer in self.answers if fits(answer)), None):
                return found
            if time.perf_counter() > end:
                last = self.answers[-1] if self.answers else "nothing"
                raise LocalError(f"{self._host}: {what}: not within {seconds:g} s; last: {last}", "run it again")
            time.sleep(_PAUSE)

    def _go_on(self) -> None:
        while not self._stop.wait(_PAUSE):
            self.answers.append(ask(self._port, self._host))


def ask(port: int, host: str) -> GatewayAnswer:
    """Send one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
    try:
        connection.request("GET", "/", headers={"Host": f"{host}:{port}"})
        response = connection.getresponse()
        body = response.read()
        version = str(json.loads(body).get("version", "")) if response.status == http.client.OK else ""
        return GatewayAnswer(at=time.perf_counter(), status=response.status, version=version)
    except (OSError, http.client.HTTPException):
        return GatewayAnswer(at=time.perf_counter(), status=0)
    finally:
        connection.close()
