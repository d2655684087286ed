"""Where a base stack publishes its contract: in an object of its cluster.

Not in outputs that branch stacks would read: whoever reads a stack's outputs opens its state, in which its secrets lie.
The object is in a namespace of the base stack's own, where no branch may write. The stack's name is enough to find it.
"""

import json
from http import HTTPStatus
from typing import Any, Protocol

from core.contract import VERSION, Base
from core.json_fields import MismatchError, dump, load

CONFIG_MAP = "contract"
"""Name of the ConfigMap."""
KEY = "contract.json"
"""Of its data."""
READER = "contract-reader"
"""Role that lets one read it."""
BASE_LABEL = "branch-environments/base"
CONTRACT_LABEL = "branch-environments/contract"
CLUSTER_ID_PATH = "/api/v1/namespaces/kube-system"
"""Of the object whose UID tells a cluster from every other: it is made with the cluster and never deleted."""

_PREFIX = "branch-environments-"
MAX_BASE = 63 - len(_PREFIX)
"""Characters of a base stack's name, as its namespace's is a DNS label."""
UNDERSTOOD = (200, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
"""Statuses of answers that `read` can tell something of."""


class ContractError(Exception):
    """A contract that cannot be used."""

    def __init__(self, rule: str, fix: str) -> None:
        super().__init__(rule)
        self.rule = rule
        self.fix = fix


class HttpResponse(Protocol):
    """Of the API server."""

    @property
    def status_code(self) -> int:
        """Of HTTP."""

    def json(self) -> Any:  # noqa: ANN401 - JSON
        """Return the object."""


def namespace(base: str) -> str:
    """Return the namespace of a base stack's contract."""
    return f"{_PREFIX}{base}"


def path(base: str) -> str:
    """Return the API path of a base stack's contract."""
    return f"/api/v1/namespaces/{namespace(base)}/configmaps/{CONFIG_MAP}"


def written(contract: Base) -> dict[str, str]:
    """Write a contract as the data of its ConfigMap."""
    return {KEY: json.dumps(dump(contract), indent=2, sort_keys=True)}


def read(answer: HttpResponse, base: str) -> Base:
    """Read a contract.

    Args:
        answer: to a GET of its `path`. Other refusals than that it is not there, or not to be read, are the caller's.
        base: name of the base stack.

    Raises:
        ContractError: it is not there, may not be read, or is of another version.
    """
    up, switch = f"pulumi up -s {base}", "kubectl config use-context <context>"
    if answer.status_code == HTTPStatus.NOT_FOUND:
        raise ContractError(
            f"this cluster has no base stack {base}: it was never brought up here, or by an older program",
            f"choose the cluster of {base}: {switch}; or name another base stack; or bring it up: {up}",
        )
    if answer.status_code == HTTPStatus.FORBIDDEN:
        raise ContractError(
            f"you may not read {namespace(base)}/{CONFIG_MAP}: {base} is not up in this cluster, or you lack access",
            f"choose the cluster of {base}: {switch}; or come as the app's deployer; or let the platform team bind the "
            f"Role {READER} to you",
        )
    try:
        found = json.loads(answer.json()["data"][KEY])
        version = found["contract"]
    except (KeyError, TypeError, ValueError) as e:
        raise ContractError(f"the contract of {base} is damaged: {e!r}", f"run: {up}") from e
    if version != VERSION:
        older = isinstance(version, int | float) and version < VERSION
        raise ContractError(
            f"{base} has contract {version}, and this program needs contract {VERSION}",
            f"bring the base up to this program: {up}" if older else f"use the program that {base} was brought up with",
        )
    try:
        return load(Base, found)
    except MismatchError as e:
        raise ContractError(f"the contract of {base} is damaged: {e}", f"run: {up}") from e
