"""`branchenv down`."""

from branchenv.cli import deploy_options, options
from branchenv.operations import outcome
from branchenv.operations.lifetime import down


def command(
    which: options.Which,
    how: options.Output,
    wait: deploy_options.Wait = "10m",
    yes: options.Yes = False,
    quiet: options.Quiet = False,
) -> None:
    """Remove a branch's environment: `pulumi destroy --remove`.

    It works from Pulumi's state alone, without checkout, config file or the branch itself, on any machine and as often
    as one likes. A deploy that is under way is waited for: a stop must not lose. On a terminal it shows what will go,
    and asks.
    """
    with outcome.printed(as_json=how.json) as done:
        target = which.target()
        done.about(target)
        max_wait = deploy_options.duration(wait, "--wait").total_seconds()
        removed = down.down(target, max_wait=max_wait, yes=yes, quiet=quiet)
        done.ended("removed" if removed else "absent")
