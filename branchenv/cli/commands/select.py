"""`branchenv select`."""

from branchenv import console
from branchenv.cli import deploy_options, options
from branchenv.model import context
from branchenv.operations.select import select


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
) -> None:
    """Make a branch's stack ready for `pulumi up`, and print its name.

    The stack is made if it is missing, its config file is written beside the program's Pulumi.yaml, and its tags say
    whose it is and when it expires. Locks of jobs and processes that are gone are broken, and what they left open is
    brought in order. Afterwards, in the program's folder: pulumi up --yes --skip-preview
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
    selected = select(target, wanted, patience=deploy_options.duration(wait, "--wait").total_seconds())
    console.data(selected.target.stack)
