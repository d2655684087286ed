"""`branchenv extend`."""

from typing import Annotated

from branchenv import console
from branchenv.cli import deploy_options, options
from branchenv.cli.option import option
from branchenv.clients.backend import open_backend
from branchenv.model.errors import bad_input
from branchenv.operations import lookup
from branchenv.operations.lifetime import extend


def command(
    which: options.Which,
    how: options.Output,
    by: Annotated[
        str,
        option("--by", "DURATION", "How much longer, e.g. 3d or 12h. At most what the app may. Default: 3d."),
    ] = "",
    until: Annotated[
        str,
        option(
            "--until",
            "TIME",
            "Until when, instead: a date or time of ISO 8601, e.g. 2026-12-01; UTC unless it says otherwise.",
        ),
    ] = "",
) -> None:
    """Put off when an environment expires, and print the new time.

    --by counts from its present end, or from now if it has expired already. The base stack says how long an app's
    environments may stay.
    """
    if by and until:
        raise bad_input("--until", until, "--by and --until both say how long", "give one of them")
    extension = deploy_options.moment(until, "--until") if until else deploy_options.duration(by or "3d", "--by")
    target = which.target()
    backend = open_backend()
    _, app, target = lookup.resolve(backend, target)
    done = extend.extend(backend, target, app.lifecycle, extension)
    if how.json:
        console.json_data(done)
    else:
        console.data(console.moment(done.expires))
