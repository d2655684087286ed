"""Whether what came is what it should be."""

import hashlib

from stacks.branch.published_chart.refusal import ChartError
from stacks.settings.chart_source import PublishedChart


def check_pinned(content: bytes, chart: PublishedChart) -> str:
    """Return the digest of what the environment file may pin.

    Args:
        content: that came.
        chart: that was asked for.

    Raises:
        ChartError: it has another than the file asks for.
    """
    found = _digest_of(content)
    if chart.digest and found != chart.digest:
        raise ChartError(
            "digest",
            f"what came as version {chart.version} has the digest {found}: it is not used",
            f"ask the chart's publisher why; if that one is right, write digest: {found}",
        )
    return found


def check_listed(content: bytes, digest: str, *, by: str) -> None:
    """Refuse what is not what its publisher has listed.

    Args:
        content: that came.
        digest: that is listed; empty if there is none.
        by: what lists it.

    Raises:
        ChartError: it has another.
    """
    found = _digest_of(content)
    if digest and found != digest:
        raise ChartError(
            "version",
            f"{by} says that it has the digest {digest}, and what came has {found}: it is not used",
            "push again; if it stays, tell whoever keeps the repository, and write another version meanwhile",
        )


def _digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
