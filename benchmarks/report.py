"""Tables and pictures from the results: benchmarks/results.md, the README's table, docs/*.svg.

The tables are pure functions of the results, so that a test can tell whether the documents agree with them.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.records import RESULTS, Series, difference, ratio, read
from local.errors import LocalError

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = Path(__file__).with_name("results.md")
README = ROOT / "README.md"
SCALE = ROOT / "docs" / "scale.md"
COMMAND = "python -m benchmarks --report"

_MANY = 5000
_GROWS = 1.2
"""Less than this from the least to the most environments is the noise of a shared machine."""
WAYS = {"job": "deploy job", "up": "`pulumi up`", "helm": "Helm", "plain": "plain Pulumi"}
Results = Mapping[str, Series]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One thing that was measured in every way."""

    name: str
    about: str


ROWS = (
    Row(name="first-200", about="push to the first 200"),
    Row(name="deploy", about="push to the command's end"),
    Row(name="new-version", about="second push to the first answer of the new version"),
    Row(name="repeat", about="push without a change"),
    Row(name="remove", about="end: the command"),
    Row(name="404", about="end: until the URL is gone"),
    Row(name="gone", about="end: until the last pod has left"),
    Row(name="remove-deaf", about="end of an app that ignores SIGTERM: the command"),
    Row(name="gone-deaf", about="the same, until the last pod has left"),
    Row(name="cpu", about="processor seconds of a first push"),
    Row(name="memory", about="memory of a first push"),
)


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What was set out to be reached."""

    about: str
    unit: str
    value: Callable[[Results], float]
    limit: float

    def holds(self, results: Results) -> bool:
        """Whether it is reached."""
        return self.value(results) <= self.limit


def _ratio(row: str, of: str, to: str) -> Callable[[Results], float]:
    return lambda results: ratio(results[f"times/{row}/{of}"], results[f"times/{row}/{to}"])


TARGETS = (
    Goal(about="first 200, `pulumi up` to Helm", unit="times", value=_ratio("first-200", "up", "helm"), limit=2.0),
    Goal(about="first 200, deploy job to Helm", unit="times", value=_ratio("first-200", "job", "helm"), limit=2.5),
    Goal(
        about="end, `pulumi destroy` less Helm's `uninstall --wait`",
        unit="s",
        value=lambda results: difference(results["times/remove/up"], results["times/remove/helm"]),
        limit=1.0,
    ),
    Goal(
        about="push without a change, `pulumi up`",
        unit="s",
        value=lambda results: results["times/repeat/up"].median,
        limit=1.3,
    ),
    Goal(
        about="one more `pulumi up` at 500 environments to one at 1",
        unit="times",
        value=lambda results: results["scale/up/500"].median / results["scale/up/1"].median,
        limit=1.2,
    ),
    Goal(
        about="a scoped sidecar's configuration at 500 environments to that at 1",
        unit="times",
        value=lambda results: (
            results["scale/config-bytes-sidecar-scoped/500"].median
            / results["scale/config-bytes-sidecar-scoped/1"].median
        ),
        limit=1.0,
    ),
)


def amount(value: float, unit: str) -> str:
    """Write an amount as people read it, with two or three digits."""
    if unit == "byte":
        for name, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
            if value >= size:
                return f"{_digits(value / size)} {name}"
        return f"{value:.0f} B"
    return f"{_digits(value)} s" if value >= 1 or unit != "second" else f"{value * 1000:.0f} ms"


def _digits(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _with_quartiles(series: Series) -> str:
    low, high = series.quartiles
    if len(series.values) == 1 or math.isclose(low, high, rel_tol=0.01):
        return amount(series.median, series.unit)
    return f"{amount(series.median, series.unit)} ({amount(low, series.unit)} to {amount(high, series.unit)})"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines) + "\n"


def side_by_side(results: Results) -> str:
    """Return the table of all rows: medians with ranges, and ratios."""
    rows = []
    for row in ROWS:
        cells = [_with_quartiles(results[f"times/{row.name}/{way}"]) for way in WAYS]
        ratios = [
            f"{_ratio(row.name, of, to)(results):.2f}" for of, to in (("job", "helm"), ("up", "helm"), ("up", "plain"))
        ]
        rows.append([row.about, *cells, *ratios])
    return _table(["what", *WAYS.values(), "job : Helm", "up : Helm", "up : plain"], rows)


def requests(results: Results) -> str:
    """Return the table of requests during a second push."""
    rows = []
    for way, name in WAYS.items():
        metadata = results[f"times/change/{way}"].metadata
        rows.append([name, str(metadata["requests"]), str(metadata["failed"])])
    return _table(["way", "requests in the last round", "of these failed"], rows)


def targets(results: Results) -> str:
    """Return the table of targets."""
    rows = []
    for target in TARGETS:
        wanted = f"at most {target.limit:g} {target.unit}"
        found = f"{target.value(results):.2f} {target.unit}"
        rows.append([target.about, wanted, found, "yes" if target.holds(results) else "**no**"])
    return _table(["target", "wanted", "found", "holds"], rows)


def shares(results: Results) -> str:
    """Return the table of what a push spends its time on."""
    pushes = {"first": "first push", "second": "second push", "same": "without a change"}
    names = [name.removeprefix("where/first/") for name in results if name.startswith("where/first/")]
    order = sorted(names, key=lambda name: -results[f"where/first/{name}"].median)
    rows = [[name, *(amount(results[f"where/{push}/{name}"].median, "second") for push in pushes)] for name in order]
    whole = [sum(results[f"where/{push}/{name}"].median for name in names) for push in pushes]
    return _table(["what", *pushes.values()], [*rows, ["in all", *(amount(each, "second") for each in whole)]])


def counts(results: Results) -> list[int]:
    """Return the numbers of environments at which was measured."""
    return sorted(int(name.rpartition("/")[2]) for name in results if name.startswith("scale/up/"))


SCALE_ROWS = {
    "up": "one more `pulumi up`",
    "routed": "the same, until the gateway routes it",
    "first-200": "the same, until the first 200",
    "destroy": "one `pulumi destroy`",
    "list": "`branchenv list`",
    "sweep": "`branchenv sweep`, dry",
    "config-bytes-gateway": "gateway: its configuration",
    "config-seconds-gateway": "gateway: time to get all of it",
    "push-bytes-gateway": "gateway: sent when one more comes and goes",
    "config-bytes-sidecar": "app sidecar: its configuration",
    "config-seconds-sidecar": "app sidecar: time to get all of it",
    "push-bytes-sidecar": "app sidecar: sent when another branch comes and goes",
    "config-bytes-sidecar-scoped": "app sidecar, scoped: its configuration",
    "config-seconds-sidecar-scoped": "app sidecar, scoped: time to get all of it",
    "push-bytes-sidecar-scoped": "app sidecar, scoped: sent when another branch comes and goes",
    "memory-istiod": "memory of istiod",
    "memory-istio-gateway": "memory of the gateway (pilot-agent and Envoy)",
    "backend-bytes": "size of the backend",
}


def scale(results: Results) -> str:
    """Return the table of many environments."""
    known = counts(results)
    rows = [
        [about, *(_amount_or_nothing(results[f"scale/{name}/{count}"]) for count in known)]
        for name, about in SCALE_ROWS.items()
    ]
    return _table(["environments", *map(str, known)], rows)


def _amount_or_nothing(series: Series) -> str:
    # A series has no zeros: one byte stands for none.
    return "nothing" if series.unit == "byte" and series.median <= 1 else amount(series.median, series.unit)


def slope(results: Results, name: str) -> float:
    """Return what one more environment adds, from the least to the most that were measured."""
    known = counts(results)
    first, last = (results[f"scale/{name}/{count}"].median for count in (known[0], known[-1]))
    return (last - first) / (known[-1] - known[0])


def slopes(results: Results) -> str:
    """Return the table of what one more environment adds, and what 5,000 would come to."""
    rows = []
    known = counts(results)
    for name, about in SCALE_ROWS.items():
        each = slope(results, name)
        first, last = (results[f"scale/{name}/{count}"] for count in (known[0], known[-1]))
        if last.median <= first.median * _GROWS:
            rows.append([about, "nothing", _amount_or_nothing(last)])
            continue
        shown = f"{each:.0f} B" if first.unit == "byte" else f"{each * 1000:.2f} ms"
        rows.append([about, shown, amount(first.median + each * _MANY, first.unit)])
    return _table(["what", "each environment more adds", f"so {_MANY:,} come to"], rows)


def rush(results: Results) -> str:
    """Say what came of the pushes at once."""
    answered, whole = results["rush/answered"], results["rush/all"]
    pushes = len(answered.values)
    first, half, last = (amount(each, "second") for each in (answered.range[0], answered.median, whole.median))
    return (
        f"{pushes} deploy jobs started at the same moment, on the 2 cores that the cluster runs on as well: all "
        f"succeeded, the first after {first}, half of them after {half}, the last after {last}: "
        f"{pushes / whole.median * 60:.0f} a minute.\n"
    )


def base(results: Results) -> str:
    """Say what the base stack takes."""
    return f"The base stack without a change, `pulumi up`: {_with_quartiles(results['times/repeat/base'])}.\n"


def machine(results: Results) -> str:
    """Say on what was measured."""
    metadata = results["times/first-200/up"].metadata
    python = str(metadata["python_version"]).partition(" ")[0]
    loads = {name.partition("/")[0]: series.metadata["load_before"] for name, series in results.items()}
    averages = ", ".join(f"{section} {load:.1f}" for section, load in sorted(loads.items()))
    return (
        f"{metadata['cpu_count']} cores, {metadata['cpu_model_name']}, {metadata['platform']}, Python {python}, "
        f"{str(metadata['date']).partition(' ')[0]}; load average when each section began: {averages}.\n"
    )


def headline(results: Results) -> str:
    """Return the README's table."""
    rows = []
    for name in ("first-200", "new-version", "repeat", "remove", "remove-deaf"):
        about = next(row.about for row in ROWS if row.name == name)
        rows.append([about, *(amount(results[f"times/{name}/{way}"].median, "second") for way in WAYS)])
    return _table(["median", *WAYS.values()], rows)


