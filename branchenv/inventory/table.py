"""What `branchenv list` prints for people: as many columns as the terminal has room for.

State and URL are never cut: other columns are left out, the least important first. Where not even branch, state, URL
and expiry fit, each environment is a few lines instead of one row.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from branchenv import console
from branchenv.inventory.classify import Environment
from branchenv.inventory.states import State
from branchenv.inventory.texts import expiry, price
from branchenv.inventory.times import ago, since

_NAMED = 5
"""Branches that are named with a reason; of more there is the number."""
_GAP = 2
"""Cells between two columns."""
_LEFT_OUT_FIRST = ("updated", "age", "cost a day", "owner", "MR")
_COLOURS = {
    State.READY: "green",
    State.DEPLOYING: "cyan",
    State.FAILING: "red",
    State.ASLEEP: "blue",
    State.STALE: "yellow",
    State.EXPIRED: "magenta",
    State.STOPPING: "yellow",
    State.ORPHAN: "magenta",
    State.UNKNOWN: "dim",
}


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column."""

    title: str
    cells: tuple[Text, ...]

    @property
    def width(self) -> int:
        """Cells of a terminal that its widest text takes."""
        return max(cell_len(self.title), *(each.cell_len for each in self.cells))


def show(environments: Sequence[Environment], now: datetime) -> None:
    """Print the environments on stdout; on stderr, what there is to say of those that are not well.

    Args:
        environments: as `classify` gives them.
        now: with a time zone.
    """
    if not environments:
        console.say("no environments")
        return
    out = console.tables()
    # A pipe has no width: whoever reads it gets every column.
    width = out.width if out.is_terminal else None
    columns = _columns(environments, now)
    fitting = fit(columns, width)
    if fitting:
        out.width = max(out.width, _width(fitting))
        out.print(_table(fitting))
    else:
        for line in _stacked(columns):
            out.print(line)
    left_out = [each.title for each in columns if fitting and each not in fitting]
    if left_out:
        console.say(f"no room here for: {', '.join(left_out)}; a wider terminal or --json has all")
    for why, branches in _reasons(environments).items():
        more = f" and {len(branches) - _NAMED} more" if len(branches) > _NAMED else ""
        console.say(f"{', '.join(branches[:_NAMED])}{more}: {why}")


def fit(columns: Sequence[Column], width: int | None) -> list[Column]:
    """Choose the columns that fit into a terminal whole.

    Args:
        columns: all of them.
        width: of the terminal, in cells; None for any.

    Returns:
        None of them where there is no room for those that must not be left out.
    """
    chosen = list(columns)
    for title in (*_LEFT_OUT_FIRST, ""):
        if width is None or _width(chosen) <= width:
            return chosen
        chosen = [each for each in chosen if each.title != title]
    return []


def _columns(environments: Sequence[Environment], now: datetime) -> list[Column]:
    def column(title: str, text: Callable[[Environment], str]) -> Column:
        return Column(title=title, cells=tuple(Text(text(each)) for each in environments))

    states = tuple(Text(each.state, style=_COLOURS[each.state]) for each in environments)
    found = [column("branch", lambda each: each.branch)]
    if len({each.app for each in environments}) > 1:
        found.append(column("app", lambda each: each.app))
    found += [
        Column(title="state", cells=states),
        column("URL", lambda each: each.url or "-"),
        column("expires", lambda each: expiry(each, now)),
        column("owner", lambda each: each.owner or "-"),
        column("MR", lambda each: f"!{each.merge_request}" if each.merge_request else "-"),
        column("age", lambda each: since(each.created, now)),
        column("updated", lambda each: ago(each.updated, now)),
    ]
    if any(each.cost for each in environments):
        found.append(column("cost a day", price))
    return found


def _width(columns: Sequence[Column]) -> int:
    return sum(each.width for each in columns) + _GAP * (len(columns) - 1)


def _table(columns: Sequence[Column]) -> Table:
    shown = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for each in columns:
        shown.add_column(each.title, no_wrap=True, justify="right" if each.title == "cost a day" else "left")
    for row in zip(*(each.cells for each in columns), strict=True):
        shown.add_row(*row)
    return shown


def _stacked(columns: Sequence[Column]) -> Iterator[Text]:
    """Return each environment as lines: branch and state; URL; the rest. A terminal wraps what is longer than it."""
    by_title = {each.title: each.cells for each in columns}
    rest = [each for each in columns if each.title not in ("branch", "state", "URL")]
    for row, branch in enumerate(by_title["branch"]):
        yield Text.assemble((branch.plain, "bold"), "  ", by_title["state"][row])
        yield Text.assemble("  ", by_title["URL"][row])
        yield Text.assemble("  ", ", ".join(f"{each.title} {each.cells[row].plain}" for each in rest))


def _reasons(environments: Sequence[Environment]) -> dict[str, list[str]]:
    """Return the branches of each reason: a broken cluster is one piece of news, not hundreds."""
    found: dict[str, list[str]] = {}
    for each in environments:
        if each.why:
            found.setdefault(each.why, []).append(each.branch)
    return found
