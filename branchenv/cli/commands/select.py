"""`branchenv select`."""

from contextlib import nullcontext

from branchenv import console
from branchenv.cli import deploy_options, options
from branchenv.model import context
from branchenv.note import events
from branchenv.note import writer as note_writer
from branchenv.operations.deploy.select import remember, select


def command(which: options.Which, deploy: deploy_options.DeployOptions) -> None:
    """Make a branch's stack ready for `pulumi up`, and print its name.

    The stack is made if it is missing, its config file is written beside the program's Pulumi.yaml, and its tags say
    whose it is and when it expires. Locks of jobs and processes that have ended are broken, and what they left open is
    brought in order. Afterwards, in the program's folder: pulumi up --yes --skip-preview
    """
    target = which.target()
    # A preview's job has no environment, and a person's `pulumi up` tells nobody how it ended.
    job = context.pipeline()
    tells = bool(job and job.environment)
    with events.failures(target) if tells else nullcontext():
        selected = select(target, deploy.wanted(), max_wait=deploy.max_wait, tells=tells)
    note_writer.settle()
    remember(selected.target, selected.config)
    console.data(selected.target.stack)
