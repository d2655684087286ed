"""An API server of a test's own, with no node: for what the shared cluster's does not know, as who may be let in.

It knows people by static tokens, which stand for what a cloud's webhook says of them: a name, and groups.
"""

import base64
import json
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from local.cluster import pki
from local.toolchain import go
from tests.cluster.support.waiting import until

ADMIN = "admin"


@dataclass(frozen=True, kw_only=True)
class ApiServer:
    """One that runs."""

    url: str
    authority: str
    """Its CA: PEM in base64."""
    tls: Path
    """File of the same."""

    def client(self, bearer: str) -> httpx2.Client:
        """Speak to it as somebody."""
        return httpx2.Client(
            base_url=self.url,
            verify=ssl.create_default_context(cafile=str(self.tls)),
            headers={"Authorization": f"Bearer {bearer}"},
        )

    def apply(self, *manifests: Mapping[str, Any]) -> None:
        """Make objects as the administrator, by server-side apply."""
        with self.client(ADMIN) as api:
            for each in manifests:
                path = f"{self._path(api, each)}/{each['metadata']['name']}"
                answer = api.patch(
                    path,
                    params={"fieldManager": "test", "force": "true"},
                    headers={"Content-Type": "application/apply-patch+yaml"},
                    content=json.dumps(each),
                )
                assert answer.is_success, f"{each['kind']} {each['metadata']['name']}: {answer.text}"

    def _path(self, api: httpx2.Client, manifest: Mapping[str, Any]) -> str:
        version, kind = manifest["apiVersion"], manifest["kind"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        found = api.get(root).raise_for_status().json()["resources"]
        plural = next(each["name"] for each in found if each["kind"] == kind and "/" not in each["name"])
        namespace = manifest["metadata"].get("namespace")
        return f"{root}/namespaces/{namespace}/{plural}" if namespace else f"{root}/{plural}"


@contextmanager
def api_server(
    folder: Path, people: Mapping[str, Sequence[str]], authentication: Mapping[str, Any] | None = None
) -> Iterator[ApiServer]:
    """Run one, with a store of its own.

    Args:
        folder: for its files.
        people: groups by name; each person's token is the name.
        authentication: an AuthenticationConfiguration beside that.
    """
    keys = folder / "pki"
    pki.make(keys)
    tokens = {ADMIN: ["system:masters"], **people}
    rows = [f'{name},{name},{name},"{",".join(groups)}"' for name, groups in tokens.items()]
    (folder / "tokens.csv").write_text("\n".join(rows), encoding="utf-8")
    (folder / "authentication.json").write_text(json.dumps(authentication), encoding="utf-8")
    for name in ("etcd", "kube-apiserver"):
        (folder / name).symlink_to(go.binaries(go.CLUSTER) / "kubernetes")
    store, peer, port = _free(), _free(), _free()
    commands = [
        [
            f"{folder}/etcd",
            f"--data-dir={folder}/store",
            f"--listen-client-urls=http://127.0.0.1:{store}",
            f"--advertise-client-urls=http://127.0.0.1:{store}",
            f"--listen-peer-urls=http://127.0.0.1:{peer}",
            "--unsafe-no-fsync",
            "--log-level=error",
        ],
        [
            f"{folder}/kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{store}",
            "--advertise-address=127.0.0.1",
            # Nobody reaches a Service here, and the address above may be no endpoint of one.
            "--endpoint-reconciler-type=none",
            f"--secure-port={port}",
            "--service-cluster-ip-range=10.99.0.0/24",
            "--authorization-mode=RBAC",
            f"--token-auth-file={folder}/tokens.csv",
            f"--tls-cert-file={keys}/apiserver.crt",
            f"--tls-private-key-file={keys}/apiserver.key",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={keys}/service-account.key",
            f"--service-account-signing-key-file={keys}/service-account.key",
            "--shutdown-delay-duration=0s",
            *([f"--authentication-config={folder}/authentication.json"] if authentication else []),
        ],
    ]
    with (folder / "log").open("w") as log:
        running = [subprocess.Popen(command, stdout=log, stderr=log, cwd=folder) for command in commands]
    try:
        tls = keys / "ca.crt"
        made = ApiServer(
            url=f"https://127.0.0.1:{port}", authority=base64.b64encode(tls.read_bytes()).decode(), tls=tls
        )
        with made.client(ADMIN) as api:
            until(lambda: _is_up(api, running, folder), what="an API server that is ready", seconds=60)
        yield made
    finally:
        for process in reversed(running):
            process.kill()
            process.wait()


def _is_up(api: httpx2.Client, running: Sequence["subprocess.Popen[bytes]"], folder: Path) -> bool:
    ended = [process.args for process in running if process.poll() is not None]
    assert not ended, f"it ended: {(folder / 'log').read_text(encoding='utf-8')[-2000:]}"
    try:
        return api.get("/readyz").is_success
    except httpx2.HTTPError:
        return False


def _free() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])
