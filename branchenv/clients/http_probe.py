"""Request a public URL until it answers through DNS, TLS and gateway, and say why it does not until then."""

import http.client
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from core.gateway_answers import ASLEEP, NO_ENVIRONMENT, STATE_HEADER

_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 0.5
_GROWTH = 1.5
_ONE_REQUEST = 5.0
_FAILING = 5.0
"""Seconds that an app's own 5xx is given to pass: an app may still be starting."""
_MOST_READ = 4096
_NOT_FOUND, _CLIENT_ERROR, _SERVER_ERROR = 404, 400, 500
_WANTS_LOGIN = (401, 403)
_SENT_TO_LOGIN = (302, 303, 307)
_BY_UPSTREAM = "x-envoy-upstream-service-time"
_NO_POD = ("no healthy upstream", "upstream connect error", "no_healthy_upstream")
_LOAD_BALANCERS = ("awselb/",)


class Reachability(StrEnum):
    """What stands between a browser and the app."""

    UNRESOLVED = "DNS does not know the host"
    UNREACHABLE = "nothing answers at its address"
    UNTRUSTED = "its certificate is not trusted"
    NO_ROUTE = "the gateway has no route yet"
    NO_POD = "there is a route, but no healthy pod"
    ASLEEP = "asleep"
    CLOSED = "the gateway asks for a login or a token first"
    """Whether the app behind it answers is not known."""
    APP_ERROR = "the app answers with an error"
    OTHER = "another version answers"
    """The expected header is missing."""
    UP = "up"


@dataclass(frozen=True, kw_only=True)
class ProbeResult:
    """What a URL answered in the end."""

    state: Reachability
    status: int = 0
    """HTTP status; 0 if there was none."""
    detail: str = ""
    """Particulars, for people: which certificate, which address, which error."""
    seconds: float = 0.0
    """Since the first request."""
    attempts: int = 0

    @property
    def app_answers(self) -> bool:
        """Whether it is the app that answers, as it does where its path is not found: there is nothing to wait for."""
        return self.state == Reachability.UP or (self.state == Reachability.APP_ERROR and self.status < _SERVER_ERROR)

    def __str__(self) -> str:
        if self.state == Reachability.UP:
            return f"{self.status}"
        about = f"{self.status} {self.detail}".strip() if self.status else self.detail
        return f"{self.state}: {about}" if about else str(self.state)


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What is requested, and which answer counts as right."""

    path: str = "/"
    headers: Mapping[str, str] = field(default_factory=dict)
    """Expected in the answer, with their values; an empty value for any."""
    asleep: bool = False
    """Whether the page of a sleeping environment is the right answer."""
    closed: bool = False
    """Whether the gateway lets in only who has a token, or logs in."""
    sends: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Request headers, a token among them."""
    local: bool = True
    """Whether *.localhost is this machine (RFC 6761): not every resolver knows it."""
    trusted: ssl.SSLContext | None = None
    """Certificate authorities to trust; None for the system's."""


def ask(url: str, expected: Expected | None = None, *, timeout: float) -> ProbeResult:
    """Ask until the app answers, or time is up.

    Args:
        url: http or https, without a path.
        expected: what is asked for.
        timeout: seconds; at least one request is sent.

    Returns:
        The last answer.
    """
    expected = expected or Expected()
    asked = _Asked(url, expected)
    started = time.monotonic()
    pause, attempts, failing = _FIRST_PAUSE, 0, 0.0
    while True:
        left = timeout - (time.monotonic() - started)
        found = asked.once(min(_ONE_REQUEST, max(0.5, left)))
        attempts += 1
        now = time.monotonic() - started
        failing = failing or now if found.state == Reachability.APP_ERROR else 0.0
        settled = (
            found.app_answers
            or found.state == Reachability.CLOSED
            or (found.state == Reachability.ASLEEP and expected.asleep)
            or (failing and now - failing > _FAILING)
        )
        if settled or now + pause >= timeout:
            asked.close()
            return ProbeResult(
                state=found.state, status=found.status, detail=found.detail, seconds=now, attempts=attempts
            )
        time.sleep(pause)
        pause = min(pause * _GROWTH, _LONGEST_PAUSE)


