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
from branchenv.model.errors import BranchenvError, ExitCode

SUMMARIES = {
    "up": "Deploy a branch: select its stack, `pulumi up`, announce the URL.",
    "down": "Remove a branch's environment: `pulumi destroy`, and the stack with it.",
    "list": "List environments: URL, state, age, expiry, owner, cost.",
    "open": "Open a branch's URL in the browser.",
    "why": "Say why an environment is not up: image, crash, probe, quota, rule, room.",
    "logs": "Show what a branch's pods print.",
    "extend": "Let an environment stay longer.",
    "sleep": "Scale an environment to zero; its URL then says how to wake it.",
    "wake": "Bring a sleeping environment back.",
    "unlock": "Break locks whose owner is gone.",
    "select": "Make a branch's stack ready for `pulumi up`: config, tags, locks.",
    "announce": "Wait until the URL answers, and say so on the merge request.",
    "sweep": "Find what is orphaned, expired or idle; with --apply, remove it.",
    "doctor": "Check tools, backend, base stack, cluster, gateway and GitLab.",
}
"""Every command, in the order in which `--help` lists them. Each is `branchenv/cli/commands/<name>.py`."""

_ABOUT = """\
An environment with a URL of its own for every branch.

What it works on comes from options, else from variables (in a GitLab job its predefined ones are enough), else from
the git checkout. Data goes to stdout, everything else to stderr; exit codes are listed in docs/operations.md.
"""


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
    command = _built(name, import_module(f"branchenv.cli.commands.{name}").command)
    # Every command takes --debug, and none has to name it.
    command.params += _built(name, _root).params
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
        add_completion=False,
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
    app = typer.Typer(add_completion=False)
    app.command(name)(function)
    return get_command(app)


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


def _root(_debug: Debug = False) -> None:
    """Take the options that stand before the command's name."""
