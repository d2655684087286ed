"""Pulumi config -> settings: the only place that reads config."""

import json
from collections.abc import Callable, Mapping
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin

from pulumi.runtime import get_config_env
from pulumi.runtime.config import CONFIG
from pydantic import ValidationError

from components.strict import Strict
from stacks.settings.errors import HIDDEN, PRIVATE, Problem, SettingsError, nearest, problems_of, shown

# Every key that Pulumi.yaml declares has a default there, as Pulumi demands a key without one of every stack of the
# project, of either kind. These defaults mean "not given".
NOT_GIVEN = frozenset({"", "0", "[]", "{}", "false"})
# A branch may be called 0, and an empty one is a mistake: its default is what no branch can be called.
NO_BRANCH = "(slug of the stack)"

Model = TypeVar("Model", bound=Strict)


def read(model: type[Model], project: str, stack: str, *, other_model: Callable[[], type[Strict]], owner: str) -> Model:
    """Read the config of one kind of stack.

    Args:
        model: what it may say.
        project: name of the Pulumi project.
        stack: for the messages.
        other_model: the model of the other kind of stack, asked for only when a key is not known.
        owner: what the other kind of stack is called.

    Raises:
        SettingsError: with every mistake.
    """
    known = _defaults(model)
    problems: list[Problem] = []
    values: dict[str, object] = {}
    for key, text in sorted(given(project).items()):
        field, remove = f"{project}:{key}", f"pulumi config rm {key} -s {stack}"
        if key in known:
            try:
                values[key] = _value(model, key, text)
            except ValueError:
                rule, fix = (
                    "this value has parts",
                    f"set its parts: pulumi config set --path '{key}.<part>' ...",
                )
                value = HIDDEN if key in PRIVATE else shown(text)
                problems.append(Problem(field=field, value=value, rule=rule, fix=fix))
        elif key not in (others := _defaults(other_model())):
            rule, fix = (
                "this key is not known here",
                f"{nearest(key, known)} To take it out: {remove}",
            )
            problems.append(Problem(field=field, value=shown(text), rule=rule, fix=fix))
        elif text != others[key]:
            rule, fix = (
                f"this key belongs to {owner}",
                f"set it there, and take it out here: {remove}",
            )
            problems.append(Problem(field=field, value=shown(text), rule=rule, fix=fix))
    try:
        settings = model.model_validate(values)
    except ValidationError as e:
        found = [each for each in problems_of(e, model, project) if each.field not in {p.field for p in problems}]
        raise SettingsError(stack, [*problems, *found]) from e
    if problems:
        raise SettingsError(stack, problems)
    return settings


def given(project: str) -> dict[str, str]:
    """Return what was really set of the project's config, as text by bare key."""
    # A language host leaves config in the one place or the other.
    config: Mapping[str, Any] = {**get_config_env(), **CONFIG.get()}
    bare = {key.partition(":")[2]: text for key, text in config.items() if key.startswith(f"{project}:")}
    return {key: str(text) for key, text in bare.items() if text not in ({NO_BRANCH} if key == "branch" else NOT_GIVEN)}


def _defaults(model: type[Strict]) -> dict[str, str]:
    return {field.alias or name: str(field.default) for name, field in model.model_fields.items()}


def _value(model: type[Strict], key: str, text: str) -> object:
    # Pulumi hands over objects and lists as JSON, everything else as it was written.
    if not is_structured(model, key):
        return text
    value = json.loads(text)
    if not isinstance(value, dict | list):
        raise ValueError(key)  # noqa: TRY004 - as json.loads does: the text is wrong, not a type in this program
    return value


def is_structured(model: type[Strict], key: str) -> bool:
    """Whether a key holds a list or an object rather than text."""
    annotation = next(field.annotation for name, field in model.model_fields.items() if key in {field.alias, name})
    # Of a key that may be left out, what it is when it is there.
    kinds = get_args(annotation) if get_origin(annotation) is UnionType else (annotation,)
    return any(
        get_origin(each) in {tuple, dict} or (isinstance(each, type) and issubclass(each, Strict)) for each in kinds
    )
