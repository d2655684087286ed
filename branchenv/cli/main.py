"""The command line: which commands there are, and how they end.

A command's module is imported when that command is called: `branchenv select` runs in every CI job, and must not wait
for the libraries of the commands beside it.
"""

import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from branchenv import console
from branchenv.cli.option_groups import flattened
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.version import VERSION

SUMMARIES = {
    "up": "Deploy a branch and print its URL.",
    "down": "Remove a branch's environment, and its stack with it.",
    "list": "List environments: URL, state, age, expiry, owner, cost.",
    "diff": "Show what was changed by hand since the last deploy.",
    "rollback": "Go back to what ran before the last push.",
    "reset-data": "Give a branch fresh data.",
    "open": "Open a branch's URL in the browser.",
    "why": "Say why an environment is not up, and the fix.",
    "logs": "Show what a branch's pods print.",
    "extend": "Put off when an environment expires.",
    "sleep": "Scale an environment to zero; its URL says how to wake it.",
    "wake": "Bring a sleeping environment back.",
    "unlock": "Break locks whose owner has ended.",
    "select": "Make a branch's stack ready for `pulumi up`.",
    "kubeconfig": "Sign in to EKS or GKE with the job's cloud credentials.",
    "announce": "Wait until the URL answers, and say so on the merge request.",
    "sweep": "Find what is orphaned, expired or idle; --apply removes it.",
    "init": "Write the config file of a new base stack.",
    "doctor": "Check what a deploy needs, with a fix for what is wrong.",
}
"""Every command, in the order in which `--help` lists them. Each is a file of its name in `branchenv/cli/commands`."""

_ABOUT = """\
An environment with a URL of its own for every branch.

What it works on comes from options, else from variables (in a GitLab job its predefined ones are enough), else from
the git checkout. Data goes to stdout, everything else to stderr; exit codes are listed in docs/operations.md.
"""

_MARKUP = None
"""Plain help: it is wrapped to the terminal's width, and does not wait for a library that draws boxes."""


class _Commands(TyperGroup):
    """The commands, each loaded when it is called."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - typer's own
        super().__init__(**settings)
        # As much as `--help` and suggestions need to know.
        self.commands.update({name: TyperCommand(name, help=summary) for name, summary in SUMMARIES.items()})

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - typer has no public types for these
        name, command, rest = super().resolve_command(ctx, args)
        return name, load(name) if name and command else command, rest


def load(name: str) -> Any:  # noqa: ANN401 - as above
    """Import one command.

    Args:
        name: a key of `SUMMARIES`.
    """
    command = _built(name, flattened(import_module(f"branchenv.cli.commands.{name.replace('-', '_')}").command))
    # Every command takes --debug, and none has to name it.
    command.params += _built(name, _every).params
    return command


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: of the command line, without the program's name; None for this process's own.

    Returns:
        The exit code.
    """
    app = typer.Typer(
        cls=_Commands,
        help=_ABOUT,
        no_args_is_help=True,
        rich_markup_mode=_MARKUP,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    try:
        get_command(app).main(args=list(arguments) if arguments is not None else None, prog_name="branchenv")
    except SystemExit as e:
        return e.code if isinstance(e.code, int) else ExitCode.FAILED
    except BranchenvError as e:
        _trace()
        console.error(str(e))
        return e.code
    except Exception as e:  # noqa: BLE001 - a person is never shown a traceback unasked
        _trace()
        console.error(
            f"{type(e).__name__}: {e}\n    fix:   the same command with --debug shows where; please report it"
        )
        return ExitCode.FAILED
    return ExitCode.DONE


def main() -> None:
    """Run one command and leave with its exit code."""
    sys.exit(run())


def _trace() -> None:
    if console.debugging():
        traceback.print_exc()


def _built(name: str, function: Callable[..., None]) -> Any:  # noqa: ANN401 - as above
    app = typer.Typer(add_completion=False, rich_markup_mode=_MARKUP)
    app.command(name)(function)
    return get_command(app)


def _show_version(value: bool) -> None:
    if value:
        console.data(f"branchenv {VERSION}")
        raise typer.Exit


def _set_debug(value: bool) -> None:
    if value:
        console.set_debug()


Debug = Annotated[
    bool,
    typer.Option(
        "--debug",
        envvar="BRANCHENV_DEBUG",
        callback=_set_debug,
        is_eager=True,
        expose_value=False,
        help="Show tracebacks.",
    ),
]


Version = Annotated[
    bool,
    typer.Option("--version", callback=_show_version, is_eager=True, expose_value=False, help="Print the version."),
]


def _every(_debug: Debug = False) -> None:
    """Take the options that stand behind it as well."""


def _root(_version: Version = False, _debug: Debug = False) -> None:
    """Take the options that stand before the command's name."""
