"""What an admission rule is, as the API server's ValidatingAdmissionPolicies have it, and the CEL that rules share."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.labels import SLUG_LABEL
from core.names import DIGIT_PREFIX


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One thing that must hold, and the message to a person if it does not."""

    name: str
    """Named in the message, in docs/security.md and in the tests."""
    holds: str
    """CEL."""
    because: str
    """CEL of the message's middle: what is wrong, with what was found."""
    fix: str


@dataclass(frozen=True, kw_only=True)
class Params:
    """Objects that rules look at, beside the one that is asked for."""

    api_version: str
    kind: str
    name: str = ""
    """Of one in the app's namespace. Empty: all in the request's own namespace that carry the app's label."""
    required: bool = False
    """Whether the request is refused where there is none."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The rules for some kinds."""

    name: str
    groups: tuple[str, ...]
    resources: tuple[str, ...]
    operations: tuple[str, ...]
    variables: dict[str, str]
    """CEL, by name; each may use those before it."""
    rules: tuple[Rule, ...]
    params: Params | None = None
    """What the rules read as `params`."""
    of_everybody: bool = False
    """Whether it holds for everybody but the deployer, instead of for the deployer alone."""
    everywhere: bool = False
    """Whether it holds in every namespace, and of namespaces themselves, whoever owns them."""


def text(value: str) -> str:
    """Write a CEL string."""
    return json.dumps(value, ensure_ascii=False)


def texts(values: Sequence[str]) -> str:
    """Write a CEL list of strings."""
    return json.dumps(list(values), ensure_ascii=False)


def literal(value: object) -> str:
    """Write a value of JSON as CEL of type `dyn`, as what stands in one list or map need not be of one type."""
    match value:
        case Mapping():
            inner = ", ".join(f"{text(str(key))}: {literal(each)}" for key, each in value.items())
            return f"dyn({{{inner}}})"
        case list() | tuple():
            return f"dyn([{', '.join(literal(each) for each in value)}])"
        case _:
            return f"dyn({json.dumps(value, ensure_ascii=False)})"


def label(holder: str, name: str) -> str:
    """Write the CEL of an object's label; of one that it does not have, of the empty string.

    Args:
        holder: CEL of the object.
        name: of the label.
    """
    return f'{holder}.metadata.?labels[?{text(name)}].orValue("")'


POD_GROUPS = ("apps", "batch")
POD_RESOURCES = ("deployments", "statefulsets", "jobs", "cronjobs")
"""What runs pods, of all that a branch may make."""
POD_TEMPLATE = 'request.kind.kind == "CronJob" ? dyn(object).spec.jobTemplate.spec.template : dyn(object).spec.template'
"""CEL of the template of its pods."""
SLUG_VARIABLES = {
    "slug": label("object", SLUG_LABEL),
    "stem": f'variables.slug.matches("^[0-9]") ? {text(DIGIT_PREFIX)} + variables.slug : variables.slug',
}
"""The slug that an object says it is of, and what it may therefore be called."""
