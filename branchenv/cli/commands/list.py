"""`branchenv list`: every environment, as a table, as JSON or as a page."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from branchenv import console
from branchenv.cli import options


def command(
    app: options.App = "",
    project: options.Project = "",
    base: options.Base = "",
    as_json: options.Json = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write one self-contained page to FILE.")
    ] = None,
) -> None:
    """List environments: URL, state, age, expiry, owner, merge request, cost.

    Without --app it lists the app of the GitLab job, and outside of GitLab every app of the backend. A source that
    cannot be reached is named on stderr and in the JSON; the rest is shown.
    """
    from datetime import UTC, datetime

    from branchenv.inventory.collect import Reach, survey
    from branchenv.inventory.table import document, table
    from branchenv.model.context import project_path

    found = survey(app=app or os.environ.get("CI_PROJECT_NAME", ""), project=project_path(project=project), base=base)
    for source in found.sources:
        if source.reach == Reach.MISSING:
            console.warn(f"{source.name} was not seen: {source.why}\n    fix:   {source.fix}")
    now = datetime.now(UTC)
    if html:
        _write(html, found, now)
    if as_json:
        console.json_data(document(found, now))
    elif not html:
        table(found, now)


def _write(path: Path, found: Any, now: Any) -> None:  # noqa: ANN401 - imported late
    from branchenv.inventory.page import page
    from branchenv.model.errors import BranchenvError, ExitCode

    try:
        path.write_text(page(found, now), encoding="utf-8")
    except OSError as e:
        raise BranchenvError(
            f"the page cannot be written: {e.strerror}",
            fix="name a file in a folder that exists and may be written",
            code=ExitCode.BAD_INPUT,
            field="--html",
            value=path,
        ) from e
    console.say(f"page: {path.resolve()}")
