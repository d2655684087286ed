"""What a chart generates again whenever it is rendered: passwords, keys, dates.

A password would be another one at every push, and the database behind it still have the first. Helm's answer is
`lookup`: a template asks for the Secret of the last release, and takes the password out of it. That works here, but
many charts do without. Such values are found by rendering twice without a cluster, where `lookup` finds nothing. Those
of Secrets stay as they were first made, with or without `lookup`; all others are reported.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from components.branch.autoscaled import texts_of
from stacks.branch.chart_rendering import metadata_of

_MAKES_UP = re.compile(
    rb"\{\{[^}]*(?<![.$\w])(rand[A-Z]\w+|gen[A-Z]\w+|uuidv4|now|bcrypt|htpasswd|encryptAES|shuffle)\b"
)
"""Functions of templates that give another value each time."""
_LOOKS_UP = re.compile(rb"\{\{[^}]*(?<![.$\w])lookup\b")
_FIELDS = ("data", "stringData")


class Drawn(NamedTuple):
    """What differs between two renderings of the same."""

    kept: dict[str, list[str]]
    """By a Secret's name, values of it as Pulumi's property paths."""
    moving: list[str]
    """Other objects, as kind and name."""


def makes_up(folder: Path) -> bool:
    """Whether a chart, or one in it, calls a function that gives another value each time.

    Args:
        folder: that holds Chart.yaml.
    """
    return any(_MAKES_UP.search(text) for text in texts_of(folder))


def looks_up(folder: Path) -> bool:
    """Whether it asks the cluster for what it has made up before: then what differs here may not do so in the cluster.

    Args:
        folder: that holds Chart.yaml.
    """
    return any(_LOOKS_UP.search(text) for text in texts_of(folder))


def compare(once: Sequence[Mapping[str, Any]], again: Sequence[Mapping[str, Any]]) -> Drawn:
    """Find what differs.

    Args:
        once: every object of a chart.
        again: the same, rendered again.
    """
    others = {_key(each): each for each in again}
    kept, moving = {}, []
    for each in once:
        other = others.get(_key(each), each)
        if each == other:
            continue
        if each.get("kind") == "Secret":
            kept[str(metadata_of(each).get("name"))] = sorted(_paths(each, other))
        else:
            moving.append(" ".join(_key(each)))
    return Drawn(kept, sorted(moving))


def moving_words(moving: Sequence[str]) -> str:
    """Say which objects change with every push.

    Args:
        moving: kind and name of each.
    """
    return (
        f"differs whenever the chart is rendered: {', '.join(moving)}. Every push changes it and rolls its pods, "
        "though nothing else has changed. If that is not meant, take randAlphaNum, now and the like out of its "
        "template, or out of what its checksum is taken of; values of a Secret are kept as they were first made"
    )


def _key(manifest: Mapping[str, Any]) -> tuple[str, str]:
    return str(manifest.get("kind")), str(metadata_of(manifest).get("name"))


def _paths(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    for field in _FIELDS:
        values, others = one.get(field) or {}, other.get(field) or {}
        yield from (f'{field}["{key}"]' for key, value in values.items() if others.get(key, value) != value)