PARTS: Mapping[str, Callable[[Results], str]] = {
    "machine": machine,
    "side by side": side_by_side,
    "requests": requests,
    "base": base,
    "targets": targets,
    "shares": shares,
    "scale": scale,
    "slopes": slopes,
    "rush": rush,
    "benchmarks": headline,
}
"""What documents have between `<!-- begin NAME -->` and `<!-- end NAME -->`."""


def with_made_parts(text: str, results: Results) -> str:
    """Return a document's text with its parts as the results have them now."""
    for name, made in PARTS.items():
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        if begin in text:
            head, _, rest = text.partition(begin)
            text = head + begin + made(results) + end + rest.partition(end)[2]
    return text


def write() -> None:
    """Write all documents and pictures from the file of results.

    Raises:
        LocalError: the file lacks a section.
    """
    from benchmarks import charts

    results = read(RESULTS) if RESULTS.exists() else {}
    there = {name.partition("/")[0] for name in results}
    if missing := sorted({"times", "where", "scale", "rush"} - there):
        raise LocalError(
            f"{RESULTS.name} has no results of {', '.join(missing)}, so documents and pictures stay as they are",
            f"python -m benchmarks {' '.join(missing)}",
        )
    for document in (DOCUMENT, README, SCALE):
        document.write_text(with_made_parts(document.read_text(encoding="utf-8"), results), encoding="utf-8")
    charts.write(results)
    print(side_by_side(results), targets(results), sep="\n")


def show(file: Path) -> None:
    """Print the medians of one file of results."""
    for series in read(file).values():
        print(f"{series.name:48} {_with_quartiles(series)}")
