"""What a chart's values say of the ServiceAccount of its pods: its name, and to make none of its own."""

from collections.abc import Mapping
from typing import NamedTuple

from stacks.branch.chart_known import KnownValues
from stacks.settings.chart_source import ChartSource

_NAME, _CREATE = "serviceAccount.name", "serviceAccount.create"
"""As `helm create` calls them, and many charts after it."""


class AccountValues(NamedTuple):
    """What is set."""

    name: str | None
    """Where the account's name goes, as a dotted path; none for nowhere."""
    fixed: Mapping[str, bool]
    """Other values, by dotted path."""


def account_values(source: ChartSource, known: KnownValues) -> AccountValues:
    """Return what is set; what the environment file says itself stays.

    Args:
        source: what the environment file says of the chart.
        known: values of the chart.
    """
    paths = source.value_paths
    name = paths.service_account
    if "service_account" not in paths.model_fields_set and known.has(_NAME) and known.has(_CREATE):
        name = None if _given(source.values, _NAME) else _NAME
    parent = (name or _NAME).rpartition(".")[0]
    create = f"{parent}.create"
    is_open = bool(parent) and isinstance(known.at(create), bool) and not _given(source.values, create)
    return AccountValues(name, {create: False} if is_open else {})


def _given(values: object, path: str) -> bool:
    found = values
    for key in path.split("."):
        if not isinstance(found, Mapping) or key not in found:
            return False
        found = found[key]
    return True
