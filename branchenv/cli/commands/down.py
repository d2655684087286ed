"""`branchenv down`."""

from branchenv.cli import deploy_options, options
from branchenv.model import context
from branchenv.operations import down


def command(
    branch_argument: options.BranchArgument = "",
    branch: options.Branch = "",
    app: options.App = "",
    base: options.Base = "",
    project: options.Project = "",
    wait: deploy_options.Wait = "10m",
    yes: options.Yes = False,
    quiet: options.Quiet = False,
) -> None:
    """Remove a branch's environment: `pulumi destroy --remove`.

    It works from Pulumi's state alone, without checkout, config file or the branch itself, on any machine and as often
    as one likes. A deploy that is under way is waited for: a stop must not lose. On a terminal it shows what will go,
    and asks.
    """
    target = context.target(app=app, branch=branch_argument or branch, base=base, project=project)
    down.down(target, patience=deploy_options.duration(wait, "--wait").total_seconds(), yes=yes, quiet=quiet)
