"""`.branchenv.toml` in an app's repository: what need not be typed there.

    app = "shop"
    base = "base-prod"
    environment = "deploy/branch.yaml"

Options and variables override it. Paths are seen from its own folder. Jobs of the GitLab component get all of this from
the component's inputs.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from branchenv.model.errors import BranchenvError, bad_input
from core.suggestions import did_you_mean

NAME = ".branchenv.toml"


@dataclass(frozen=True, kw_only=True)
class ProjectFile:
    """What the file says; empty where it says nothing, or where there is none."""

    app: str = ""
    base: str = ""
    environment: Path | None = None
    """Environment file that branches run, unless an option says otherwise."""
    chart: Path | None = None
    """Folder of the Helm chart that they run instead."""


def read(folder: Path | None = None) -> ProjectFile:
    """Read the nearest one: of a folder, or of one above it up to the top of its git checkout.

    Args:
        folder: where to begin; None for the current folder.

    Raises:
        BranchenvError: it is no TOML, or holds what is not known.
    """
    file = next((each / NAME for each in _folders((folder or Path.cwd()).resolve()) if (each / NAME).is_file()), None)
    if file is None:
        return ProjectFile()
    values = _values(file)
    paths = {key: (file.parent / values[key]).resolve() for key in ("environment", "chart") if values.get(key)}
    return ProjectFile(app=values.get("app", ""), base=values.get("base", ""), **paths)


def _folders(folder: Path) -> list[Path]:
    """Return the folders to look into: up to the checkout's top, or this folder alone outside of one."""
    up = [folder, *folder.parents]
    top = next((each for each in up if (each / ".git").exists()), folder)
    return up[: up.index(top) + 1]


def _values(file: Path) -> Mapping[str, str]:
    try:
        found: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise _refused(file, str(e), "it cannot be read as TOML", 'e.g. app = "shop"') from e
    known = [each.name for each in fields(ProjectFile)]
    for key, value in found.items():
        if key not in known:
            meant = did_you_mean(key, known)
            raise _refused(file, key, f"it holds {', '.join(known)}, each once", meant or f"take {key} out")
        if not isinstance(value, str):
            raise _refused(file, f"{key} = {value!r}", f"{key} is text in quotes", f'write it as: {key} = "..."')
    return found


def _refused(file: Path, value: str, rule: str, fix: str) -> BranchenvError:
    return bad_input(str(file), value, rule, fix)
