"""`branchenv wake`."""

from branchenv import console
from branchenv.cli import options
from branchenv.clients.backend import open_backend
from branchenv.clients.pulumi_cli import PulumiError
from branchenv.model import context
from branchenv.operations import sleep
from branchenv.operations.ownership import check_owner, check_state
from branchenv.operations.select import base_of


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
    promised = base_of(backend, target.base).app(target.app)
    target = target.reserving(promised.reserved_slugs)
    record = sleep.stack_of(backend, target.stack)
    check_owner(target, record)
    check_state(record, backend)
    try:
        sleep.wake(backend, record, quiet=quiet)
    except PulumiError as e:
        # Imported here: only a failure needs it.
        from branchenv.why.failure import explained

        raise explained(e, promised, target, shown=not quiet) from e
    console.say(f"{record.name} is awake: {record.url}")
