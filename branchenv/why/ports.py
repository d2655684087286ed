"""On which port an app may listen, where nothing listens on the port that it should."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_HIGHEST = 65535
_VARIABLE = re.compile(r"(?:.*_)?PORT")
_ARGUMENT = re.compile(r"--?(?:[a-z-]*port|p)[= ]?(\d{2,5})|(?:0\.0\.0\.0|\[::\]|localhost|127\.0\.0\.1)?:(\d{2,5})")
_LISTENING = re.compile(r"listen|serving|server|running (?:on|at)|started (?:on|at)|bound to", re.IGNORECASE)
_IN_A_LINE = re.compile(
    r"(?P<host>0\.0\.0\.0|\[::1?\]|\*|localhost|127\.0\.0\.1):(?P<there>\d{2,5})\b"
    # Not the seconds of a time.
    r"|(?<![\w:\]]):(?P<anywhere>\d{2,5})\b(?!:)"
    r"|\bport\b\W{0,4}(?P<named>\d{2,5})\b",
    re.IGNORECASE,
)
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


class Hint(NamedTuple):
    """Where an app seems to listen. It is a hint to people: nothing is decided by it."""

    port: int
    source: str
    """What says so."""
    loopback: bool = False
    """Whether it listens where only its own pod reaches it."""


def number(port: int | str, container: Mapping[str, Any]) -> int:
    """Return a probe's port as a number, which may be the name of one of the container's."""
    if isinstance(port, int):
        return port
    named = {each.get("name"): each.get("containerPort", 0) for each in container.get("ports", ())}
    return int(named.get(port, 0))


def elsewhere(container: Mapping[str, Any], log: str, port: int) -> Hint | None:
    """Find out where the app listens instead.

    Args:
        container: of the pod's spec.
        log: what it printed.
        port: on which nothing listens at the pod's own address.
    """
    return next((each for each in _hints(container, log) if each.port != port or each.loopback), None)


def _hints(container: Mapping[str, Any], log: str) -> Iterator[Hint]:
    # The log is of what runs, the rest of what was asked for.
    for line in reversed(log.splitlines()):
        for found in _IN_A_LINE.finditer(line) if _LISTENING.search(line) else ():
            port = int(found["there"] or found["anywhere"] or found["named"])
            if port <= _HIGHEST:
                yield Hint(port, "its log", loopback=(found["host"] or "").lower() in _LOOPBACK)
    names = {each["name"] for each in container.get("env", ())}
    for variable in container.get("env", ()):
        value = variable.get("value", "")
        # A port beside a host is where somebody else listens.
        if variable["name"].removesuffix("PORT") + "HOST" in names:
            continue
        if _VARIABLE.fullmatch(variable["name"]) and value.isdecimal() and 0 < int(value) <= _HIGHEST:
            yield Hint(int(value), f"its variable {variable['name']}")
    for argument in (*container.get("command", ()), *container.get("args", ())):
        if named := _ARGUMENT.fullmatch(argument):
            yield Hint(int(named[1] or named[2]), f"its argument `{argument}`")
