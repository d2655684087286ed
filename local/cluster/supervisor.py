"""Talking to the cluster's supervisor over its Unix socket."""

import xmlrpc.client
from dataclasses import dataclass
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from local.errors import LocalError
from local.paths import LOGS, SUPERVISOR_SOCKET


@dataclass(frozen=True, kw_only=True)
class Status:
    """One line of `make status`."""

    name: str
    state: str
    pid: int
    seconds: int


class Supervisor:
    """The supervisor's XML-RPC interface, as far as it is needed here."""

    def __init__(self) -> None:
        proxy = xmlrpc.client.ServerProxy(
            "http://cluster", SupervisorTransport(serverurl=f"unix://{SUPERVISOR_SOCKET}")
        )
        self._rpc: Any = proxy.supervisor

    def answers(self) -> bool:
        """Whether it is up and answers."""
        try:
            return bool(self._rpc.getState()["statename"] == "RUNNING")
        except (OSError, xmlrpc.client.Error):
            return False

    def start(self, name: str) -> None:
        """Start a process unless it runs. Does not wait until it has settled."""
        try:
            self._rpc.startProcess(name, False)
        except xmlrpc.client.Fault as fault:
            if "ALREADY_STARTED" not in fault.faultString:
                raise LocalError(
                    f"the supervisor could not start {name}: {fault.faultString}",
                    f"read {LOGS / name}.log, then run the command again",
                ) from fault

    def take_over(self, names: list[str]) -> None:
        """Read the configuration file again, and take what it says of these processes; not of any other.

        A process that is new, or described otherwise than before, is then stopped; `start` it.
        """
        added, changed, _ = self._rpc.reloadConfig()[0]
        for name in names:
            if name in changed:
                self._rpc.stopProcessGroup(name)
                self._rpc.removeProcessGroup(name)
            if name in added or name in changed:
                self._rpc.addProcessGroup(name)

    def statuses(self) -> list[Status]:
        """All processes, as the supervisor sees them."""
        return [
            Status(
                name=info["name"],
                state=info["statename"],
                pid=info["pid"],
                seconds=max(0, info["now"] - info["start"]) if info["pid"] else 0,
            )
            for info in self._rpc.getAllProcessInfo()
        ]

    def failed(self) -> list[str]:
        """Names of the processes that the supervisor has given up on."""
        return [status.name for status in self.statuses() if status.state == "FATAL"]
