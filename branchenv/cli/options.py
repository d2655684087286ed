"""Options that commands share. A command's signature names them: `def command(app: options.App = "") -> None`."""

from typing import Annotated

import typer

App = Annotated[
    str,
    typer.Option(
        "--app",
        envvar="BRANCHENV_APP",
        show_default=False,
        metavar="NAME",
        help="App, as the base stack calls it. Default: the GitLab project's name.",
    ),
]
Branch = Annotated[
    str,
    typer.Option(
        "--branch",
        envvar="BRANCHENV_BRANCH",
        show_default=False,
        metavar="NAME",
        help="Full name of the branch. Default: the job's branch, or the one checked out.",
    ),
]
BranchArgument = Annotated[
    str,
    typer.Argument(
        envvar="BRANCHENV_BRANCH",
        show_default=False,
        metavar="BRANCH",
        help="Full name of the branch. Default: the job's branch, or the one checked out.",
    ),
]
Base = Annotated[
    str,
    typer.Option(
        "--base",
        envvar="BRANCHENV_BASE",
        show_default=False,
        metavar="STACK",
        help="Base stack of the cluster. Default: base-local.",
    ),
]
Project = Annotated[
    str,
    typer.Option(
        "--project",
        envvar="BRANCHENV_PROJECT",
        show_default=False,
        metavar="GROUP/NAME",
        help="GitLab project. Default: the job's, or that of the git remote `origin`.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the result and errors only.")]
