"""`branchenv up`."""

from branchenv import console, context, deployment, options, wishes


def command(
    branch_argument: options.BranchArgument = "",
    branch: options.Branch = "",
    app: options.App = "",
    base: options.Base = "",
    project: options.Project = "",
    image: wishes.Image = "",
    images: wishes.Images = None,
    environment: wishes.Environment = None,
    chart: wishes.Chart = None,
    ready_timeout: wishes.ReadyTimeout = None,
    expires_in: wishes.ExpiresIn = "",
    secrets_provider: wishes.SecretsProvider = "",
    wait: wishes.Wait = "5m",
    quiet: options.Quiet = False,
) -> None:
    """Deploy a branch and print its URL: `branchenv select`, `pulumi up`, `branchenv announce`.

    What was given once need not be given again on this machine. An `up` that was interrupted goes on when it is run
    again.
    """
    target = context.target(app=app, branch=branch_argument or branch, base=base, project=project)
    wanted = wishes.wanted(
        image=image,
        images=images,
        environment=environment,
        chart=chart,
        ready_timeout=ready_timeout,
        expires_in=expires_in,
        secrets_provider=secrets_provider,
    )
    patience = wishes.duration(wait, "--wait").total_seconds()
    console.data(deployment.up(target, wanted, patience=patience, quiet=quiet))
