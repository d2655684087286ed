"""`branchenv up`."""

from branchenv import console
from branchenv.cli import deploy_options, options
from branchenv.model import context
from branchenv.operations import up


def command(
    branch_argument: options.BranchArgument = "",
    branch: options.Branch = "",
    app: options.App = "",
    base: options.Base = "",
    project: options.Project = "",
    image: deploy_options.Image = "",
    images: deploy_options.Images = None,
    environment: deploy_options.Environment = None,
    chart: deploy_options.Chart = None,
    ready_timeout: deploy_options.ReadyTimeout = None,
    expires_in: deploy_options.ExpiresIn = "",
    secrets_provider: deploy_options.SecretsProvider = "",
    wait: deploy_options.Wait = "5m",
    quiet: options.Quiet = False,
) -> None:
    """Deploy a branch and print its URL: `branchenv select`, `pulumi up`, `branchenv announce`.

    What was given once need not be given again on this machine. An `up` that was interrupted goes on when it is run
    again.
    """
    target = context.target(app=app, branch=branch_argument or branch, base=base, project=project)
    wanted = deploy_options.wanted(
        image=image,
        images=images,
        environment=environment,
        chart=chart,
        ready_timeout=ready_timeout,
        expires_in=expires_in,
        secrets_provider=secrets_provider,
    )
    patience = deploy_options.duration(wait, "--wait").total_seconds()
    console.data(up.up(target, wanted, patience=patience, quiet=quiet))
