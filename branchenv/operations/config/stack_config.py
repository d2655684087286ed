"""A branch stack's config file, `Pulumi.<stack>.yaml`, beside the program's Pulumi.yaml."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from branchenv.clients import scratch
from branchenv.model.context import PULUMI_PROJECT
from branchenv.model.errors import BranchenvError, bad_input

WHAT_RUNS = ("image", "images", "environment", "chart")
"""Keys that say together what runs: a stack is given all of them again, or none."""
FILES = ("environment", "chart")
"""Those of them whose values are paths."""
READY_TIMEOUT = "readyTimeoutSeconds"
"""Key of the seconds in which pods are to be ready."""
SLEEP = ("asleep", "asleepReason", "asleepLink", "waking")
"""Keys of an environment that sleeps, or wakes."""
DIGESTS = "digests"
"""Key that says which image each tag named when it was deployed."""
DATA = "data"
"""Key that names the branch's data."""
SOURCE = "source"
"""Key that notes what is deployed: `commit`, `root` (top folder of its checkout) and `rollback`."""


def composed(
    file: Path, values: Mapping[str, object], *, without: tuple[str, ...], secrets: Mapping[str, str]
) -> dict[str, Any]:
    """Return what a config file holds, with keys set, and write nothing.

    Args:
        file: the config file; may be missing.
        values: by key of the program's config, without the project's name.
        without: keys to take out.
        secrets: how the stack's state is encrypted, as the file's own top-level keys; set if the file has none of it.

    Raises:
        BranchenvError: the file is no config file.
    """
    whole = read(file)
    if not whole.keys() & {"encryptionsalt", "secretsprovider", "encryptedkey"}:
        whole.update(secrets)
    config = whole.setdefault("config", {})
    for key in without:
        config.pop(f"{PULUMI_PROJECT}:{key}", None)
    config.update({f"{PULUMI_PROJECT}:{key}": value for key, value in values.items()})
    return whole


def save(file: Path, whole: Mapping[str, Any]) -> None:
    """Write a config file, whole or not at all: a killed command must not leave half a file for the next one."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_text(yaml.safe_dump(dict(whole), allow_unicode=True, sort_keys=False))
    draft.replace(file)


@contextmanager
def of_one_run(whole: Mapping[str, Any]) -> Iterator[Path]:
    """Return a config file that one `pulumi up` alone reads, and into which it may write.

    Two runs for the same stack share the file in the program's folder, and each would deploy what the last of them
    wrote there.
    """
    with scratch.folder() as folder:
        file = folder / "config.yaml"
        save(file, whole)
        yield file


def read(file: Path) -> dict[str, Any]:
    """Return what a config file holds: nothing, if it is missing.

    Raises:
        BranchenvError: the file is no config file.
    """
    try:
        whole = yaml.safe_load(file.read_text()) if file.exists() else {}
    except (OSError, yaml.YAMLError) as e:
        raise _refused(file, f"it cannot be read: {e}") from e
    whole = whole or {}
    if not isinstance(whole, dict) or not isinstance(whole.get("config") or {}, dict):
        raise _refused(file, "it is no config file of Pulumi's")
    if whole.get("config") is None:
        whole.pop("config", None)
    return whole


def _refused(file: Path, rule: str) -> BranchenvError:
    return bad_input("config file", file, rule, "remove it: branchenv writes a new one, and nothing else is kept there")
