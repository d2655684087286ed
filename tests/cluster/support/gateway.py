"""Requests through the cluster's Istio gateway, as a browser would send them."""

import http.client
import json
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from tests.cluster.support.waiting import until

_TIMEOUT = 10.0
_PAUSE = 0.01


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

    port: int

    def get(self, host: str, path: str = "/", *, method: str = "GET", headers: dict[str, str] | None = None) -> Answer:
        """Send one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_TIMEOUT)
        try:
            connection.request(method, path, headers={"Host": f"{host}:{self.port}", **(headers or {})})
            response = connection.getresponse()
            body = response.read().decode()
            return Answer(status=response.status, body=body, headers={k.lower(): v for k, v in response.getheaders()})
        except (OSError, http.client.HTTPException) as e:
            return Answer(status=0, body=repr(e), headers={})
        finally:
            connection.close()

    def until_status(self, host: str, status: int = 200, path: str = "/") -> Answer:
        """Ask until the gateway, which learns of routes a moment after the API server, answers so."""

        def asked() -> Answer | None:
            answer = self.get(host, path)
            return answer if answer.status == status else None

        return until(asked, what=f"http://{host}:{self.port}{path} answers {status}")  # type: ignore[return-value]


@dataclass
class Requests:
    """Requests to one URL, one after the other, for as long as the block runs."""

    gateway: Gateway
    host: str
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
        said = [str(answer.json[key]) for answer in self.answers if answer.status == 200]
        return list(dict.fromkeys(said))

    def _ask(self) -> None:
        while not self._stop.wait(_PAUSE):
            self.answers.append(self.gateway.get(self.host))
