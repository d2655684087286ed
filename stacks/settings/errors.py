"""Every mistake in one message, each with its field, value, rule and fix."""

import difflib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import pulumi
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

Result = TypeVar("Result")

_MAX_VALUE = 80
HIDDEN = "(not shown: it may be a secret)"
# Whatever stands below these may be a secret.
PRIVATE = frozenset({"env", "loginCredentials", "values", "repositoryCredentials"})
# So may what stands below these, which are no keys here.
_OF_OTHER_TOOLS = frozenset({"environment", "services"})
# These may hold one by mistake.
_CONFUSED = frozenset({"jwks"})
_USER = re.compile(r"((?:https?|oci)://)[^/@\s\"]+@")
RENAMED = {
    "atCap": "onLimit",
    "but": "except",
    "inbound": "ingress",
    "longest": "maxLifetime",
    "maximum": "permissionsBoundaryPolicy",
    "most": "maxEnvironments",
    "outbound": "egress",
    "places": "valuePaths",
}
"""Keys of version 0.1, and what they are called now."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One mistake."""

    field: str
    value: str
    rule: str
    fix: str

    def __str__(self) -> str:
        return f"{self.field}\n    value: {self.value}\n    rule:  {self.rule}\n    fix:   {self.fix}"


class SettingsError(pulumi.RunError):
    """Settings that cannot be used. Pulumi shows its message alone, without a traceback."""

    def __init__(self, stack: str, problems: Sequence[Problem]) -> None:
        count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        listed = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"{count} in the settings of stack {stack}; nothing was created or changed\n{listed}")
        self.problems = tuple(problems)


