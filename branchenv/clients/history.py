"""What a stack was deployed with, as Pulumi's own history of its updates tells it, on every backend."""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from branchenv.clients import pulumi_cli
from branchenv.model.context import PULUMI_PROJECT
from branchenv.model.errors import BranchenvError, ExitCode

_PREFIX = f"{PULUMI_PROJECT}:"
_LOOKED_AT = 20
"""Updates, the newest first. Of a stack whose last twenty all failed, nothing is remembered."""
_MAX_WAIT = 60.0


@dataclass(frozen=True, kw_only=True)
class Update:
    """One change of a stack."""

    kind: str
    """`update` is a `pulumi up`."""
    succeeded: bool
    config: Mapping[str, Any] = field(default_factory=dict)
    """Values by key, without the project's name."""


def last_deployed(stack: str) -> Mapping[str, Any] | None:
    """Return the config of the last `pulumi up` that came to its end; attempts that failed are passed over.

    Args:
        stack: name.

    Returns:
        Values by key, without the project's name; None where no `pulumi up` of it has succeeded.

    Raises:
        BranchenvError: Pulumi does not tell.
    """
    return succeeded(updates(stack))


def updates(stack: str, *, most: int = _LOOKED_AT) -> list[Update]:
    """Return a stack's last changes, the newest first.

    Args:
        stack: name.
        most: how many.

    Raises:
        BranchenvError: Pulumi does not tell.
    """
    command = ["pulumi", "stack", "history", "--json", "--stack", pulumi_cli.full_name(stack)]
    command += ["--page-size", str(most), "--non-interactive", "--color=never"]
    try:
        done = subprocess.run(
            command,
            cwd=tempfile.gettempdir(),  # no Pulumi.yaml there: it is asked about a stack by its full name
            env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_MAX_WAIT,
            check=True,
        )
        return read(json.loads(done.stdout or "[]"))
    except (OSError, subprocess.SubprocessError, ValueError) as e:
        message = str(getattr(e, "stderr", "") or e).strip()
        raise BranchenvError(
            f"Pulumi does not tell what {stack} was last deployed with: {message}",
            fix="say what it runs: --image, --environment or --chart; or see what is wrong: pulumi whoami -v",
            code=ExitCode.BACKEND,
        ) from e


def succeeded(changes: Sequence[Update]) -> Mapping[str, Any] | None:
    """Return the config of the newest `pulumi up` that succeeded.

    Args:
        changes: the newest first.
    """
    return next((each.config for each in changes if each.kind == "update" and each.succeeded), None)


def read(listed: Sequence[Mapping[str, Any]]) -> list[Update]:
    """Read changes.

    Args:
        listed: as `pulumi stack history --json` lists them.
    """
    return [
        Update(
            kind=str(each["kind"]),
            succeeded=each["result"] == "succeeded",
            config={
                key.removeprefix(_PREFIX): value.get("objectValue", value.get("value"))
                for key, value in (each.get("config") or {}).items()
                if key.startswith(_PREFIX)
            },
        )
        for each in listed
    ]
