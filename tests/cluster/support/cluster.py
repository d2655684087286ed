"""The cluster under test, as commands see it."""

import fcntl
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Cluster:
    """Where the cluster is, and the environment in which `pulumi`, `kubectl` and `helm` reach it."""

    kubeconfig: Path
    env: dict[str, str]
    gateway_port: int

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl, which must succeed, and give what it prints."""
        done = subprocess.run(
            ["kubectl", *arguments], env=self.env, input=stdin, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"kubectl {' '.join(arguments)} failed: {done.stderr}"
        return done.stdout

    def get(self, *arguments: str) -> Any:
        """Give what `kubectl get` finds, as data."""
        return json.loads(self.kubectl("get", *arguments, "--output=json"))

    def apply(self, *manifests: dict[str, Any]) -> None:
        """Make objects that no stack makes."""
        self.kubectl(
            "apply", "--filename=-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
        )

    @cached_property
    def listable_kinds(self) -> str:
        """Every kind of object that this cluster knows and can list, by discovery."""
        return ",".join(self.kubectl("api-resources", "--verbs=list", "--output=name").split())

    def labelled(self, selector: str, *, going: bool = True) -> list[str]:
        """Give every object of any kind in any namespace that carries labels.

        Args:
            selector: the labels.
            going: whether to count objects that are being deleted already.
        """
        template = (
            r'{range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name} {.metadata.deletionTimestamp}{"\n"}{end}'
        )
        found = self.kubectl(
            "get",
            self.listable_kinds,
            "--all-namespaces",
            f"--selector={selector}",
            f"--output=jsonpath={template}",
            "--ignore-not-found",
        )
        lines = [line.split() for line in found.splitlines()]
        return sorted({" ".join(line[:2]) for line in lines if going or len(line) == 2})


def local(command: str) -> str:
    """Run a command of the local tools, which must succeed, and give what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "local", command], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"`python -m local {command}` failed:\n{done.stdout}{done.stderr}"
    return done.stdout


def start(shared: Path) -> Cluster:
    """Start the local cluster unless it runs, and say how it is reached.

    Args:
        shared: a folder that all workers of this run share: one of them starts the cluster, the others wait for it.
    """
    with (shared / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "started").exists():
            local("up")
            (shared / "started").touch()
    env = _environment()
    return Cluster(
        kubeconfig=Path(env["KUBECONFIG"]), env=env, gateway_port=int(os.environ.get("GATEWAY_PORT", "8080"))
    )


def _environment() -> dict[str, str]:
    """Evaluate what `python -m local env` prints, as a person's shell would."""
    done = subprocess.run(["bash", "-c", f"{local('env')}\nenv --null"], capture_output=True, text=True, check=True)
    pairs = (entry.partition("=") for entry in done.stdout.split("\0") if entry)
    return {name: value for name, _, value in pairs if name != "_"}
