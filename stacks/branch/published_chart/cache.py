"""Where published charts are once they have come: a folder of the account's cache, by exactly what was asked for.

A version is taken for what it was when it came first: its publisher should not replace it, and a push that changes
nothing should ask nobody. Whoever does not rely on that writes the digest into the environment file.
"""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pulumi

from core.http_client import HttpClient
from core.registry import Registry
from stacks.branch.published_chart.archive import unpack
from stacks.branch.published_chart.digest import check_listed, check_pinned
from stacks.branch.published_chart.refusal import ChartError
from stacks.branch.published_chart.registry import host_of, pull
from stacks.branch.published_chart.repository import MOST_PACKED, download, location
from stacks.settings.chart_source import PublishedChart
from stacks.settings.errors import Problem, SettingsError


def fetched(chart: PublishedChart, stack: str, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder that holds a published chart's Chart.yaml, downloading the chart unless it is there.

    Args:
        chart: that is asked for.
        stack: for the message.
        environ: variables with credentials, or of where they are, and where the cache is.

    Raises:
        SettingsError: it does not come, or not as it should.
    """
    home = Path(environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME") or "/") / ".cache")
    charts = home / "branch-environments/charts"
    place = charts / hashlib.sha256("\0".join([*chart[:3], chart.digest or ""]).encode()).hexdigest()[:32]
    if (place / chart.name / "Chart.yaml").is_file():
        return place / chart.name
    try:
        packed, digest = _brought(chart, environ)
        charts.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="coming-", dir=charts) as name:
            coming = Path(name)
            (coming / "in").mkdir()
            (coming / "whole").mkdir()
            unpack(packed, coming / "in").rename(coming / "whole" / chart.name)
            _put(coming / "whole", place)
    except ChartError as e:
        raise SettingsError(stack, [e.problem(chart)]) from e
    except OSError as e:
        problem = Problem(
            field="XDG_CACHE_HOME",
            value=str(home),
            rule=f"a published chart is kept in the account's cache, and it cannot be written there: {e}",
            fix="make the folder writable, or set XDG_CACHE_HOME to one that is",
        )
        raise SettingsError(stack, [problem]) from e
    pulumi.log.info(f"downloaded the chart {chart}, {digest}")
    return place / chart.name


def _brought(chart: PublishedChart, environ: Mapping[str, str]) -> tuple[bytes, str]:
    """Return a packed chart, and the digest that the environment file may ask for."""
    client = HttpClient(environ)
    if chart.is_oci:
        return pull(chart, Registry(host_of(chart.repository), environ, client), most=MOST_PACKED)
    url, listed = location(chart, client, environ)
    if url.startswith("oci://"):
        # Some repositories are lists of what a registry has.
        where, _, name = url.rpartition(":")[0].rpartition("/")
        there = chart._replace(repository=where, name=name, digest=None)
        packed, _ = pull(there, Registry(host_of(where), environ, client), most=MOST_PACKED)
    else:
        packed = download(url, client, environ)
    check_listed(packed, listed, by="the repository's index")
    return packed, check_pinned(packed, chart)


def _put(whole: Path, place: Path) -> None:
    """Move a folder to its place at once, unless another process has done so meanwhile."""
    try:
        whole.rename(place)
    except OSError:
        if not place.is_dir():
            raise
