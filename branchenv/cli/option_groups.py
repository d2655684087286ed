"""Options that several commands share: a dataclass whose fields are options, taken as one parameter.

Typer reads options from a function's parameters alone. `flattened` gives it a function that has the fields of every
such dataclass as parameters of its own, and calls the command with the dataclass made of them.
"""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, get_type_hints


def flattened(command: Callable[..., None]) -> Callable[..., None]:
    """Replace parameters that are dataclasses by their fields.

    Args:
        command: a function for Typer. Every field of such a dataclass has a default.

    Returns:
        A function that takes options alone, with the documentation of the given one.
    """
    parameters: list[inspect.Parameter] = []
    groups: dict[str, type[Any]] = {}
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        if is_dataclass(parameter.annotation) and isinstance(parameter.annotation, type):
            groups[parameter.name] = parameter.annotation
            parameters += _options(parameter.annotation)
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    def call(**values: object) -> None:
        made = {
            name: group(**{each.name: values.pop(each.name) for each in fields(group)})
            for name, group in groups.items()
        }
        command(**values, **made)

    call.__doc__ = command.__doc__
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # as `inspect` has it
    return call


def _options(group: type[Any]) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            each.name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=hints[each.name],
            default=each.default if each.default is not MISSING else inspect.Parameter.empty,
        )
        for each in fields(group)
    ]
