"""The few kubectl calls that setting up the cluster needs."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.errors import LocalError
from local.paths import ADMIN_KUBECONFIG, LOGS


def all_established(found: Mapping[str, Any]) -> bool:
    """Whether the API server serves the kinds of all CustomResourceDefinitions that `kubectl get` found, one or more.

    `kubectl wait` fails on one of which nothing is known yet: its conditions are null, and not a list.
    """
    conditions = [each.get("status", {}).get("conditions") or [] for each in found.get("items", [found])]
    return all(any(each["type"] == "Established" and each["status"] == "True" for each in of) for of in conditions)


class Kubectl:
    """kubectl with the cluster's own administrator credentials."""

    def __init__(self, program: Path) -> None:
        self._program = program

    def run(self, *arguments: str, text: str | None = None) -> str:
        """What `kubectl arguments` prints.

        Raises:
            LocalError: it failed; carries kubectl's own words.
        """
        result = subprocess.run(
            [str(self._program), f"--kubeconfig={ADMIN_KUBECONFIG}", *arguments],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise LocalError(
                f"kubectl {arguments[0]} failed: {result.stderr.strip()}",
                f"read the logs in {LOGS}, then run the command again",
            )
        return result.stdout

    def established(self, path: Path) -> bool:
        """Whether the API server serves the kinds of all CustomResourceDefinitions in a file or folder."""
        return all_established(json.loads(self.run("get", f"--filename={path}", "--output=json")))

    def apply(self, objects: list[dict[str, object]]) -> None:
        """Server-side apply of manifests."""
        self.run(
            *("apply", "--server-side", "--force-conflicts", "--filename=-"),
            text="\n---\n".join(json.dumps(manifest) for manifest in objects),
        )

    def apply_file(self, path: Path, namespace: str = "default") -> None:
        """Server-side apply of a file, or of all files in a folder; `namespace` for objects that name none."""
        self.run("apply", "--server-side", "--force-conflicts", f"--filename={path}", f"--namespace={namespace}")
