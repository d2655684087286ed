"""`branchenv extend`."""

from datetime import UTC
from typing import Annotated

import typer

from branchenv import console, context, extension, options, wishes
from branchenv.backend import open_backend
from branchenv.selection import base_of


def command(
    branch_argument: options.BranchArgument = "",
    by: Annotated[
        str, typer.Option("--by", metavar="DURATION", help="How much longer, e.g. 3d or 12h. At most what the app may.")
    ] = "3d",
    branch: options.Branch = "",
    app: options.App = "",
    base: options.Base = "",
    project: options.Project = "",
    json: options.Json = False,
) -> None:
    """Let an environment stay longer, and print until when.

    Counted from its present end, or from now if it has expired already. The base stack says how long an app's
    environments may stay.
    """
    target = context.target(app=app, branch=branch_argument or branch, base=base, project=project)
    longer = wishes.duration(by, "--by")
    backend = open_backend()
    owner = base_of(backend, target.base).app(target.app)
    done = extension.extend(backend, target.reserving(owner.reserved_slugs), owner.policy, longer)
    if json:
        console.json_data(done)
    else:
        console.data(f"{done.expires.astimezone(UTC):%Y-%m-%d %H:%M} UTC")
