"""What `branchenv list` prints: a table for people, a document with stable field names for scripts."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from branchenv import console
from branchenv.inventory.classify import Environment, State
from branchenv.inventory.collect import Survey

VERSION = 1
"""Of the document. Fields may be added; none is renamed or taken away without another version."""

_NAMED = 5
"""Branches that are named with a reason; of more there is the number."""
_COLOURS = {
    State.READY: "green",
    State.DEPLOYING: "cyan",
    State.FAILING: "red",
    State.ASLEEP: "blue",
    State.STOPPING: "yellow",
    State.ORPHAN: "magenta",
    State.UNKNOWN: "dim",
}


def document(found: Survey, now: datetime) -> dict[str, Any]:
    """Give everything as plain data; docs/operations.md lists the fields."""
    return {
        "version": VERSION,
        "generated": now,
        "base": found.base.name if found.base else None,
        "sources": [asdict(each) for each in found.sources],
        "environments": [_plain(each) for each in found.environments],
    }


def _plain(each: Environment) -> dict[str, Any]:
    return {
        "name": each.name,
        "app": each.app,
        "slug": each.slug,
        "branch": each.branch,
        "state": each.state,
        "why": each.why,
        "url": each.url or None,
        "namespace": each.cluster.namespace if each.cluster else None,
        "owner": each.owner or None,
        "project": each.project or None,
        "merge_request": each.merge_request,
        "merge_request_url": each.merge_request_url or None,
        "commit": each.commit or None,
        "created": each.created,
        "updated": each.updated,
        "expires": each.expires,
        "cpu": each.cluster.cpu if each.cluster else None,
        "memory": each.cluster.memory if each.cluster else None,
        "cost": asdict(each.cost) if each.cost else None,
    }


def table(found: Survey, now: datetime) -> None:
    """Print a table; below it, what there is to say of each environment that is not well."""
    if not found.environments:
        console.say("no environments")
        return
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, header_style="bold")
    several = len({each.app for each in found.environments}) > 1
    priced = any(each.cost for each in found.environments)
    titles = ["branch", *(["app"] if several else []), "state", "URL", "age", "expires", "owner", "MR", "updated"]
    for title in [*titles, *(["cost a day"] if priced else [])]:
        shown.add_column(title, no_wrap=True, justify="right" if title == "cost a day" else "left")
    for each in found.environments:
        cells = [Text(each.branch), Text(each.state, style=_COLOURS[each.state]), Text(each.url or "-")]
        cells += [Text(each.app)] if several else []
        if several:
            cells.insert(1, cells.pop())
        cells += [Text(since(each.created, now)), Text(until(each.expires, now)), Text(each.owner or "-")]
        cells += [Text(f"!{each.merge_request}" if each.merge_request else "-"), Text(ago(each.updated, now))]
        cells += [Text(price(each))] if priced else []
        shown.add_row(*cells)
    console.tables().print(shown)
    for why, branches in _reasons(found.environments).items():
        more = f" and {len(branches) - _NAMED} more" if len(branches) > _NAMED else ""
        console.say(f"{', '.join(branches[:_NAMED])}{more}: {why}")


def _reasons(environments: list[Environment]) -> dict[str, list[str]]:
    """Give the branches of each reason: a broken cluster is one piece of news, not hundreds."""
    found: dict[str, list[str]] = {}
    for each in environments:
        if each.why:
            found.setdefault(each.why, []).append(each.branch)
    return found


def price(each: Environment) -> str:
    """Give what an environment costs a day; a dash where that is not known."""
    return f"{each.cost.per_day:.2f} {each.cost.currency}" if each.cost else "-"


def since(moment: datetime | None, now: datetime) -> str:
    """Give the time since, e.g. `3 days`."""
    import humanize

    return humanize.naturaldelta(now - moment) if moment else "-"


def ago(moment: datetime | None, now: datetime) -> str:
    """Say how long ago, e.g. `3 days ago`."""
    return f"{since(moment, now)} ago" if moment else "-"


def until(moment: datetime | None, now: datetime) -> str:
    """Say when something ends, e.g. `in 3 days`."""
    if moment is None:
        return "never"
    return f"in {since(now, moment)}" if moment > now else f"{since(moment, now)} ago"
