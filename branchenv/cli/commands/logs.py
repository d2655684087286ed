"""`branchenv logs`: what a branch's pods print."""

import subprocess
from typing import Annotated

import typer

from branchenv.cli import options


def command(
    branch: options.BranchArgument = "",
    app: options.App = "",
    base: options.Base = "",
    workload: Annotated[str, typer.Option("--workload", metavar="NAME", help="Of this workload's pods only.")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until interrupted.")] = False,
    tail: Annotated[int, typer.Option("--tail", min=0, help="Lines of each pod to begin with.")] = 50,
) -> None:
    """Show what a branch's pods print, with kubectl; every line says of which pod it is."""
    from branchenv.clients.backend import open_backend
    from branchenv.clients.kubernetes import Cluster
    from branchenv.model.base import homes
    from branchenv.model.context import target
    from branchenv.model.errors import BranchenvError, ExitCode
    from core.labels import APP_LABEL, NAME_LABEL, SLUG_LABEL

    wanted = target(app=app, branch=branch, base=base)
    cluster = Cluster.connect(lambda: homes(open_backend().stack(wanted.base), wanted.base))
    # By the branch's name as well: the base stack may reserve its slug.
    found = [
        each for each in cluster.environments(wanted.app) if wanted.branch == each.branch or wanted.slug == each.slug
    ]
    if not found:
        raise BranchenvError(f"branch {wanted.branch} of {wanted.app} has no environment", fix="see `branchenv list`")
    record = found[0]
    if record.wanted == 0:
        raise BranchenvError("no pods run: the environment is asleep", fix=f"branchenv wake {wanted.branch}")
    selector = f"{APP_LABEL}={record.app},{SLUG_LABEL}={record.slug}"
    if workload:
        selector += f",{NAME_LABEL}={workload}"
    arguments = ["--namespace", record.namespace, "--selector", selector, "--prefix", "--max-log-requests", "100"]
    arguments += ["--tail", str(tail), *(["--follow"] if follow else [])]
    try:
        code = subprocess.run(["kubectl", "logs", *arguments], check=False).returncode  # noqa: S607 - as PATH has it
    except FileNotFoundError as e:
        raise BranchenvError("there is no kubectl on the PATH", fix="install kubectl", code=ExitCode.CLUSTER) from e
    except KeyboardInterrupt:
        # How a person ends --follow.
        return
    if code:
        raise BranchenvError(
            f"kubectl logs ended with exit code {code}", fix="what it says is above", code=ExitCode.CLUSTER
        )
