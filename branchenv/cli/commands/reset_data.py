"""`branchenv reset-data`."""

from branchenv.cli import deploy_options, deployed, options
from branchenv.operations.deploy import reset_data


def command(
    which: options.Which,
    how: options.Output,
    wait: deploy_options.Wait = "5m",
    quiet: options.Quiet = False,
) -> None:
    """Give a branch fresh data, and print its URL.

    What it runs is deployed again with another BRANCH_DATA in its pods and jobs: a database that is named after it is
    made again, a database server without a volume of its own starts empty, and all jobs run, those that run once as
    well. Nothing is built, and the branch stays as it is.
    """
    max_wait = deploy_options.duration(wait, "--wait").total_seconds()
    deployed.deploy(which, how, lambda target: reset_data.reset_data(target, max_wait=max_wait, quiet=quiet))
