"""A web server on this machine, for tests of what asks one."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Asked(NamedTuple):
    """What a server was asked."""

    method: str
    path: str
    headers: Mapping[str, str]

    @property
    def authorization(self) -> str:
        """What it was shown; empty for nothing."""
        return self.headers.get("Authorization") or ""


class Reply(NamedTuple):
    """What it answers."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = {}


@contextmanager
def served(answer: Callable[[Asked], Reply]) -> Iterator[int]:
    """Serve on the loopback, and give the port.

    Args:
        answer: to each question, in a thread of its own.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            reply = answer(Asked(self.command, self.path, dict(self.headers)))
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        do_HEAD = do_GET  # noqa: N815 - as the class has it

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
