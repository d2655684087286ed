"""The proxy that a branch's pod would have beside it, where one is injected: a real one, told by the real istiod.

It runs on this machine and under the pod's name, address and labels, so what it is told is what the pod's own would be.
No request goes through it.
"""

import fcntl
import json
import os
import socket
import subprocess
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from local import install
from local.cluster.network import NODE_ADDRESS
from tests.cluster.support.stacks import Base
from tests.cluster.support.waiting import until

_DISCOVERY = 15012
_ADMIN = 15000


@dataclass(frozen=True, kw_only=True)
class Received:
    """The configuration that a proxy has received."""

    clusters: frozenset[str]
    """Names of all upstreams, e.g. `outbound|80||a.shop.svc.cluster.local`."""
    inbound: tuple[dict[str, Any], ...]
    """The filter chains for what is sent to the pod's own port."""
    size: int
    """Characters of its clusters, listeners and routes, as JSON."""

    @property
    def insists_on_certificates(self) -> bool:
        """Whether nobody reaches the pod without a certificate of the mesh."""
        contexts = [chain.get("transport_socket", {}).get("typed_config", {}) for chain in self.inbound]
        return bool(contexts) and all(context.get("require_client_certificate") for context in contexts)


@contextmanager
def app_proxy(base: Base, pod: dict[str, Any], folder: Path) -> Iterator[Received]:
    """Run a pod's proxy until it has all of its configuration, and return that.

    One at a time on this machine: its ports cannot be chosen.

    Args:
        base: whose ServiceAccount it has.
        pod: as the API server has it.
        folder: an empty one.
    """
    lock = Path(tempfile.gettempdir()) / "branch-environments-test-proxy"
    with lock.open("w") as held, _alone(held), _istiod_here():
        programs = install.programs()
        _write_identity(base, folder)
        metadata = pod["metadata"]
        config = {
            "discoveryAddress": f"localhost:{_DISCOVERY}",
            "binaryPath": str(programs.envoy),
            "configPath": str(folder / "proxy"),
        }
        environment = {
            "PROXY_CONFIG": json.dumps(config),
            "ISTIO_META_UNPRIVILEGED_POD": "true",
            "ISTIO_META_CLUSTER_ID": "Kubernetes",
            "ISTIO_METAJSON_LABELS": json.dumps(metadata["labels"]),
            "POD_NAME": metadata["name"],
            "POD_NAMESPACE": metadata["namespace"],
            "INSTANCE_IP": pod["status"]["podIP"],
            "SERVICE_ACCOUNT": pod["spec"]["serviceAccountName"],
        }
        template = programs.istio / "envoy_bootstrap.json"
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(
                [
                    *(str(programs.go / "pilot-agent"), "proxy", "sidecar"),
                    *("--domain", f"{base.namespace}.svc.cluster.local", "--templateFile", str(template)),
                ],
                cwd=folder,
                env={**os.environ, **environment},
                stdout=log,
                stderr=log,
            )
        try:
            received = until(
                lambda: _received(process), what=f"the proxy of {metadata['name']} is configured", seconds=60
            )
            assert received, "until gives nothing else"
            yield received
        finally:
            process.terminate()
            process.wait()


def _received(process: "subprocess.Popen[bytes]") -> Received | None:
    assert process.poll() is None, "the proxy ended by itself: see the file `log` in its folder"
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{_ADMIN}/config_dump", timeout=5) as answer:
            dumps = {each["@type"].rpartition(".")[2]: each for each in json.load(answer)["configs"]}
    except OSError:
        return None
    clusters = dumps.get("ClustersConfigDump", {}).get("dynamic_active_clusters", [])
    listeners = dumps.get("ListenersConfigDump", {}).get("dynamic_listeners", [])
    found = [each["active_state"]["listener"] for each in listeners if "active_state" in each]
    inbound = [listener for listener in found if listener["name"] == "virtualInbound"]
    if not clusters or not inbound:
        return None
    whole = [dumps.get(f"{kind}ConfigDump", {}) for kind in ("Clusters", "Listeners", "Routes")]
    return Received(
        clusters=frozenset(each["cluster"]["name"] for each in clusters),
        inbound=tuple(
            chain
            for chain in inbound[0]["filter_chains"]
            if "destination_port" in chain["filter_chain_match"] and chain["name"] != "virtualInbound-blackhole"
        ),
        size=len(json.dumps(whole)),
    )


def _write_identity(base: Base, folder: Path) -> None:
    secrets = folder / "var/run/secrets"
    (secrets / "tokens").mkdir(parents=True)
    (secrets / "istio").mkdir()
    account = base.app
    token = base.cluster.kubectl("create", "token", account, f"--namespace={base.namespace}", "--audience=istio-ca")
    (secrets / "tokens/istio-token").write_text(token.strip())
    root = base.cluster.get("configmap", "istio-ca-root-cert", "--namespace=istio-system")["data"]["root-cert.pem"]
    (secrets / "istio/root-cert.pem").write_text(root)


@contextmanager
def _alone(held: IO[str]) -> Iterator[None]:
    fcntl.flock(held, fcntl.LOCK_EX)
    yield


@contextmanager
def _istiod_here() -> Iterator[None]:
    """Lead istiod's port on this machine's loopback to it: its certificate is for that name."""
    with socket.create_server(("127.0.0.1", _DISCOVERY)) as server:
        threading.Thread(target=_accept, args=(server,), daemon=True).start()
        yield


def _accept(server: socket.socket) -> None:
    while True:
        try:
            here, _ = server.accept()
        except OSError:
            return  # closed
        there = socket.create_connection((NODE_ADDRESS, _DISCOVERY))
        for one, other in ((here, there), (there, here)):
            threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    finally:
        for each in (source, target):
            each.close()
