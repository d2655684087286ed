"""`branchenv wake`."""

from branchenv import console, context, options, sleep
from branchenv.backend import open_backend
from branchenv.ownership import check_owner, check_state
from branchenv.selection import base_of


def command(
    branch: options.BranchArgument = "",
    app: options.App = "",
    base: options.Base = "",
    project: options.Project = "",
    quiet: options.Quiet = False,
) -> None:
    """Bring a sleeping environment back.

    Its URL goes on answering the page until the pods are ready, and then the app.
    """
    target = context.target(app=app, branch=branch, base=base, project=project)
    backend = open_backend()
    target = target.reserving(base_of(backend, target.base).app(target.app).reserved_slugs)
    record = sleep.stack_of(backend, target.stack)
    check_owner(target, record)
    check_state(record, backend)
    sleep.wake(backend, record, quiet=quiet)
    console.say(f"{record.name} is awake: {record.url}")
