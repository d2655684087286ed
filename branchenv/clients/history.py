"""What a stack was last deployed with, as Pulumi's own history of its updates tells it, on every backend."""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from branchenv.clients import pulumi_cli
from branchenv.model.context import PULUMI_PROJECT
from branchenv.model.errors import BranchenvError, ExitCode

_PREFIX = f"{PULUMI_PROJECT}:"
_LOOKED_AT = 20
"""Updates, the newest first. Of a stack whose last twenty all failed, nothing is remembered."""
_MAX_WAIT = 60.0


def last_deployed(stack: str) -> Mapping[str, Any] | None:
    """Return the config of the last `pulumi up` that came to its end; attempts that failed are passed over.

    Args:
        stack: name.

    Returns:
        Values by key, without the project's name; None where no `pulumi up` of it has succeeded.

    Raises:
        BranchenvError: Pulumi does not tell.
    """
    command = ["pulumi", "stack", "history", "--json", "--stack", pulumi_cli.full_name(stack)]
    command += ["--page-size", str(_LOOKED_AT), "--non-interactive", "--color=never"]
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
        return succeeded(json.loads(done.stdout or "[]"))
    except (OSError, subprocess.SubprocessError, ValueError) as e:
        said = str(getattr(e, "stderr", "") or e).strip()
        raise BranchenvError(
            f"Pulumi does not tell what {stack} was last deployed with: {said}",
            fix="say what it runs: --image, --environment or --chart; or see what is wrong: pulumi whoami -v",
            code=ExitCode.BACKEND,
        ) from e


def succeeded(updates: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the config of the newest update that succeeded.

    Args:
        updates: as `pulumi stack history --json` lists them, the newest first.
    """
    for update in updates:
        if update["kind"] == "update" and update["result"] == "succeeded":
            config = update.get("config") or {}
            return {
                key.removeprefix(_PREFIX): each.get("objectValue", each.get("value"))
                for key, each in config.items()
                if key.startswith(_PREFIX)
            }
    return None
