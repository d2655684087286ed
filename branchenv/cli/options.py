"""Options that commands share.

A command takes single ones by name, `def command(app: options.App = "") -> None`, and those that belong together as
one: `def command(which: options.Which) -> None` (`option_groups.py`).
"""

import os
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer

from branchenv.cli import project_file
from branchenv.cli.option import option
from branchenv.model import context
from branchenv.model.errors import bad_input

BRANCH_VARIABLE = "BRANCHENV_BRANCH"


def _app(ctx: typer.Context, value: str) -> str:
    return value or ("" if ctx.resilient_parsing else project_file.read().app)


def _base(ctx: typer.Context, value: str) -> str:
    return value or ("" if ctx.resilient_parsing else project_file.read().base)


App = Annotated[
    str,
    option(
        "--app",
        "NAME",
        "App, as the base stack calls it. Default: as .branchenv.toml says, else the GitLab project's name.",
        variable="BRANCHENV_APP",
        callback=_app,
    ),
]
Branch = Annotated[
    str,
    option("--branch", "NAME", "The same as the argument BRANCH.", variable=BRANCH_VARIABLE),
]
BranchArgument = Annotated[
    str,
    typer.Argument(
        show_default=False,
        metavar="BRANCH",
        help="Full name of the branch. Default: the job's branch, or the one checked out.",
    ),
]
Base = Annotated[
    str,
    option(
        "--base",
        "STACK",
        "Base stack of the cluster. Default: as .branchenv.toml says, else base-local.",
        variable="BRANCHENV_BASE",
        callback=_base,
    ),
]
Project = Annotated[
    str,
    option(
        "--project",
        "GROUP/NAME",
        "GitLab project. Default: the job's, or that of the git remote `origin`.",
        variable="BRANCHENV_PROJECT",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="The same as --output json.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the result and errors only.")]


class Form(StrEnum):
    """How a command prints what it was asked for."""

    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, kw_only=True)
class Output:
    """How a command prints what it was asked for."""

    output: Annotated[Form, typer.Option("--output", "-o", help="How to print the result.")] = Form.TEXT
    as_json: Json = False

    @property
    def json(self) -> bool:
        """Whether it is JSON, for a program to read."""
        return self.as_json or self.output is Form.JSON


@dataclass(frozen=True, kw_only=True)
class Which:
    """One branch of one app."""

    branch_argument: BranchArgument = ""
    branch: Branch = ""
    app: App = ""
    base: Base = ""
    project: Project = ""

    def target(self) -> context.Target:
        """Find out which branch of which app is meant.

        Raises:
            BranchenvError: something is missing, cannot be, or was given twice.
        """
        given = self.branch_argument or self.branch
        # The option's value may be its variable's, which the argument overrides.
        if self.branch and self.branch not in (given, os.environ.get(BRANCH_VARIABLE, "")):
            raise bad_input(
                "--branch",
                self.branch,
                f"two branches are given: {self.branch_argument} and {self.branch}",
                "give the argument BRANCH or --branch",
            )
        return context.target(app=self.app, branch=given, base=self.base, project=self.project)
