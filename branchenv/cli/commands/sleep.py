"""`branchenv sleep`."""

from typing import Annotated

from branchenv import console
from branchenv.cli import options
from branchenv.cli.option import option
from branchenv.clients.backend import open_backend
from branchenv.operations import lookup
from branchenv.operations.lifetime import sleep
from branchenv.operations.ownership import check_owner, check_state

Reason = Annotated[str, option("--reason", "TEXT", "What the page gives as the reason.")]


def command(which: options.Which, reason: Reason = "", quiet: options.Quiet = False) -> None:
    """Scale a branch's environment to zero. Its URL then answers a page that says how to wake it.

    A later `pulumi up` by hand does not wake it; a push does, and so does `branchenv wake`.
    """
    backend = open_backend()
    found = lookup.find(backend, which.target())
    check_owner(found.target, found.record)
    check_state(found.record, backend)
    sleep.sleep(backend, found.record, reason=reason, quiet=quiet)
    console.say(f"{found.record.name} sleeps; wake it: {found.target.command('wake')}")
