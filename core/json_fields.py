"""Dataclasses as JSON and back: keys in camelCase, durations in seconds, nothing that is not given."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import timedelta
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Model = TypeVar("Model")


def camel(name: str) -> str:
    """Write a field's name as a key."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


JSON_FIELDS: dict[str, Any] = {
    "alias_generator": camel,
    "ser_json_timedelta": "float",
    "use_attribute_docstrings": True,
}
"""The same said to pydantic, which makes the published JSON Schema of them."""


class MismatchError(ValueError):
    """Data that does not fit its model."""


def dump(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a dataclass as JSON has it; a field that is None is left out."""
    if is_dataclass(value):
        found = {camel(each.name): getattr(value, each.name) for each in fields(value)}
        return {key: dump(each) for key, each in found.items() if each is not None}
    if isinstance(value, Mapping):
        return {key: dump(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [dump(each) for each in value]
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
        return int(seconds) if seconds.is_integer() else seconds
    return value


def load(model: type[Model], data: Any, at: str = "") -> Model:  # noqa: ANN401 - JSON
    """Read a dataclass; keys that it does not know are left out, as a newer writer may know more.

    Args:
        model: the dataclass.
        data: as JSON has it.
        at: where that is, for the message.

    Raises:
        MismatchError: something is missing or of another type; says where.
    """
    if not isinstance(data, dict):
        raise MismatchError(f"{at or 'all'} is no object")
    hints = get_type_hints(model)
    given: dict[str, Any] = {}
    for each in fields(model):  # type: ignore[arg-type] # a dataclass, whatever its type
        key = camel(each.name)
        place = f"{at}.{key}" if at else key
        if key in data:
            given[each.name] = _value(hints[each.name], data[key], place)
        elif _is_required(each):
            raise MismatchError(f"{place} is missing")
    return model(**given)


def _is_required(field: "Field[Any]") -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _value(kind: Any, value: Any, at: str) -> Any:  # noqa: ANN401 - a type, JSON; one answer for each kind of type
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin in (Union, UnionType):
        (present,) = (each for each in inner if each is not NoneType)
        return None if value is None else _value(present, value, at)
    if origin is Literal and value in inner:
        return value
    if origin is tuple and isinstance(value, list):
        return tuple(_value(inner[0], each, f"{at}[{index}]") for index, each in enumerate(value))
    if origin is not None and issubclass(origin, Mapping) and isinstance(value, dict):
        return {key: _value(inner[1], each, f"{at}.{key}") for key, each in value.items()}
    if is_dataclass(kind):
        return load(kind, value, at)  # type: ignore[arg-type] # no instance
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is timedelta and is_number:
        return timedelta(seconds=value)
    if kind is float and is_number:
        return float(value)
    if origin is None and isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    raise MismatchError(f"{at} cannot be {value!r}")
