"""Texts of kubelets, registries and apps, made fit for a job's log and a note."""

import re

from branchenv.console import cut

_LINES = 10
_LONGEST = 300
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u2028\u2029]")
_UNITS = (("Ti", 2**40), ("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10))
_WRAPPED = re.compile(
    r"^(?:rpc error: code = \w+ desc = |Failed to pull image \"[^\"]*\": |failed to pull and unpack image \"[^\"]*\": "
    r"|failed to resolve reference \"[^\"]*\": |failed to do request: |Back-off pulling image \"[^\"]*\": "
    r"|(?:ErrImagePull|InvalidImageName): )"
)


def lines(log: str) -> tuple[str, ...]:
    """Return a log's last lines, without what would colour, fold or overwrite those around them."""
    kept = [_CONTROL.sub("", _ESCAPES.sub("", line.rpartition("\r")[2] or line)).rstrip() for line in log.split("\n")]
    return tuple(cut(line, _LONGEST) for line in kept if line)[-_LINES:]


def one_line(text: str) -> str:
    """Put a text on one line."""
    return cut(_flat(text), _LONGEST)


def last_cause(text: str) -> str:
    """Leave out what kubelet and containerd put before a registry's own words."""
    rest = _flat(text)
    while found := _WRAPPED.match(rest):
        rest = rest[found.end() :]
    return cut(rest, _LONGEST)


def _flat(text: str) -> str:
    return " ".join(_CONTROL.sub(" ", _ESCAPES.sub("", text)).split())


def amount(value: float) -> str:
    """Write an amount as Kubernetes does: 150m, 2, 64Mi."""
    for unit, size in _UNITS:
        if value >= size and value % size == 0:
            return f"{int(value // size)}{unit}"
    return f"{int(value)}" if value == int(value) else f"{round(value * 1000)}m"
