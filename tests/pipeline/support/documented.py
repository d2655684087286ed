"""The rights that docs/gitlab.md has people give to the jobs, read out of it as they would paste them."""

import json
import re
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.pipeline.support.iam import ACCOUNT, Policy
from tests.readme import blocks

DOCUMENT = Path(__file__).resolve().parents[3] / "docs/gitlab.md"
_ACCOUNT_THERE = "111122223333"


@dataclass(frozen=True, kw_only=True)
class GoogleGrant:
    """One `gcloud ... add-iam-policy-binding`."""

    of: str
    """What it is a binding of: `service-accounts`, `buckets` or `keys`."""
    role: str
    member: str
    condition: str
    """In CEL. Empty: none."""


def aws_policies() -> tuple[Policy, Policy]:
    """Return the role's trust policy and its permissions, in the account of the simulator."""
    text = DOCUMENT.read_text(encoding="utf-8").replace(_ACCOUNT_THERE, ACCOUNT).replace("<key id>", "k-1")
    trust, permissions = (json.loads(block.text) for block in blocks(text) if block.language == "json")
    return trust, permissions


def google_grants() -> list[GoogleGrant]:
    """Return every role that is given to somebody."""
    return [
        GoogleGrant(of=words[1], role=options["role"], member=options["member"], condition=_expression(options))
        for words, options in _gcloud()
        if "add-iam-policy-binding" in words
    ]


def google_provider() -> dict[str, str]:
    """Return the options of the workload identity provider."""
    (found,) = (options for words, options in _gcloud() if "create-oidc" in words)
    return found


def _expression(options: dict[str, str]) -> str:
    given = options.get("condition", "None")
    return "" if given == "None" else given.partition("expression=")[2].strip()


@cache
def _gcloud() -> list[tuple[list[str], dict[str, Any]]]:
    """Return every gcloud command, without `gcloud`: its words, and its options by name."""
    found = []
    for block in blocks(DOCUMENT.read_text(encoding="utf-8")):
        if block.language != "bash":
            continue
        text = block.text
        for name, value in re.findall(r"^(\w+)=(\S+)$", text, re.MULTILINE):
            text = text.replace(f"${name}", value)
        for command in re.findall(r"^gcloud (.*(?:\n[ ]+.*)*)", text, re.MULTILINE):
            words = shlex.split(command.replace("\\\n", " "))
            options = dict(word[2:].partition("=")[::2] for word in words if word.startswith("--"))
            found.append(([word for word in words if not word.startswith("--")], options))
    return found
