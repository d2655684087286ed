"""A container registry, by the OCI distribution API: manifests, what they are made of, tags."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from core.http_client import Answer, HttpClient, NoAnswerError, is_local, origin
from core.registry_login import HUB, HUB_ALIAS, registry_login

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
OK, NOT_FOUND = 200, 404
_UNAUTHORIZED, _FORBIDDEN = 401, 403
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_MANIFEST_MOST = 4 << 20
"""Bytes: what registries themselves take."""


class RegistryError(Exception):
    """Why a registry does not tell, in a few words."""


class AccessError(RegistryError):
    """It does not let us in."""


class Registry:
    """One registry, with the credentials that are there for it. What it has granted is kept for the next question."""

    def __init__(self, host: str, environ: Mapping[str, str] = os.environ, client: HttpClient | None = None) -> None:
        """Begin; nothing is sent yet.

        Args:
            host: of the registry, with its port.
            environ: variables with credentials, or of where they are.
            client: that speaks to it.
        """
        self.host = HUB if host == HUB_ALIAS else host
        self._login = registry_login(self.host, environ)
        self._client = client or HttpClient(environ)
        self._root = f"{'http' if is_local(self.host) else 'https'}://{self.host}"
        self._granted: dict[str, str] = {}

    def manifest(self, repository: str, reference: str, kinds: Sequence[str], *, method: str = "GET") -> Answer:
        """Return a manifest; its status may be `NOT_FOUND`.

        Args:
            repository: in the registry.
            reference: a tag or a digest.
            kinds: media types that are understood.
            method: HEAD for its digest alone.

        Raises:
            RegistryError: the registry does not tell.
        """
        accept = {"Accept": ", ".join(kinds)}
        path = f"{repository}/manifests/{reference}"
        return self._ask(repository, path, headers=accept, method=method, most=_MANIFEST_MOST)

    def blob(self, repository: str, digest: str, *, most: int) -> bytes:
        """Return a part of what a manifest lists.

        Args:
            repository: in the registry.
            digest: of the part.
            most: bytes that it may have.

        Raises:
            RegistryError: the registry does not tell.
        """
        answer = self._ask(repository, f"{repository}/blobs/{digest}", most=most)
        if answer.status == NOT_FOUND:
            raise RegistryError(f"{self.host} has lost {digest}")
        return answer.body

    def tags(self, repository: str) -> Answer:
        """Return the first page of a repository's tags, as JSON; its status may be `NOT_FOUND`.

        Args:
            repository: in the registry.

        Raises:
            RegistryError: the registry does not tell.
        """
        return self._ask(repository, f"{repository}/tags/list", most=_MANIFEST_MOST)

    def _ask(
        self,
        repository: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        most: int,
    ) -> Answer:
        url = f"{self._root}/v2/{path}"

        def authorize(at: str) -> str | None:
            # A registry sends to a store of files, whose address is a permission by itself.
            return self._granted.get(repository) if origin(at) == origin(self._root) else None

        def ask() -> Answer:
            return self._client.ask(url, method=method, headers=headers, authorize=authorize, most=most)

        try:
            answer = ask()
            if answer.status == _UNAUTHORIZED and repository not in self._granted:
                challenge = answer.headers.get("www-authenticate", "")
                self._granted[repository] = self._authorization(challenge, repository)
                answer = ask()
        except NoAnswerError as e:
            raise RegistryError(f"{self.host} {e}") from e
        if answer.status in (_UNAUTHORIZED, _FORBIDDEN):
            known = (
                "does not let in who has these credentials" if self._login else "wants credentials, and there are none"
            )
            raise AccessError(f"{self.host} {known}")
        if answer.status not in (OK, NOT_FOUND):
            raise RegistryError(f"{self.host} answers {answer.status}")
        return answer

    def _authorization(self, challenge: str, repository: str) -> str:
        """Return what the registry wants to see: a token of the server that it names, else user and password."""
        kind, _, rest = challenge.partition(" ")
        if kind.lower() == "basic":
            if self._login:
                return self._login.header
            raise AccessError(f"{self.host} wants credentials, and there are none")
        asked = dict(_PARAMETER.findall(rest))
        realm = asked.get("realm", "")
        plain = is_local(self.host)
        if kind.lower() != "bearer" or not realm.startswith(("https://", "http://") if plain else "https://"):
            raise RegistryError(f"{self.host} wants a login of a kind that is not known here")
        return f"Bearer {self._token(realm, asked, repository)}"

    def _token(self, realm: str, asked: Mapping[str, str], repository: str) -> str:
        scope = asked.get("scope") or f"repository:{repository}:pull"
        query = urlencode({"service": asked.get("service", ""), "scope": scope})
        login = self._login

        def authorize(at: str) -> str | None:
            return login.header if login and origin(at) == origin(realm) else None

        answer = self._client.ask(f"{realm}{'&' if '?' in realm else '?'}{query}", authorize=authorize)
        if answer.status != OK:
            kind = AccessError if answer.status in (_UNAUTHORIZED, _FORBIDDEN) else RegistryError
            raise kind(f"{self.host} gives no token for {repository}: {answer.status}")
        try:
            body = json.loads(answer.body)
            return str(body.get("token") or body["access_token"])
        except (ValueError, KeyError, AttributeError) as e:
            raise RegistryError(f"{self.host} gives no token for {repository}") from e
