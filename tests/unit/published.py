"""A cluster that has nothing but the contracts of its base stacks."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import pytest

from core import publication
from tests.unit.recording import BASE_CONTRACT


def publish(monkeypatch: pytest.MonkeyPatch, *contracts: Mapping[str, Any]) -> None:
    """Let `branchenv` find this cluster, whatever KUBECONFIG says.

    Args:
        monkeypatch: of the test.
        contracts: of its base stacks; that of `base-local` if none is given.
    """
    known = {publication.path(each["name"]): each for each in contracts or (BASE_CONTRACT,)}

    def answer(request: httpx2.Request) -> httpx2.Response:
        found = known.get(request.url.path)
        if found is None:
            return httpx2.Response(404)
        return httpx2.Response(200, json={"data": {publication.KEY: json.dumps(found)}})

    def connect() -> httpx2.Client:
        return httpx2.Client(base_url="https://cluster", transport=httpx2.MockTransport(answer))

    monkeypatch.setattr("branchenv.clients.kubeconfig.connect", connect)


@contextmanager
def serving(folder: Path, *contracts: Mapping[str, Any]) -> Iterator[Path]:
    """Serve such a cluster to other processes, who may read nothing else.

    Args:
        folder: where its kubeconfig may lie.
        contracts: of its base stacks; that of `base-local` if none is given.

    Yields:
        The kubeconfig.
    """
    known = {publication.path(each["name"]): each for each in contracts or (BASE_CONTRACT,)}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = known.get(self.path)
            self.send_response(403 if found is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps({"data": {publication.KEY: json.dumps(found)}}).encode())

        def log_message(self, *_: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        file = folder / "kubeconfig"
        config = {
            "clusters": [{"name": "x", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
            "users": [{"name": "x", "user": {}}],
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
            "current-context": "x",
        }
        file.write_text(json.dumps(config))
        yield file
        server.shutdown()
