"""Where the Pulumi program is: its folder, with `Pulumi.yaml` and the packages that it runs with."""

import json
import os
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path
from urllib.parse import unquote, urlsplit

from branchenv.model.errors import bad_input

VARIABLE = "BRANCHENV_PROGRAM"
_DISTRIBUTION = "branch-environments"
_PYTHON = (".venv/bin/python", ".venv/Scripts/python.exe")
"""As `virtualenv` of Pulumi.yaml has it."""


def folder() -> Path:
    """Return the program's folder.

    It is what BRANCHENV_PROGRAM names; else the checkout that this package is part of, or was installed from.

    Raises:
        BranchenvError: it is no Pulumi program.
    """
    named = os.environ.get(VARIABLE)
    found = Path(named) if named else next(filter(_is_program, _own()), None)
    if found is None or not _is_program(found):
        raise bad_input(
            VARIABLE,
            found or "(missing)",
            "the program's folder holds Pulumi.yaml"
            if found
            else "branchenv was not installed from a checkout, so it does not know where the program is",
            f"point {VARIABLE} at a checkout of branch-environments in which `make venv` was run",
        )
    return found.resolve()


def check_packages(program: Path) -> None:
    """See that a program's packages are installed: a fresh checkout has none.

    Raises:
        BranchenvError: they are not.
    """
    if not any((program / each).exists() for each in _PYTHON):
        raise bad_input(
            "program", program, "the program's Python packages are not installed", f"make -C {program} venv"
        )


def _is_program(path: Path) -> bool:
    return (path / "Pulumi.yaml").is_file()


def _own() -> list[Path]:
    """Return where the program may be: beside this package, or where that was installed from (PEP 610)."""
    package = Path(__file__).resolve().parents[1]
    try:
        recorded = json.loads(Distribution.from_name(_DISTRIBUTION).read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        recorded = {}
    url = urlsplit(str(recorded.get("url", "")))
    return [package.parent, *([Path(unquote(url.path))] if url.scheme == "file" else [])]
