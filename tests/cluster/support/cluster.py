"""The cluster under test, as commands see it."""

import fcntl
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from lightkube.config.client_adapter import Client, ConnectionParams
from lightkube.config.kubeconfig import KubeConfig

from local.cluster.kubectl import all_established
from tests.cluster.support.waiting import until

if TYPE_CHECKING:
    import httpx2

REPOSITORY = Path(__file__).resolve().parents[3]

_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_MEASUREMENTS = "metrics.k8s.io"
"""What pods used, with their labels: still told of a pod that has just gone, and no object."""
_NOT_FOUND = 404
_TOO_EARLY = 429


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

    def last_words(self, namespace: str, selector: str) -> str:
        """Return the last lines that pods with some labels wrote, as far as they wrote any: it never fails."""
        flags = ("--all-containers", "--prefix", "--ignore-errors", "--tail=20", "--limit-bytes=20000")
        command = ["kubectl", "logs", f"--namespace={namespace}", f"--selector={selector}", *flags]
        done = subprocess.run(
            command, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        return done.stdout

    def get(self, *arguments: str) -> Any:
        """Return what `kubectl get` finds, as data."""
        return json.loads(self.kubectl("get", *arguments, "--output=json"))

    def until_established(self, *kinds: str) -> None:
        """Wait until the API server serves kinds."""
        until(lambda: all_established(self.get("crd", *kinds)), what=f"the API server serves {', '.join(kinds)}")

    def apply(self, *manifests: dict[str, Any]) -> None:
        """Make objects that no stack makes."""
        self.kubectl(
            "apply", "--filename=-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
        )

    @property
    def _api(self) -> "httpx2.Client":
        # Tests that are alone with a cluster leave another one behind, with other keys.
        return _client(self.kubeconfig.read_text())

    def labelled(self, selector: str, *, going: bool = True) -> list[str]:
        """Return every object of any kind in any namespace that carries labels.

        One connection instead of kubectl, which takes most of a second of the processor to ask for all kinds, and this
        is asked again and again.

        Args:
            selector: the labels.
            going: whether to count objects that are being deleted already.
        """
        return sorted(
            f"{kind} {metadata.get('namespace', '')}/{metadata['name']}"
            for path, kind in _lists(self._api).items()
            for metadata in self._metadata(path, selector)
            if going or "deletionTimestamp" not in metadata
        )

    def _metadata(self, path: str, selector: str) -> list[dict[str, Any]]:
        def ask() -> "httpx2.Response | None":
            answer = self._api.get(path, params={"labelSelector": selector}, headers={"Accept": _METADATA})
            return None if answer.status_code == _TOO_EARLY else answer

        answer = until(ask, what=f"the API server lists {path}, whose definition another test has just brought")
        if answer.status_code == _NOT_FOUND:
            # So has another test removed it.
            return []
        return [item["metadata"] for item in answer.raise_for_status().json()["items"] or ()]


@cache
def _client(kubeconfig: str) -> "httpx2.Client":
    config = KubeConfig.from_dict(yaml.safe_load(kubeconfig)).get()
    assert config is not None, "the local cluster's kubeconfig has a context"
    return Client(config, ConnectionParams())


@cache
def _lists(api: "httpx2.Client") -> dict[str, str]:
    """Where the API server lists what, by discovery: path and kind."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for root in ("/api", "/apis"):
        for group in api.get(root, headers={"Accept": _AGGREGATED}).raise_for_status().json()["items"]:
            name = group["metadata"].get("name", "")
            for version in group["versions"]:
                for each in version["resources"]:
                    if "list" in each["verbs"] and name != _MEASUREMENTS:
                        path = "/".join(part for part in (root, name, version["version"], each["resource"]) if part)
                        found.setdefault((name, each["resource"]), (path, each["responseKind"]["kind"]))
    return dict(found.values())


def local(*command: str) -> str:
    """Run a command of the local tools, which must succeed, and give what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "local", *command], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"`python -m local {' '.join(command)}` failed:\n{done.stdout}{done.stderr}"
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
