"""`branchenv unlock`."""

from datetime import UTC, datetime
from typing import Annotated

from branchenv import console, locks
from branchenv.cli import deploy_options, options
from branchenv.cli.option import option
from branchenv.clients.backend import open_backend
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.operations import lookup

OlderThan = Annotated[
    str,
    option("--older-than", "DURATION", "Also break locks of this age whose owner cannot be asked, e.g. 2h."),
]


def command(
    which: options.Which,
    older_than: OlderThan = "",
    yes: options.Yes = False,
) -> None:
    """Break the locks of a branch's stack whose owners have ended, and show who holds the others.

    An owner has ended if its CI job has, as GitLab says, or its process on this machine. `select`, `up` and
    `down` do the same by themselves. With --older-than you say that a lock so old has no owner any more.
    """
    age = deploy_options.duration(older_than, "--older-than") if older_than else None
    backend = open_backend()
    _, _, target = lookup.resolve(backend, which.target())
    if not backend.locks(target.stack) and backend.stack(target.stack) is None:
        raise lookup.missing(backend, target)
    held, broke = locks.break_dead(
        backend, target.stack, tags=backend.tags(target.stack), job_ended=locks.asks_gitlab(target.project)
    )
    for each in held:
        console.say(f"locked by {each}")
    if not held:
        console.say(f"{target.stack} is free" if broke else f"{target.stack} is not locked")
        return
    now = datetime.now(UTC)
    old = [each for each in held if age is not None and now - each.lock.since >= age and not each.at_work]
    if old:
        console.confirm(f"Break {len(old)} of {len(held)} locks", yes=yes)
        backend.break_locks(target.stack, [each.lock for each in old])
    if left := [each for each in held if each not in old]:
        raise BranchenvError(
            f"{target.stack} stays locked: {'; '.join(str(each) for each in left)}",
            fix=f"wait or ask them; if they have stopped working on it: {target.command('unlock')} --older-than 2h",
            code=ExitCode.LOCKED,
        )
    console.say(f"{target.stack} is free; the next deploy brings its state in order: {target.command('up')}")
