"""Those who publish charts: a chart repository and a registry on this machine, filled by Helm itself."""

import functools
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2

from local.toolchain import go
from tests.cluster.support.waiting import until

_REGISTRY = """\
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: {host}}}
"""


@dataclass(frozen=True, kw_only=True)
class Publishers:
    """A chart repository and a registry, which have the same charts."""

    folder: Path
    repository: str
    """URL of the chart repository."""
    registry: str
    """URL of the registry's folder of charts."""

    def publish(self, chart: Path, version: str) -> None:
        """Publish a chart's folder as a version, in both."""
        charts = self.folder / "charts"
        self._helm("package", str(chart), f"--version={version}", f"--destination={charts}")
        self._helm("repo", "index", str(charts))
        self._helm("push", str(next(charts.glob(f"*-{version}.tgz"))), self.registry, "--plain-http")

    def _helm(self, *arguments: str) -> None:
        home = self.folder / "home"
        env = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            [go.binaries(go.HELM) / "helm", *arguments], env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"helm {' '.join(arguments)} failed: {done.stderr}"


@contextmanager
def publishers(folder: Path, address: str = "localhost") -> Iterator[Publishers]:
    """Run both, until the end of the block.

    Args:
        folder: for what they have.
        address: of this machine, at which the chart repository is asked.
    """
    (folder / "charts").mkdir(parents=True)
    handler = functools.partial(_Quiet, directory=str(folder))
    server = ThreadingHTTPServer((address, 0), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    host = f"localhost:{_free_port()}"
    try:
        with registry_process(folder, host):
            yield Publishers(
                folder=folder,
                repository=f"http://{address}:{server.server_port}/charts",
                registry=f"oci://{host}/charts",
            )
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def registry_process(folder: Path, host: str) -> Iterator[list[str]]:
    """Run a registry without passwords, and give the command that runs it.

    Args:
        folder: for what it has.
        host: where it listens.
    """
    (folder / "config.yaml").write_text(_REGISTRY.format(folder=folder / "images", host=host))
    command = [str(go.binaries(go.REGISTRY) / "registry"), "serve", str(folder / "config.yaml")]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            until(lambda: _answers(host), what=f"the registry at {host} answers")
            yield command
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _answers(host: str) -> bool:
    try:
        return httpx2.get(f"http://{host}/v2/", timeout=2).status_code == httpx2.codes.OK
    except httpx2.HTTPError:
        return False


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        return
