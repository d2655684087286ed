"""`branchenv list`: every environment, as a table, as JSON or as a page."""

import os
from pathlib import Path
from typing import Annotated

import typer

from branchenv import console
from branchenv.cli import options
from branchenv.model import context
from core.defaults import DEFAULT_BASE


def command(
    how: options.Output,
    app: options.App = "",
    project: options.Project = "",
    base: options.Base = "",
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write one self-contained page to FILE.")
    ] = None,
) -> None:
    """List environments: URL, state, age, expiry, owner, merge request, cost.

    Without --app it lists the app of the GitLab job, and outside of GitLab every app of the backend. A source that
    cannot be reached is named on stderr and in the JSON; the rest is shown.
    """
    from datetime import UTC, datetime

    from branchenv.inventory.classify import classify
    from branchenv.inventory.collect import InventoryQuery, collect
    from branchenv.inventory.document import document

    wanted = InventoryQuery(
        app=app or os.environ.get("CI_PROJECT_NAME", ""),
        project=context.project_path(project=project),
        base=base or DEFAULT_BASE,
    )
    world = collect(wanted)
    if {"backend", "cluster"} <= world.errors.keys():
        # There is nothing to show.
        raise world.errors["backend"]
    if base and world.wrong_base:
        raise world.wrong_base
    world.check_app()
    for source in world.unreliable:
        console.warn(f"{source.name} was not seen: {source.why}\n    fix:   {source.fix}")
    if "base" in world.errors:
        why = f": {world.wrong_base.rule}" if world.wrong_base else ""
        console.warn(f"{wanted.base} was not seen, so orphans are not marked{why}")
    now = datetime.now(UTC)
    environments = classify(world, now)
    if html:
        from branchenv.clients import files
        from branchenv.inventory.page import page

        files.write(html, page(environments, world, now), option="--html")
        console.say(f"page: {html.resolve()}")
    if how.json:
        console.json_data(document(environments, world, now))
    elif not html:
        from branchenv.inventory import table

        table.show(environments, now)
