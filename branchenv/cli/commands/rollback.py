"""`branchenv rollback`."""

from typing import Annotated

from branchenv.cli import deploy_options, deployed, options
from branchenv.cli.option import option
from branchenv.operations.deploy import rollback


def command(
    which: options.Which,
    how: options.Output,
    to: Annotated[
        str,
        option(
            "--to",
            "COMMIT",
            "Commit that was deployed once. Default: that of the last good push before the present one.",
        ),
    ] = "",
    wait: deploy_options.Wait = "5m",
    quiet: options.Quiet = False,
) -> None:
    """Go back to what a branch ran before its last push, and print its URL.

    Image and files are those in the stack's history, the files from git: nothing is built, and the branch stays
    as it is. If the last push failed, it goes back to what was deployed before that. The next push is deployed as
    usual.
    """
    max_wait = deploy_options.duration(wait, "--wait").total_seconds()
    deployed.deploy(which, how, lambda target: rollback.rollback(target, to=to, max_wait=max_wait, quiet=quiet))
