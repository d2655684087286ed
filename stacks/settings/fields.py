"""Types of fields that several settings share."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from components.strict import broken
from core import durations
from core.names import is_slug

LABEL = r"[a-z](?:-?[a-z0-9])*"
# With a slug of at most 40 characters and a dot, a stack name stays below Pulumi's 100.
MAX_APP = 50
# With a slug in front, a host name stays below 253 characters.
_MAX_DOMAIN = 200
NEVER = "never"
_CLUSTERS_OWN = frozenset({"default", "istio-system"})


def _domain(value: object) -> object:
    if isinstance(value, str) and (fault := _domain_fault(value)):
        raise broken(fault, "write the bare domain below which branches get their names, e.g. shop.localhost")
    return value


def _domain_fault(domain: str) -> str:
    labels = domain.split(".")
    if "*" in domain:
        return "a domain has no wildcard: the Gateway adds it"
    if domain != domain.lower():
        return "a domain is written in lower case"
    if domain.endswith("."):
        return "a domain has no trailing dot"
    if "_" in domain:
        return "a host name has no underscore"
    if len(domain) > _MAX_DOMAIN:
        return f"a domain has at most {_MAX_DOMAIN} characters, as a branch's name comes before it"
    if not all(_is_label(label) for label in labels):
        return "a domain is labels of a-z, 0-9 and dashes, of at most 63 characters, joined by dots"
    return ""


def _is_label(text: str) -> bool:
    allowed = set("abcdefghijklmnopqrstuvwxyz0123456789-")
    return 0 < len(text) <= 63 and set(text) <= allowed and text[0] != "-" != text[-1]


def branch_namespace(value: object) -> object:
    """Refuse a namespace that is the cluster's."""
    if isinstance(value, str) and (value in _CLUSTERS_OWN or value.startswith("kube-")):
        raise broken(
            "this namespace belongs to the cluster",
            "give the app a namespace of its own, e.g. its name",
        )
    return value


def own_service_account(value: object) -> object:
    """Refuse the account that pods share without knowing."""
    if value == "default":
        raise broken(
            "`default` is the account of every pod that names none",
            "name another, e.g. the app's name",
        )
    return value


def possible_slug(value: object) -> object:
    """Refuse what no branch could be called."""
    if isinstance(value, str) and not is_slug(value):
        raise broken(
            "a reserved slug is what a branch could be called: at most 40 of a-z, 0-9 and single dashes",
            "write it as it stands before the domain, e.g. staging",
        )
    return value


def seconds(duration: str) -> int | None:
    """Return a checked duration in seconds.

    Args:
        duration: as `Duration` and `DurationOrNever` take it.

    Returns:
        None for `never`.
    """
    return None if duration == NEVER else round(durations.parse(duration).total_seconds())


def duration(text: str) -> timedelta | None:
    """Return a checked duration to the second; None for `never`."""
    found = seconds(text)
    return None if found is None else timedelta(seconds=found)


def _duration(value: object) -> object:
    if isinstance(value, str):
        try:
            durations.parse(value)
        except ValueError as e:
            raise broken("this is no duration", durations.FIX) from e
    return value


def _duration_or_never(value: object) -> object:
    if value == NEVER:
        return value
    checked = _duration(value)
    if isinstance(checked, str) and not seconds(checked):
        raise broken("no time at all is no limit", f"write e.g. 7d, or {NEVER}")
    return checked


def _arn(pattern: str, example: str) -> BeforeValidator:
    def check(value: object) -> object:
        if isinstance(value, str) and not re.fullmatch(pattern, value):
            raise broken("this is not the ARN of such a thing", f"write it as AWS prints it, e.g. {example}")
        return value

    return BeforeValidator(check)


Name = Annotated[str, Field(pattern=rf"^{LABEL}$", max_length=63)]
Domain = Annotated[str, BeforeValidator(_domain), WithJsonSchema({"type": "string", "format": "hostname"})]


Duration = Annotated[str, BeforeValidator(_duration), WithJsonSchema({"type": "string", "pattern": durations.PATTERN})]
DurationOrNever = Annotated[
    str,
    BeforeValidator(_duration_or_never),
    WithJsonSchema({"type": "string", "pattern": f"{durations.PATTERN}|^{NEVER}$"}),
]
Namespace = Annotated[Name, BeforeValidator(branch_namespace)]
ServiceAccount = Annotated[Name, BeforeValidator(own_service_account)]
Slug = Annotated[str, BeforeValidator(possible_slug)]
RoleArn = Annotated[
    str,
    _arn(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", "arn:aws:iam::123456789012:role/shop"),
]
PolicyArn = Annotated[
    str,
    _arn(
        r"arn:aws[a-z-]*:iam::(aws|\d{12}):policy/[\w+=,.@/-]+",
        "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
    ),
]
CertificateArn = Annotated[
    str,
    _arn(
        r"arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[\w-]+",
        "arn:aws:acm:eu-west-1:123456789012:certificate/1234abcd-12ab-34cd-56ef-1234567890ab",
    ),
]
WebAclArn = Annotated[
    str,
    _arn(
        r"arn:aws[a-z-]*:wafv2:[a-z0-9-]+:\d{12}:regional/webacl/[\w-]+/[\w-]+",
        "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/branches/1234abcd-12ab-34cd-56ef-1234567890ab",
    ),
]
