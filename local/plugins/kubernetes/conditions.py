"""The `pulumi.com/waitFor` annotation: what an object must show before it counts as ready.

Forms, as with the official provider: `jsonpath={.path}`, `jsonpath={.path}=value`, `condition=Type`,
`condition=Type=Status`, or a JSON array of these, all of which must hold.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_EXPRESSION = re.compile(r"\{\s*(.*?)\s*\}")


class ConditionError(Exception):
    """The annotation cannot be understood. The message says which part, and what is expected."""


@dataclass(frozen=True)
class Condition:
    """One thing to wait for: its text, and a check that says whether an object shows it and what was found instead."""

    text: str
    check: Callable[[dict[str, Any]], tuple[bool, str]]


def parse(annotation: str) -> list[Condition]:
    """The conditions in an annotation.

    Raises:
        ConditionError: it is neither of the forms above.
    """
    expressions = _expressions(annotation)
    if not expressions:
        raise ConditionError("pulumi.com/waitFor: at least one condition must be specified")
    return [_condition(expression) for expression in expressions]


def _expressions(annotation: str) -> list[str]:
    try:
        listed = json.loads(annotation)
    except ValueError:
        return [annotation]
    if isinstance(listed, list) and all(isinstance(e, str) for e in listed):
        return listed
    raise ConditionError(f"pulumi.com/waitFor: expected a JSON array of strings, got {annotation!r}")


def _condition(expression: str) -> Condition:
    form, _, rest = expression.partition("=")
    if form == "condition" and rest:
        wanted, _, status = rest.partition("=")
        return _status_condition(wanted, status or "True")
    if form == "jsonpath" and rest:
        return _path_condition(rest)
    raise ConditionError(f'pulumi.com/waitFor: expected a "jsonpath=" or "condition=" prefix, got {expression!r}')


def _status_condition(wanted: str, status: str) -> Condition:
    def check(obj: dict[str, Any]) -> tuple[bool, str]:
        for condition in (obj.get("status") or {}).get("conditions") or []:
            if condition.get("type") == wanted:
                if condition.get("status") == status:
                    return True, ""
                parts = [f"is {condition.get('status')}", condition.get("reason"), condition.get("message")]
                return False, ": ".join(p for p in parts if p)
        return False, "is not there yet"

    return Condition(f"condition {wanted}={status}", check)


def _path_condition(rest: str) -> Condition:
    from jsonpath import JSONPathError, compile  # noqa: A004 (imported only where the annotation is used)

    # A single "=" divides path and value; "==" belongs to a filter inside the path.
    parts = re.split(r"(?<![=!<>])=(?!=)", rest)
    match = _EXPRESSION.fullmatch(parts[0])
    if len(parts) > 2 or match is None:
        raise ConditionError(
            f"pulumi.com/waitFor: expected jsonpath={{.path}} or jsonpath={{.path}}=value, got {rest!r}"
        )
    if len(parts) == 2 and not parts[1]:
        raise ConditionError(f"pulumi.com/waitFor: {parts[0]}= requires a value")
    path = match[1] if match[1].startswith("$") else f"${match[1]}"
    try:
        query = compile(path)
    except JSONPathError as e:
        raise ConditionError(f"pulumi.com/waitFor: {parts[0]!r} is not a JSONPath: {e}") from e
    wanted = parts[1] if len(parts) == 2 else None

    def check(obj: dict[str, Any]) -> tuple[bool, str]:
        status = obj.get("status") or {}
        observed = status.get("observedGeneration")
        if observed is not None and observed < obj["metadata"].get("generation", 0):
            return False, "status is of an earlier generation"
        found = query.findall(obj)
        if not found:
            return False, "selected nothing"
        if wanted is None:
            return True, ""
        text = _text(found[0])
        return text == wanted, f"found {text!r}"

    return Condition(rest, check)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if not isinstance(value, dict | list) else json.dumps(value)
