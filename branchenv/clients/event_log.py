"""What Pulumi's engine says of an update, event by event: its event log, as its Automation API reads it too.

What the CLI prints is for people: outputs, progress and what apps wrote stand side by side there. The log tells which
resource failed and with which words.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VARIABLES = {"PULUMI_DEBUG_COMMANDS": "true"}
"""What the CLI must have in its environment to know `--event-log`."""
_STACK = "pulumi:pulumi:Stack"
_SAYS_NOTHING = (
    "update failed",
    "preview failed",
    "destroy failed",
    "refresh failed",
    "Resource monitor has terminated, shutting down",
)
"""What follows from another error."""


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
    """One error."""

    urn: str
    """Of the resource; empty, or the stack's, where it is of none."""
    message: str

    @property
    def type(self) -> str:
        """Type of the resource, e.g. `kubernetes:apps/v1:Deployment`; empty where it is of none."""
        return "" if self._type == _STACK else self._type

    @property
    def name(self) -> str:
        """Name of the resource in the program."""
        return self.urn.rpartition("::")[2]

    @property
    def of_kubernetes(self) -> bool:
        """Whether the cluster had to do with it."""
        return self.type.startswith("kubernetes:") or self.type == "pulumi:providers:kubernetes"

    def __str__(self) -> str:
        return f"{self.type} {self.name}: {self.message}" if self.type else self.message

    @property
    def _type(self) -> str:
        # urn:pulumi:<stack>::<project>::<types of its parents>$<type>::<name>
        return "::".join(self.urn.split("::")[2:-1]).rpartition("$")[2]


@dataclass(frozen=True, kw_only=True)
class EventLog:
    """What is known of one update."""

    begun: bool = False
    """Whether the engine began; else it is the CLI itself that failed."""
    errors: tuple[Diagnostic, ...] = ()


def read(file: Path) -> EventLog:
    """Read a log, of an update that may have been killed half-way; none is an update that never began."""
    # The CLI writes the last one in any case.
    found = [each for each in events(file) if "cancelEvent" not in each]
    diagnostics = [each["diagnosticEvent"] for each in found if "diagnosticEvent" in each]
    errors = [
        Diagnostic(urn=each.get("urn", ""), message=message)
        for each in diagnostics
        if each.get("severity") == "error" and (message := each.get("message", "").strip()) not in ("", *_SAYS_NOTHING)
    ]
    # The engine repeats some for the stack.
    return EventLog(begun=bool(found), errors=tuple(dict.fromkeys(errors)))


def summary(errors: Iterable[Diagnostic]) -> str:
    """Write errors for people, each message once."""
    by_message: dict[str, list[Diagnostic]] = {}
    for each in errors:
        by_message.setdefault(each.message, []).append(each)
    return "\n".join(
        f"{found[0]}" + (f" (and of {len(found) - 1} more)" if len(found) > 1 else "") for found in by_message.values()
    )


def events(file: Path) -> Iterator[Mapping[str, Any]]:
    """Return what a log holds, of a process that was killed up to its last whole line."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:
            # The last line of a process that was killed.
            return
