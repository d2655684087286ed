"""Builds with one file of a module replaced by ours, which Go itself does for whole modules only."""

import json
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.errors import LocalError
from local.paths import CACHE


@dataclass(frozen=True, kw_only=True)
class Replacement:
    """One file of a module, and what stands in its place."""

    module: str
    file: str
    """Its path in the module."""
    by: Path


@contextmanager
def replaced(
    replacement: Replacement | None, folder: Path, *, environment: Mapping[str, str], fix: str
) -> Iterator[list[str]]:
    """Give the flags of `go list` and `go build` with which a module of ours sees the replacement; none without one.

    Args:
        replacement: what to replace.
        folder: the folder of our go.mod, which pins the module: what is copied is checked against its go.sum.
        environment: what `go` runs with.
        fix: what a person does if the module cannot be had.

    Raises:
        LocalError: the module cannot be downloaded.
    """
    if replacement is None:
        yield []
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="module-", dir=CACHE) as made:
        copy = Path(made) / "copy"
        shutil.copytree(_downloaded(replacement.module, folder, environment, fix), copy)
        file = copy / replacement.file
        # Go's cache is read-only, and so is a copy of it; a folder that is cannot be removed either.
        for each in (copy, *copy.rglob("*")):
            each.chmod(each.stat().st_mode | stat.S_IWUSR)
        shutil.copyfile(replacement.by, file)
        for name in ("go.mod", "go.sum"):
            shutil.copyfile(folder / name, Path(made) / name)
        seen = f"{made}/go.mod"
        subprocess.run(["go", "mod", "edit", f"-replace={replacement.module}={copy}", seen], check=True)
        yield [f"-modfile={seen}"]


def _downloaded(module: str, folder: Path, environment: Mapping[str, str], fix: str) -> Path:
    done = subprocess.run(
        ["go", "mod", "download", "-json", module],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise LocalError(f"{module} cannot be downloaded: {done.stderr or done.stdout}", fix)
    return Path(json.loads(done.stdout)["Dir"])