def classify(status: int, headers: Mapping[str, str], body: str, expected: Expected) -> ProbeResult:
    """Find out who answered: the load balancer, the gateway itself, or the app.

    Args:
        status: HTTP status.
        headers: of the answer, their names in lower case.
        body: its beginning.
        expected: what was asked for.
    """
    server = headers.get("server", "")
    if headers.get(STATE_HEADER) == ASLEEP:
        return ProbeResult(state=Reachability.ASLEEP, status=status)
    if headers.get(STATE_HEADER) == NO_ENVIRONMENT:
        return ProbeResult(state=Reachability.NO_ROUTE, status=status)
    if status >= _SERVER_ERROR and server.startswith(_LOAD_BALANCERS):
        return ProbeResult(
            state=Reachability.UNREACHABLE, status=status, detail="from the load balancer: it finds no gateway"
        )
    # Envoy notes how long the app took; what it says by itself lacks that.
    by_gateway = "envoy" in server and _BY_UPSTREAM not in headers
    if by_gateway and status == _NOT_FOUND and not body:
        return ProbeResult(state=Reachability.NO_ROUTE, status=status)
    if status >= _SERVER_ERROR and (by_gateway or any(text in body for text in _NO_POD)):
        return ProbeResult(state=Reachability.NO_POD, status=status, detail=body.strip()[:120])
    if expected.closed and by_gateway and status in (*_WANTS_LOGIN, *_SENT_TO_LOGIN):
        return ProbeResult(state=Reachability.CLOSED, status=status)
    if status >= _CLIENT_ERROR and status not in _WANTS_LOGIN:
        return ProbeResult(state=Reachability.APP_ERROR, status=status, detail=http.client.responses.get(status, ""))
    for name, value in expected.headers.items():
        there = headers.get(name.lower())
        if there is None or (value and there != value):
            return ProbeResult(
                state=Reachability.OTHER, status=status, detail=f"{name} is {there or 'missing'}, expected {value}"
            )
    return ProbeResult(state=Reachability.UP, status=status)


class _Asked:
    """One URL, on one connection for as long as that holds."""

    def __init__(self, url: str, expected: Expected) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._tls = parts.scheme == "https"
        self._port = parts.port or (443 if self._tls else 80)
        self._authority = parts.netloc.rpartition("@")[2]
        self._path = f"{parts.path.rstrip('/')}{expected.path}"
        self._expected = expected
        self._trusted = expected.trusted
        self._connection: http.client.HTTPConnection | None = None

    def once(self, timeout: float) -> ProbeResult:
        """Send one request."""
        try:
            connection = self._connection = self._connection or self._connect(timeout)
            if connection.sock:
                connection.sock.settimeout(timeout)
            connection.request(
                "GET",
                self._path,
                headers={
                    "Host": self._authority,
                    "User-Agent": "branchenv",
                    "Accept": "*/*",
                    **self._expected.sends,
                },
            )
            response = connection.getresponse()
            body = response.read(_MOST_READ)
            headers = {name.lower(): value for name, value in response.getheaders()}
            if not response.isclosed() or response.will_close:
                self.close()
            return classify(response.status, headers, body.decode("utf-8", "replace"), self._expected)
        except socket.gaierror as e:
            self.close()
            return ProbeResult(state=Reachability.UNRESOLVED, detail=f"{self._host}: {e.strerror or e}")
        except ssl.SSLError as e:
            self.close()
            return ProbeResult(state=Reachability.UNTRUSTED, detail=f"{self._host}:{self._port}: {_refusal(e)}")
        except (OSError, http.client.HTTPException) as e:
            self.close()
            where = f"{self._host}:{self._port}"
            return ProbeResult(
                state=Reachability.UNREACHABLE, detail=f"{where}: {getattr(e, 'strerror', None) or e or 'no answer'}"
            )

    def close(self) -> None:
        """Close the connection."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def _connect(self, timeout: float) -> http.client.HTTPConnection:
        local = self._expected.local and (self._host == "localhost" or self._host.endswith(".localhost"))
        plain = socket.create_connection(("127.0.0.1" if local else self._host, self._port), timeout=timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = http.client.HTTPConnection(self._host, self._port, timeout=timeout)
        try:
            connection.sock = self._secured(plain) if self._tls else plain
        except OSError:
            plain.close()
            raise
        return connection

    def _secured(self, plain: socket.socket) -> ssl.SSLSocket:
        # Reading the system's authorities takes longer than a request: only where they are needed, and once.
        self._trusted = self._trusted or ssl.create_default_context()
        return self._trusted.wrap_socket(plain, server_hostname=self._host)


def _refusal(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return f"no TLS: {error.reason or error}"
