"""Requests through the cluster's Istio gateway, as a browser would send them."""

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, ClassVar, Self

import httpx2

from tests.cluster.support.waiting import until

_TIMEOUT = 10.0
_IN_A_ROW = 5
"""Answers after which all of the gateway's threads, which hear of a route one by one, are taken to know it."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a URL answered. Status 0: nothing did, and the body says why."""

    status: int
    body: str
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        """The sample app's answer, as data."""
        assert self.status == 200, f"expected the app's answer, got {self.status}: {self.body}"
        return json.loads(self.body)


@dataclass(frozen=True)
class Gateway:
    """The gateway's port on this machine. Not every resolver knows *.localhost, so the host goes in a header."""

    scheme: ClassVar = "http"
    port: int
    address: str = "127.0.0.1"
    """Another one than this machine's is for asking a pod itself."""

    def get(
        self,
        host: str,
        path: str = "/",
        *,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        body: str | None = None,
    ) -> Answer:
        """Send one request on a connection of its own, and follow no redirect.

        Raises:
            ssl.SSLCertVerificationError: the answer cannot be trusted.
        """
        connection = self._connection(host)
        try:
            connection.request(method, path, body, headers={"Host": f"{host}:{self.port}", **(headers or {})})
            response = connection.getresponse()
            said = response.read().decode()
            return Answer(status=response.status, body=said, headers={k.lower(): v for k, v in response.getheaders()})
        except ssl.SSLCertVerificationError:
            raise
        except (OSError, http.client.HTTPException) as e:
            return Answer(status=0, body=repr(e), headers={})
        finally:
            connection.close()

    def until_status(self, host: str, status: int = 200, path: str = "/", *, seconds: float = 20) -> Answer:
        """Ask until the gateway, which learns of routes a moment after the API server, answers so on every thread."""

        def asked() -> Answer | None:
            answers = (self.get(host, path) for _ in range(_IN_A_ROW))
            return self.get(host, path) if all(each.status == status for each in answers) else None

        url = f"{self.scheme}://{host}:{self.port}{path}"
        return until(asked, what=f"{url} answers {status}", seconds=seconds)

    def runs(self, host: str, version: str) -> bool:
        """Whether all of the gateway's threads lead to the sample app in this version, and to no pod before it."""
        answers = (self.get(host) for _ in range(_IN_A_ROW))
        return all(each.status == 200 and each.json["version"] == version for each in answers)

    def _connection(self, host: str) -> http.client.HTTPConnection:
        del host  # it is in the request's header
        return http.client.HTTPConnection(self.address, self.port, timeout=_TIMEOUT)


@dataclass(frozen=True)
class HttpsGateway(Gateway):
    """The gateway's port for HTTPS, asked by somebody who trusts these authorities and no other."""

    scheme: ClassVar = "https"
    trusting: ssl.SSLContext = field(kw_only=True)

    def _connection(self, host: str) -> http.client.HTTPConnection:
        return _Https(host, self.port, timeout=_TIMEOUT, context=self.trusting)


@contextmanager
def one_connection(authority: str, port: int, first: str) -> Iterator[Callable[[str], int]]:
    """Ask for several hosts over one HTTP/2 connection, as browsers do for hosts of one certificate.

    Args:
        authority: the CA that is trusted.
        port: the gateway's for HTTPS.
        first: host for which the connection is opened.
    """
    trusting = ssl.create_default_context(cadata=authority)
    # One origin for the client, so it keeps one connection.
    with httpx2.Client(http2=True, verify=trusting, base_url=f"https://127.0.0.1:{port}") as client:

        def ask(host: str) -> int:
            answer = client.get("/", headers={"host": f"{host}:{port}"}, extensions={"sni_hostname": first})
            assert answer.http_version == "HTTP/2", "requests of several hosts share a connection"
            return answer.status_code

        yield ask


class _Https(http.client.HTTPSConnection):
    """Connects to this machine, whatever the resolver says of the host in the certificate."""

    _context: ssl.SSLContext

    def connect(self) -> None:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=self.timeout)
        self.sock = self._context.wrap_socket(plain, server_hostname=self.host)


@dataclass
class Requests:
    """Requests to one URL, one after the other, for as long as the block runs."""

    gateway: Gateway
    host: str
    pause: float = 0.01
    """Seconds between an answer and the next request."""
    answers: list[Answer] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def failures(self) -> list[Answer]:
        """Every answer that was not 200."""
        return [answer for answer in self.answers if answer.status != 200]

    def values(self, key: str) -> list[str]:
        """What the app said under a key, in order, without repeats."""
        texts = [str(answer.json[key]) for answer in self.answers if answer.status == 200]
        return list(dict.fromkeys(texts))

    def _ask(self) -> None:
        while not self._stop.wait(self.pause):
            self.answers.append(self.gateway.get(self.host))
