"""Asks a server over HTTP for one answer of limited size: what registries and chart repositories need, and no more.

Redirects are followed here and not by the library, which would send credentials along to another server.
"""

import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urljoin, urlsplit

if TYPE_CHECKING:
    import ssl
    import urllib.request

_LOCAL = re.compile(r"(localhost|127\.[\d.]+|\[::1\]|[^:@/]+\.localhost)(:\d+)?")
_MOVED = frozenset({301, 302, 303, 307, 308})
_MOST_MOVES = 5
_CHUNK = 1 << 16
_MEGABYTE = 1 << 20

Authorize = Callable[[str], str | None]
"""Returns what the header Authorization holds for a URL; None for nothing."""


class NoAnswerError(Exception):
    """Why there is no answer that can be used, as what is said of the server: `cannot be reached: ...`."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a server answered, whatever its status."""

    status: int
    headers: Mapping[str, str]
    """By their names in lower case."""
    body: bytes


class HttpClient:
    """Speaks to servers with TLS, and without it to those of this machine alone unless a caller allows more."""

    def __init__(self, environ: Mapping[str, str] = os.environ, *, silence: float = 10, longest: float = 60) -> None:
        """Begin; nothing is sent yet.

        Args:
            environ: variables that name more certificates to trust.
            silence: seconds that a server may say nothing.
            longest: seconds that one answer may take.
        """
        self._environ = environ
        self._silence = silence
        self._longest = longest
        self._opener: urllib.request.OpenerDirector | None = None

    def ask(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        authorize: Authorize = lambda _: None,
        most: int = _MEGABYTE,
    ) -> Answer:
        """Return the answer of a server, or of the one that it sends us to.

        Args:
            url: of what is wanted.
            method: GET or HEAD.
            headers: for every server on the way.
            authorize: asked for every server on the way.
            most: bytes that the answer may have.

        Raises:
            NoAnswerError: there is none, or it is too long.
        """
        for _ in range(_MOST_MOVES + 1):
            answer = self._once(url, method, headers or {}, authorize(url), most)
            target = answer.headers.get("location", "")
            if answer.status not in _MOVED or not target:
                return answer
            url = _followed(url, target)
        raise NoAnswerError("sends from one place to another, and there is no end")

    def _once(self, url: str, method: str, headers: Mapping[str, str], authorization: str | None, most: int) -> Answer:
        # Imported here, as below: few commands and fewer stacks ask.
        import http.client
        import urllib.request

        end = time.monotonic() + self._longest
        try:
            request = urllib.request.Request(url, method=method, headers=dict(headers))  # noqa: S310 - see _opened
            if authorization:
                request.add_header("Authorization", authorization)
            with self._opened().open(request, timeout=self._silence) as response:
                body = bytearray()
                while chunk := response.read(_CHUNK):
                    body += chunk
                    if len(body) > most:
                        raise NoAnswerError(f"answers more than {most // _MEGABYTE} MiB")
                    if time.monotonic() > end:
                        raise NoAnswerError(f"needs more than {self._longest:.0f} s for its answer")
                found = {name.lower(): value for name, value in response.headers.items()}
                # Read in parts, an answer that is cut off is no error to the library.
                if method != "HEAD" and len(body) < int(found.get("content-length", 0)):
                    raise NoAnswerError("breaks off in the middle of its answer")
                return Answer(status=response.status, headers=found, body=bytes(body))
        except (OSError, http.client.HTTPException, ValueError) as e:
            reason = getattr(e, "reason", None) or e
            raise NoAnswerError(f"cannot be reached: {str(reason) or type(reason).__name__}") from e

    def _opened(self) -> "urllib.request.OpenerDirector":
        """Return what opens a URL over HTTP and nothing else: no file, and no status taken for an exception."""
        import urllib.request

        if self._opener is None:
            self._opener = urllib.request.OpenerDirector()
            handlers = (
                urllib.request.ProxyHandler(),
                urllib.request.HTTPHandler(),
                urllib.request.HTTPSHandler(context=_trusted(self._environ)),
                urllib.request.UnknownHandler(),
            )
            for each in handlers:
                self._opener.add_handler(each)
        return self._opener


def is_local(host: str) -> bool:
    """Return whether a host, with its port or without, is this machine: asked without TLS, as container runtimes do."""
    return bool(_LOCAL.fullmatch(host))


def may_see_credentials(url: str) -> bool:
    """Return whether credentials may be sent there: nobody else can read them on the way."""
    at = urlsplit(url)
    return at.scheme == "https" or is_local(at.netloc)


def origin(url: str) -> tuple[str, str, int]:
    """Return what tells one server from another: scheme, host and port."""
    at = urlsplit(url)
    return at.scheme, at.hostname or "", _port(at)


def _port(at: SplitResult) -> int:
    return at.port or {"https": 443, "http": 80}.get(at.scheme, 0)


def _followed(url: str, target: str) -> str:
    """Return where a redirect leads; never from TLS to none."""
    found = urljoin(url, target)
    scheme = urlsplit(found).scheme
    if scheme not in ("http", "https") or (urlsplit(url).scheme == "https" and scheme == "http"):
        raise NoAnswerError(f"sends to {urlsplit(found).hostname} without TLS")
    return found


def _trusted(environ: Mapping[str, str]) -> "ssl.SSLContext":
    import ssl

    context = ssl.create_default_context()
    # A GitLab of one's own has its registry's certificate from the same place.
    file = environ.get("CI_SERVER_TLS_CA_FILE", "")
    if file and Path(file).is_file():
        context.load_verify_locations(file)
    return context