def shown(value: object) -> str:
    """Show a value on one line, however long it is, and without the credentials that a URL may have."""
    text = _USER.sub(r"\1(not shown)@", json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= _MAX_VALUE else f"{text[: _MAX_VALUE - 3]}..."


def inline(value: object) -> str:
    """Write a value as it stands in a YAML file, in one line."""
    return json.dumps(value, ensure_ascii=False, default=str)


def nearest(word: str, known: Iterable[str]) -> str:
    """Name the known word that was probably meant, or all of them."""
    choices = sorted(known)
    close = difflib.get_close_matches(word, choices, n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else f"known here: {', '.join(choices)}"


def problems_of(error: ValidationError, model: type[BaseModel], where: str = "") -> list[Problem]:
    """Turn what the model found into mistakes that a person can act on.

    Args:
        error: all that is wrong with the input.
        model: the model that refused it, for the names it knows.
        where: put before every field, e.g. the file's name.
    """
    found = error.errors(include_url=False)
    # Items that are mistaken are not counted, and the list is then called too short: which it is not.
    emptied = {each["loc"][:length] for each in found for length in range(len(each["loc"]))}
    kept = [each for each in found if not (each["type"] == "too_short" and each["loc"] in emptied)]
    return [_problem(details, model, where) for details in kept]


def _problem(details: ErrorDetails, model: type[BaseModel], where: str) -> Problem:
    path = [part for part in details["loc"] if not (isinstance(part, str) and _is_marker(part))]
    found = details["input"]
    if at := details.get("ctx", {}).get("at"):
        path = [*path, at]
        found = found.get(at) if isinstance(found, dict) else found
    name = _dotted(path)
    field = f"{where}: {name}" if where and name else where or name
    rule, fix = _rule_and_fix(details, model, path)
    missing = details["type"] == "missing" or found is None
    private = not (PRIVATE | _OF_OTHER_TOOLS).isdisjoint(path) or not _CONFUSED.isdisjoint(path)
    value = "(none)" if missing else HIDDEN if private else shown(found)
    return Problem(field=field, value=value, rule=rule, fix=fix)


def _rule_and_fix(details: ErrorDetails, model: type[BaseModel], path: Sequence[int | str]) -> tuple[str, str]:
    kind, context = details["type"], details.get("ctx", {})
    if kind == "rule":
        return str(context["rule"]), str(context["fix"]).replace("<key>", str(path[-1]) if path else "<key>")
    if kind == "extra_forbidden":
        parent = _model_at(model, path[:-1])
        known = [field.alias or name for name, field in parent.model_fields.items()] if parent else []
        key = str(path[-1])
        if RENAMED.get(key) in known:
            return f"this key is called {RENAMED[key]} now", f"write {RENAMED[key]} instead of {key}"
        # Imported here: it knows the environment file, and a base stack has none.
        from stacks.settings.habits import translation

        explained = translation(key, details["input"]) if parent and "env" in parent.model_fields else None
        return explained or ("this key is not known here", nearest(key, known))
    described = _field_at(model, path)
    rule = details["msg"][:1].lower() + details["msg"][1:]
    if described is None:
        return rule, "see schemas/environment.schema.json for what is allowed"
    key = next((part for part in reversed(path) if isinstance(part, str) and _is_key(part, described)), "")
    text = " ".join((described.description or "").split())
    example = _example(described)
    if example is None or not key:
        return rule, text or "give a value that fits"
    if kind == "string_pattern_mismatch":
        # Patterns are for programs.
        rule = "it is not of the form that is asked for"
    return rule, f"write e.g. {key}: {inline(example)}" + (f" ({text.rstrip('.')})" if text else "")


def _is_key(part: str, field: FieldInfo) -> bool:
    return field.alias == part or field.alias is None


def _example(field: FieldInfo) -> object:
    """Return a value that would do; None where there is none to show."""
    for each in (field, *_infos(field.annotation)):
        if each.examples:
            return each.examples[0]
    default = field.get_default()
    return default if isinstance(default, str | int) and default not in ("", False) else None


def _infos(annotation: object) -> Iterator[FieldInfo]:
    """Return what is said of a type inside of a field's, as of the text in `text | None`."""
    for each in get_args(annotation):
        if isinstance(each, FieldInfo):
            yield each
        yield from _infos(each)


def _is_marker(part: str) -> bool:
    # <tags> of unions, and [key] for the key of a mapping.
    return (part.startswith("<") and part.endswith(">")) or part == "[key]"


def _dotted(path: Sequence[int | str]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _field_at(model: type[BaseModel], path: Sequence[int | str]) -> FieldInfo | None:
    names = [part for part in path if isinstance(part, str)]
    while names:
        parent = _model_at(model, path[: len(path) - 1])
        if parent is not None and (found := _field(parent, names[-1])) is not None:
            return found
        path = path[:-1]
        names = [part for part in path if isinstance(part, str)]
    return None


def _field(model: type[BaseModel], key: str) -> FieldInfo | None:
    return next((field for name, field in model.model_fields.items() if key in {field.alias, name}), None)


def _model_at(model: type[BaseModel], path: Sequence[int | str]) -> type[BaseModel] | None:
    """Follow a path of keys and indexes down to the model that has the last one."""
    at: Any = model
    for part in path:
        if isinstance(at, type) and issubclass(at, BaseModel):
            field = _field(at, str(part))
            at = field.annotation if field else None
        else:
            # Into a list, tuple or mapping: what it holds is its last type argument but `...`.
            inner = [each for each in get_args(at) if each is not Ellipsis]
            at = inner[-1] if inner else None
        at = _unwrapped(at)
    return at if isinstance(at, type) and issubclass(at, BaseModel) else None


def _unwrapped(annotation: object) -> object:
    """Take off Annotated and Optional, and choose the model among several alternatives."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in {Union, UnionType}:
        options = [_unwrapped(each) for each in get_args(annotation) if each is not type(None)]
        models = [each for each in options if isinstance(each, type) and issubclass(each, BaseModel)]
        return (models or options)[0]
    return annotation


class Findings:
    """Collects mistakes over several steps, so that a person hears of all of them at once."""

    def __init__(self, stack: str) -> None:
        self._stack = stack
        self._errors: list[SettingsError] = []

    def attempt(self, step: Callable[[], Result]) -> Result | None:
        """Take one step; keep its mistakes and go on without its result."""
        try:
            return step()
        except SettingsError as e:
            self._errors.append(e)
            return None

    def raise_any(self) -> None:
        """Stop if any step found a mistake.

        Raises:
            SettingsError: with all of them.
        """
        if self._errors:
            found = [problem for error in self._errors for problem in error.problems]
            raise SettingsError(self._stack, found) from self._errors[0]
