"""The pictures of the results, drawn by matplotlib."""

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from benchmarks.report import Results, amount, counts
from benchmarks.trace import SHARES

DOCS = Path(__file__).resolve().parent.parent / "docs"
_WAYS = {
    "helm": "Helm, the article's chart",
    "up": "this project, pulumi up",
    "job": "this project, deploy job",
    "plain": "plain Pulumi",
}
_COLOURS = {"helm": "#8c959f", "up": "#0969da", "job": "#54aeff", "plain": "#d4a72c"}
_ROWS = {
    "first-200": "push to first 200",
    "new-version": "second push\nto its first answer",
    "repeat": "push without change",
    "remove": "end",
}


def write(results: Results) -> None:
    """Write all pictures."""
    mpl.use("svg")
    # The same results give the same file: no time, no random ids.
    mpl.rcParams.update({"svg.hashsalt": "branch-environments", "svg.fonttype": "none", "font.size": 10})
    _side_by_side(results)
    _shares(results)
    _scale(results)


def _save(figure: "plt.Figure", name: str) -> None:
    figure.savefig(DOCS / name, format="svg", metadata={"Date": None}, bbox_inches="tight")
    plt.close(figure)


def _side_by_side(results: Results) -> None:
    figure, axes = plt.subplots(figsize=(9, 4))
    height = 0.8 / len(_WAYS)
    for at, (way, label) in enumerate(_WAYS.items()):
        series = [results[f"times/{row}/{way}"] for row in _ROWS]
        positions = [row + at * height for row in range(len(_ROWS))]
        low = [each.median - each.quartiles[0] for each in series]
        high = [each.quartiles[1] - each.median for each in series]
        bars = axes.barh(
            positions,
            [each.median for each in series],
            height * 0.9,
            color=_COLOURS[way],
            label=label,
            xerr=(low, high),
            error_kw={"ecolor": "#57606a", "elinewidth": 0.8},
        )
        axes.bar_label(bars, [amount(each.median, "second") for each in series], padding=12, fontsize=8)
    axes.set_yticks([row + 0.3 for row in range(len(_ROWS))], list(_ROWS.values()))
    axes.invert_yaxis()
    axes.set_xlabel("seconds: median and quartiles")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    _save(figure, "benchmarks.svg")


def _shares(results: Results) -> None:
    figure, axes = plt.subplots(figsize=(9, 2.6))
    colours = plt.get_cmap("tab10").colors
    pushes = {"first": "first push", "second": "second push", "same": "without a change"}
    left = [0.0] * len(pushes)
    for share, colour in zip(SHARES, colours, strict=True):
        widths = [results[f"where/{push}/{share}"].median for push in pushes]
        axes.barh(list(pushes.values()), widths, left=left, color=colour, label=share)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    axes.invert_yaxis()
    axes.set_xlabel("seconds of a pulumi up")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=3, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.25))
    _save(figure, "where.svg")


def _scale(results: Results) -> None:
    figure, grid = plt.subplots(2, 2, figsize=(10, 7))
    known = counts(results)

    def curve(axes: Axes, name: str, label: str, size: float = 1.0) -> None:
        values = [results[f"scale/{name}/{count}"].median / size for count in known]
        axes.plot(known, values, marker="o", label=label)

    seconds, commands, sizes, memory = grid.flat
    curve(seconds, "up", "one more pulumi up")
    curve(seconds, "routed", "until the gateway routes it")
    curve(seconds, "destroy", "one pulumi destroy")
    seconds.set_ylabel("seconds")
    curve(commands, "list", "branchenv list")
    curve(commands, "sweep", "branchenv sweep, dry")
    commands.set_ylabel("seconds")
    curve(sizes, "config-bytes-gateway", "gateway", 1e3)
    curve(sizes, "config-bytes-sidecar", "app sidecar", 1e3)
    curve(sizes, "config-bytes-sidecar-scoped", "app sidecar, scoped", 1e3)
    sizes.set_ylabel("configuration, kB")
    curve(memory, "memory-istiod", "istiod", 1e6)
    curve(memory, "memory-istio-gateway", "gateway", 1e6)
    curve(memory, "backend-bytes", "Pulumi backend (disk)", 1e6)
    memory.set_ylabel("MB")
    for axes in grid.flat:
        axes.set_xlabel("environments")
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    _save(figure, "scale.svg")
