"""A git server that asks for a password, as a private repository's does."""

import base64
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from local.cluster.network import HOST_ADDRESS

_LONGEST = 30.0


@contextmanager
def serve(folder: Path, *, username: str, password: str) -> Iterator[str]:
    """Serve the repositories below a folder by git's HTTP protocol, and give the URL of the folder.

    The address is this machine's end of the link to the local cluster: Argo CD reaches it, nobody outside does.
    """
    wanted = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()

    def answer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if environ.get("HTTP_AUTHORIZATION") != wanted:
            start("401 Unauthorized", [("WWW-Authenticate", 'Basic realm="private"')])
            return [b"who are you?"]
        return _by_git(folder, environ, start)

    with make_server(HOST_ADDRESS, 0, answer, server_class=_Server, handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://{HOST_ADDRESS}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _by_git(folder: Path, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    """Let git's own CGI program answer, whose variables WSGI has by the same names."""
    variables = {name: value for name, value in environ.items() if name.isupper() and isinstance(value, str)}
    done = subprocess.run(
        ["git", "http-backend"],
        env={**variables, "GIT_PROJECT_ROOT": str(folder), "GIT_HTTP_EXPORT_ALL": "1"},
        input=environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)),
        stdout=subprocess.PIPE,
        check=True,
        timeout=_LONGEST,
    )
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
    start(headers.pop("Status", "200 OK"), list(headers.items()))
    return [body]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Leave the test's output alone."""
