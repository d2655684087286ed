"""`branchenv wake`."""

from branchenv import console
from branchenv.cli import options
from branchenv.clients.backend import open_backend
from branchenv.clients.pulumi_cli import PulumiError
from branchenv.model.errors import BranchenvError
from branchenv.note import events
from branchenv.note.writer import NoteTarget
from branchenv.operations import lookup
from branchenv.operations.lifetime import sleep
from branchenv.operations.ownership import check_owner, check_state


def command(which: options.Which, quiet: options.Quiet = False) -> None:
    """Bring a sleeping environment back.

    Its URL shows the page until the pods are ready, and then the app.
    """
    backend = open_backend()
    found = lookup.find(backend, which.target())
    check_owner(found.target, found.record)
    check_state(found.record, backend)

    def explain(error: PulumiError) -> BranchenvError:
        # Imported here: only a failure needs it.
        from branchenv.why.failure import explained

        failure = explained(error, found.app, found.target, shown=not quiet)
        events.failed(NoteTarget.of(found.target, found.record.tags), events.of_error(failure), deploy=False)
        return failure

    sleep.wake(backend, found.record, quiet=quiet, explain=explain)
    console.say(f"{found.record.name} is awake: {found.record.url}")
