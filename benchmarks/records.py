"""What was measured, as a pyperf suite: `python -m pyperf show benchmarks/results.json` reads it as well.

A name is a path: <section>/<what>/<way or number>. Values of one name are in the order of their rounds, so that the
ways of a row can be compared pair by pair.
"""

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any

RESULTS = Path(__file__).with_name("results.json")
"""The results that the docs show."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """Values of one thing, a round each."""

    name: str
    unit: str
    """`second` or `byte`."""
    values: tuple[float, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Of the machine, and what else was noted."""

    @property
    def median(self) -> float:
        """The value in the middle."""
        return median(self.values)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The quartiles below and above the median: unlike the least and the most, one outlier does not move them."""
        if len(self.values) == 1:
            return self.values[0], self.values[0]
        low, _, high = quantiles(self.values, n=4, method="inclusive")
        return low, high

    @property
    def range(self) -> tuple[float, float]:
        """The least and the most."""
        return min(self.values), max(self.values)


def ratio(of: Series, to: Series) -> float:
    """Return the median of the ratios, round by round."""
    return median(a / b for a, b in zip(of.values, to.values, strict=True))


def difference(of: Series, to: Series) -> float:
    """Return the median of the differences, round by round."""
    return median(a - b for a, b in zip(of.values, to.values, strict=True))


def read(file: Path = RESULTS) -> dict[str, Series]:
    """Read a file of results: all of it, by name. Needs no pyperf."""
    data = json.loads(file.read_text(encoding="utf-8"))
    found = {}
    for benchmark in data["benchmarks"]:
        runs = benchmark["runs"]
        metadata = {**data.get("metadata", {}), **benchmark.get("metadata", {}), **runs[0].get("metadata", {})}
        values = tuple(float(value) for run in runs for value in run["values"])
        found[metadata["name"]] = Series(
            name=metadata["name"], unit=metadata.get("unit", "second"), values=values, metadata=metadata
        )
    return dict(sorted(found.items()))


class Recorder:
    """Collects the values of one section."""

    def __init__(self, section: str) -> None:
        self.section = section
        self._load_before = os.getloadavg()[0]
        self._values: dict[tuple[str, str], list[float]] = {}
        self._notes: dict[str, dict[str, Any]] = {}

    def add(self, name: str, value: float, *, unit: str = "second", **notes: str | int | float) -> None:
        """Add the next round's value of a name, without the section.

        Args:
            name: of the series.
            value: more than 0.
            unit: of the value.
            notes: kept beside the series; those of the last round stay.
        """
        self._values.setdefault((name, unit), []).append(value)
        self._notes.setdefault(name, {}).update(notes)

    def write(self, file: Path) -> None:
        """Write the section's results, with what is known of the machine."""
        import pyperf

        benchmarks = []
        machine = {**_machine(), "load_before": self._load_before}
        for (name, unit), values in self._values.items():
            metadata = {"name": f"{self.section}/{name}", "unit": unit, **machine, **self._notes[name]}
            runs = [pyperf.Run([value], metadata=metadata, collect_metadata=False) for value in values]
            benchmarks.append(pyperf.Benchmark(runs))
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".part")
        pyperf.BenchmarkSuite(benchmarks).dump(str(partial), replace=True)
        partial.rename(file)


def merge(files: list[Path], into: Path = RESULTS) -> None:
    """Put sections into the file of results, in the place of what it has of them."""
    import pyperf

    def section(benchmark: Any) -> str:
        return str(benchmark.get_name()).partition("/")[0]

    new = [benchmark for file in files for benchmark in pyperf.BenchmarkSuite.load(str(file))]
    replaced = set(map(section, new))
    old = list(pyperf.BenchmarkSuite.load(str(into))) if into.exists() else []
    kept = [benchmark for benchmark in old if section(benchmark) not in replaced]
    pyperf.BenchmarkSuite([*kept, *new]).dump(str(into), replace=True)


def _machine() -> dict[str, str | int | float]:
    """What pyperf knows of this machine, less what would name it."""
    import pyperf

    known = pyperf.Run([1.0], collect_metadata=True).get_metadata()
    kept = ("cpu_count", "cpu_model_name", "python_version", "date")
    kernel = f"{platform.system()} {'.'.join(platform.release().split('.')[:2])} on {platform.machine()}"
    return {"platform": kernel, **{name: known[name] for name in kept if name in known}}
