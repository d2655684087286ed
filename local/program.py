"""A copy of the Pulumi program, to deploy from a folder of its own."""

import shutil
from pathlib import Path

from local.paths import REPOSITORY

PACKAGES = ("branchenv", "components", "core", "stacks")
_FILES = ("Pulumi.yaml", "__main__.py", *PACKAGES, "schemas", "examples")


def copy_program(to: Path, *, venv: Path) -> Path:
    """Make a fresh copy of the program, as a clone would be: without any stack's config.

    Args:
        to: the folder to make.
        venv: virtual environment with the program's packages, linked to where Pulumi.yaml says that they are.
    """
    to.mkdir(parents=True)
    for name in _FILES:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, to / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, to / name)
    (to / ".venv").symlink_to(venv)
    return to
