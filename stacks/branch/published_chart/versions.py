"""What a person may have meant by a version or a name that is not there."""

import difflib
import re
from collections.abc import Collection

from stacks.branch.published_chart.refusal import ChartError
from stacks.settings.chart_source import PublishedChart

_NUMBERS = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(.*)")
_SHOWN = 4


def no_such_version(chart: PublishedChart, known: Collection[str]) -> ChartError:
    """Say that a chart has no such version, and which it has.

    Args:
        chart: that was asked for.
        known: its versions.
    """
    ordered = sorted({each for each in known if _NUMBERS.fullmatch(each)}, key=_order)
    if not ordered:
        return ChartError("version", f"{chart.repository} has no version of {chart.name}", "write another chart")
    newest = next((each for each in reversed(ordered) if not _is_early(each)), ordered[-1])
    close = difflib.get_close_matches(chart.version, reversed(ordered), n=_SHOWN, cutoff=0.6)
    near = ", ".join(sorted(close, key=_order)) or "none near"
    return ChartError(
        "version",
        f"{chart.repository} has no such version of {chart.name}; near: {near}; the newest: {newest}",
        f"write e.g. version: {close[0] if close else newest}",
    )


def no_such_name(chart: PublishedChart, known: Collection[str]) -> ChartError:
    """Say that a repository has no such chart.

    Args:
        chart: that was asked for.
        known: names of those that it has.
    """
    close = difflib.get_close_matches(chart.name, sorted(known), n=_SHOWN, cutoff=0.5)
    some = close or sorted(known)[:_SHOWN]
    more = "" if close or len(known) <= _SHOWN else f", and {len(known) - _SHOWN} more"
    return ChartError(
        "name",
        f"{chart.repository} has no chart of this name; it has {', '.join(some) or 'none'}{more}",
        f"did you mean {close[0]}?" if close else "write one of these names, or another repository",
    )


def _is_early(version: str) -> bool:
    found = _NUMBERS.fullmatch(version)
    return bool(found and found[4].startswith("-"))


def _order(version: str) -> tuple[int, int, int, bool, str]:
    found = _NUMBERS.fullmatch(version)
    if not found:
        raise ValueError(version)
    return int(found[1]), int(found[2]), int(found[3]), not _is_early(version), found[4]
