"""`branchenv up`."""

from branchenv import console
from branchenv.cli import deploy_options, options
from branchenv.operations import outcome, up


def command(
    which: options.Which, deploy: deploy_options.DeployOptions, how: options.Output, quiet: options.Quiet = False
) -> None:
    """Deploy a branch and print its URL: `branchenv select`, `pulumi up`, `branchenv announce`.

    Without an option that says what runs, it is environment.yaml of the current folder, as in CI; without that, what
    was deployed before. An attempt that failed changes nothing of this. An `up` that was interrupted goes on when it is
    run again.
    """
    with outcome.printed(as_json=how.json) as done:
        target = which.target()
        done.about(target)
        record = up.up(target, deploy.wanted(whole=True), max_wait=deploy.max_wait, quiet=quiet)
        done.ended("ready", record)
    if not how.json:
        console.data(record.url)
