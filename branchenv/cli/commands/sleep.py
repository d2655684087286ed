"""`branchenv sleep`."""

from typing import Annotated

import typer

from branchenv import console
from branchenv.cli import options
from branchenv.clients.backend import open_backend
from branchenv.model import context
from branchenv.operations import sleep
from branchenv.operations.ownership import check_owner, check_state
from branchenv.operations.select import base_of

Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", show_default=False, help="What the page gives as the reason.")
]


def command(
    branch: options.BranchArgument = "",
    app: options.App = "",
    base: options.Base = "",
    project: options.Project = "",
    reason: Reason = "",
    quiet: options.Quiet = False,
) -> None:
    """Scale a branch's environment to zero. Its URL then answers a page that says how to wake it.

    It goes on sleeping through every later `pulumi up` by hand; a push wakes it, and so does `branchenv wake`.
    """
    target = context.target(app=app, branch=branch, base=base, project=project)
    backend = open_backend()
    target = target.reserving(base_of(backend, target.base).app(target.app).reserved_slugs)
    record = sleep.stack_of(backend, target.stack)
    check_owner(target, record)
    check_state(record, backend)
    sleep.sleep(backend, record, reason=reason, quiet=quiet)
    console.say(f"{record.name} sleeps; branchenv wake {record.branch} brings it back")
