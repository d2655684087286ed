"""`branchenv up`."""

from branchenv.cli import deploy_options, deployed, options
from branchenv.operations.deploy import up


def command(
    which: options.Which, deploy: deploy_options.DeployOptions, how: options.Output, quiet: options.Quiet = False
) -> None:
    """Deploy a branch and print its URL: `branchenv select`, `pulumi up`, `branchenv announce`.

    Without an option that says what runs, it is environment.yaml of the current folder, as in CI; without that, what
    was deployed before. An attempt that failed changes nothing of this. An `up` that was interrupted goes on when it is
    run again.
    """
    deployed.deploy(
        which, how, lambda target: up.up(target, deploy.wanted(whole=True), max_wait=deploy.max_wait, quiet=quiet)
    )
