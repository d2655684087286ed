"""An environment's record <-> Pulumi's stack tags: text by name, `branch`, `merge-request` and so on.

`pulumi stack ls --tag branch=feature/login` finds an environment by them.
"""

import types
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from branchenv.model.records import Tags


@cache
def names() -> dict[str, str]:
    """Return every tag's name by its field in `Tags`."""
    return {field.name: field.name.replace("_", "-") for field in fields(Tags)}


def encode(tags: Tags) -> dict[str, str]:
    """Return the tags as text; what is not known has none."""
    values = {name: getattr(tags, field) for field, name in names().items()}
    return {
        name: _text(value) for name, value in values.items() if value is not None and value is not False and value != ""
    }


def decode(texts: Mapping[str, str]) -> Tags:
    """Read tags.

    Args:
        texts: all tags of a stack; those of others are left out, and so is one that cannot be read: tags are notes, and
            a damaged one must not hide the environment.
    """
    known: dict[str, Any] = {}
    for field, name in names().items():
        if name in texts:
            try:
                known[field] = _value(texts[name], _kinds()[field])
            except ValueError:
                continue
    return Tags(**known)


def merge(texts: Mapping[str, str], tags: Tags) -> dict[str, str]:
    """Return a stack's tags with ours renewed, and those of others as they were."""
    own = set(names().values())
    return {**{name: text for name, text in texts.items() if name not in own}, **encode(tags)}


@cache
def _kinds() -> dict[str, type]:
    """Return the type of each field, of `X | None` the X."""
    hints = get_type_hints(Tags)
    return {
        name: next(each for each in get_args(hint) if each is not type(None))
        if get_origin(hint) is types.UnionType
        else hint
        for name, hint in hints.items()
    }


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _value(text: str, kind: type) -> object:
    if kind is datetime:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if kind is bool:
        return text == "true"
    return kind(text)
