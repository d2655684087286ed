"""An option with a value."""

from collections.abc import Callable

import typer
from typer.models import OptionInfo


def option(
    flag: str, metavar: str, about: str, *, variable: str = "", callback: Callable[..., str] | None = None
) -> OptionInfo:
    """Return an option whose help says in words what holds where it is not given.

    Args:
        flag: e.g. `--app`.
        metavar: what stands for its value in the help.
        about: its help.
        variable: environment variable that says the same; empty for none.
        callback: returns its value for what is given.
    """
    found: OptionInfo = typer.Option(
        flag, show_default=False, metavar=metavar, help=about, envvar=variable or None, callback=callback
    )
    return found
