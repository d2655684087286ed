"""A container registry, by the OCI distribution API: which digest a tag names now.

The whole client is one question. Credentials are those that the job has: GitLab's own for its registry, and a Docker
config (`auths`), as a file or in DOCKER_AUTH_CONFIG. Helpers, which are programs of their own, are not called.
"""

import base64
import binascii
import json
import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2

_CONNECT, _READ = 2.0, 4.0
_KINDS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
"""Of manifests: the image of every platform first, as a node would ask."""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LOCAL = re.compile(r"(localhost|127\.[\d.]+|\[::1\]|[^:]+\.localhost)(:\d+)?")
"""Hosts that are asked without TLS, as container runtimes do."""
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_HUB, _HUB_ALIAS, _HUB_KEY = "registry-1.docker.io", "docker.io", "https://index.docker.io/v1/"
_OK, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 200, 401, 403, 404

Login = tuple[str, str]


class RegistryError(Exception):
    """Why a registry does not tell, in a few words."""


@dataclass(frozen=True, kw_only=True)
class ImageReference:
    """Where an image is."""

    host: str
    repository: str
    tag: str

    @classmethod
    def of(cls, image: str) -> "ImageReference":
        """Read an image that is named by a tag, or by nothing, which is `latest`."""
        path, colon, tag = image.rpartition(":")
        if not colon or "/" in tag:
            path, tag = image, "latest"
        first, slash, rest = path.partition("/")
        if not slash or not (set(first) & {".", ":"} or first == "localhost"):
            return cls(host=_HUB, repository=path if slash else f"library/{path}", tag=tag)
        return cls(host=_HUB if first == _HUB_ALIAS else first, repository=rest, tag=tag)


def digest(image: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the digest that an image's tag names now.

    Args:
        image: named by a tag.
        environ: variables with credentials, or of where they are.

    Raises:
        RegistryError: the registry does not tell.
    """
    import httpx2

    place = ImageReference.of(image)
    plain = bool(_LOCAL.fullmatch(place.host))
    url = f"{'http' if plain else 'https'}://{place.host}/v2/{place.repository}/manifests/{place.tag}"
    accept = {"Accept": ", ".join(_KINDS)}
    login = _login(place.host, environ)
    try:
        with httpx2.Client(timeout=httpx2.Timeout(_READ, connect=_CONNECT), verify=_trusted(environ)) as client:
            answer = client.head(url, headers=accept)
            if answer.status_code == _UNAUTHORIZED:
                challenge = answer.headers.get("www-authenticate", "")
                allowed = _authorization(client, challenge, place, login, plain=plain)
                answer = client.head(url, headers={**accept, "Authorization": allowed})
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as e:
        raise RegistryError(f"{place.host} cannot be reached: {e or type(e).__name__}") from e
    if answer.status_code in (_UNAUTHORIZED, _FORBIDDEN):
        known = "does not let in who has these credentials" if login else "wants credentials, and there are none"
        raise RegistryError(f"{place.host} {known}")
    if answer.status_code == _NOT_FOUND:
        raise RegistryError(f"{place.host} has no {place.repository}:{place.tag}, or hides it")
    found = str(answer.headers.get("docker-content-digest", ""))
    if answer.status_code != _OK or not _DIGEST.fullmatch(found):
        raise RegistryError(f"{place.host} answers {answer.status_code} without a digest")
    return found


def _authorization(
    client: "httpx2.Client", challenge: str, place: ImageReference, login: Login | None, *, plain: bool
) -> str:
    """Return what the registry wants to see: a token of the server that it names, else user and password."""
    kind, _, rest = challenge.partition(" ")
    if kind.lower() == "basic" and login:
        return _basic(login)
    asked = dict(_PARAMETER.findall(rest))
    realm = asked.get("realm", "")
    if kind.lower() != "bearer" or not realm.startswith(("https://", "http://") if plain else "https://"):
        raise RegistryError(f"{place.host} wants a login of a kind that is not known here")
    asks = {"service": asked.get("service", ""), "scope": asked.get("scope") or f"repository:{place.repository}:pull"}
    answer = client.get(realm, params=asks, headers={"Authorization": _basic(login)} if login else {})
    if answer.status_code != _OK:
        raise RegistryError(f"{place.host} gives no token for {place.repository}: {answer.status_code}")
    try:
        body = answer.json()
        return f"Bearer {body.get('token') or body['access_token']}"
    except (ValueError, KeyError, AttributeError) as e:
        raise RegistryError(f"{place.host} gives no token for {place.repository}") from e


def _login(host: str, environ: Mapping[str, str]) -> Login | None:
    """Find user and password for a registry."""
    if host == environ.get("CI_REGISTRY") and environ.get("CI_REGISTRY_PASSWORD"):
        return environ.get("CI_REGISTRY_USER", ""), environ["CI_REGISTRY_PASSWORD"]
    folder = Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME", "/")) / ".docker")
    for text in (environ.get("DOCKER_AUTH_CONFIG", ""), _read(folder / "config.json")):
        if found := _in_config(text, host):
            return found
    return None


def _in_config(text: str, host: str) -> Login | None:
    try:
        auths: Mapping[str, Any] = json.loads(text or "{}").get("auths", {})
        names = {host, f"https://{host}"} | ({_HUB_KEY, _HUB_ALIAS} if host == _HUB else set())
        entry = next((each for name, each in auths.items() if name.removesuffix("/") in names or name in names), None)
        if not entry:
            return None
        if entry.get("username"):
            return str(entry["username"]), str(entry.get("password", ""))
        user, _, password = base64.b64decode(entry.get("auth", "")).decode().partition(":")
    except (ValueError, AttributeError, binascii.Error):
        return None
    return (user, password) if password else None


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return ""


def _basic(login: Login) -> str:
    return f"Basic {base64.b64encode(':'.join(login).encode()).decode()}"


def _trusted(environ: Mapping[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context()
    # A GitLab of one's own has its registry's certificate from the same place.
    file = environ.get("CI_SERVER_TLS_CA_FILE", "")
    if file and Path(file).is_file():
        context.load_verify_locations(file)
    return context
