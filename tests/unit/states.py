"""Writes state files of many branch stacks, as a file backend has them: `python -m tests.unit.states FOLDER 500`."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

_FOLDER = Path(".pulumi") / "stacks" / "branch-environments"
_OBJECTS = ("ConfigMap", "Deployment", "Service", "VirtualService")


def write_states(backend: Path, count: int) -> None:
    """Write `count` branch stacks of app shop.

    Args:
        backend: folder of the file backend.
        count: how many.
    """
    folder = backend / _FOLDER
    folder.mkdir(parents=True)
    (backend / ".pulumi" / "meta.yaml").write_text("version: 1\n")
    now = datetime.now(UTC)
    for number in range(count):
        slug = f"feature-{number}"
        outputs = {"branch": slug, "url": f"http://{slug}.shop.localhost:8080", "base": "base-local"}
        tags = {
            "branch": slug,
            "app": "shop",
            "owner": f"person-{number % 9}",
            "merge-request": str(number + 1),
            "created": (now - timedelta(hours=number)).isoformat(),
            "expires": (now + timedelta(days=7)).isoformat(),
        }
        _write(folder, f"shop.{slug}", outputs, now - timedelta(minutes=number), tags)


def write_base(backend: Path, name: str = "base-local") -> None:
    """Write a base stack's state, which nobody may read: it could be anything.

    Args:
        backend: folder of the file backend.
        name: of the stack.
    """
    (backend / _FOLDER / f"{name}.json").write_text("for the platform team alone")


def _write(folder: Path, name: str, outputs: dict[str, Any], time: datetime, tags: dict[str, str]) -> None:
    urn = f"urn:pulumi:{name}::branch-environments::"
    stack = {
        "urn": f"{urn}pulumi:pulumi:Stack::branch-environments-{name}",
        "type": "pulumi:pulumi:Stack",
        "outputs": outputs,
    }
    # As long as the real ones: inputs and outputs repeat what was sent to the API server.
    objects = [
        {"urn": f"{urn}{kind}::x", "type": f"kubernetes:x:{kind}", "inputs": {"a": "x" * 4000}} for kind in _OBJECTS
    ]
    state = {"manifest": {"time": time.isoformat()}, "resources": [stack, *objects]}
    (folder / f"{name}.json").write_text(json.dumps({"version": 3, "checkpoint": {"stack": name, "latest": state}}))
    (folder / f"{name}.pulumi-tags").write_text(json.dumps({"version": 1, "tags": tags}))


if __name__ == "__main__":
    write_states(Path(sys.argv[1]), int(sys.argv[2]))
