"""A branch stack's config file, `Pulumi.<stack>.yaml`, beside the program's Pulumi.yaml."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from branchenv.model.context import PULUMI_PROJECT
from branchenv.model.errors import BranchenvError, ExitCode

WHAT_RUNS = ("image", "images", "environment", "chart")
"""Keys that say together what runs: a stack is given all of them anew, or none."""


def write(file: Path, values: Mapping[str, object], *, without: tuple[str, ...], secrets: Mapping[str, str]) -> None:
    """Set keys of a config file, and keep what else it holds.

    Args:
        file: the config file; made if missing.
        values: by key of the program's config, without the project's name.
        without: keys to take out.
        secrets: how the stack's state is encrypted, as the file's own top-level keys; set if the file has none of it.

    Raises:
        BranchenvError: the file is no config file.
    """
    whole = _read(file)
    if not whole.keys() & {"encryptionsalt", "secretsprovider", "encryptedkey"}:
        whole.update(secrets)
    config = whole.setdefault("config", {})
    for key in without:
        config.pop(f"{PULUMI_PROJECT}:{key}", None)
    config.update({f"{PULUMI_PROJECT}:{key}": value for key, value in values.items()})
    # Whole or not at all: a killed `select` must not leave half a file for the next one.
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_text(yaml.safe_dump(whole, allow_unicode=True, sort_keys=False))
    draft.replace(file)


def _read(file: Path) -> dict[str, Any]:
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
    return BranchenvError(
        rule,
        fix="remove it: branchenv writes a new one, and nothing else is kept there",
        code=ExitCode.BAD_INPUT,
        field="config file",
        value=file,
    )
