"""A registry is asked which image a tag names; this one speaks as GitLab's does, with tokens, or with passwords."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import pytest

from branchenv.clients import registry
from branchenv.clients.registry import ImageReference
from core.registry import RegistryError
from tests.unit.web_server import Asked, Reply, served

_DIGEST = f"sha256:{'5' * 64}"


@dataclass
class _Registry:
    """What it has, and what it was asked."""

    kind: str = "open"
    """open, bearer or basic."""
    realm: str = ""
    digest: str = _DIGEST
    status: int = 200
    asked: list[str] = field(default_factory=list)
    host: str = ""

    def answer(self, asked: Asked) -> Reply:
        url = urlsplit(asked.path)
        self.asked.append(f"{asked.method} {url.path}")
        shown = asked.authorization
        password = f"Basic {base64.b64encode(b'ci:secret').decode()}"
        if url.path == "/token":
            scope = parse_qs(url.query)["scope"][0]
            granted = {"token": f"for {scope}"} if shown == password else {}
            return Reply(json.dumps(granted).encode(), 200 if granted else 401)
        allowed = {"open": "", "basic": password, "bearer": "Bearer for repository:shop/web:pull"}[self.kind]
        if allowed and shown != allowed:
            realm = self.realm or f"http://{self.host}/token"
            challenge = {"basic": "Basic realm=x", "bearer": f'Bearer realm="{realm}",service="registry"'}[self.kind]
            return Reply(status=401, headers={"WWW-Authenticate": challenge})
        assert "application/vnd.oci.image.index.v1+json" in asked.headers["Accept"], "or an index has another digest"
        return Reply(status=self.status, headers={"Docker-Content-Digest": self.digest})


@pytest.fixture
def server() -> Iterator[_Registry]:
    found = _Registry()
    with served(found.answer) as port:
        found.host = f"127.0.0.1:{port}"
        yield found


def _environ(server: _Registry) -> dict[str, str]:
    return {"CI_REGISTRY": server.host, "CI_REGISTRY_USER": "ci", "CI_REGISTRY_PASSWORD": "secret", "HOME": "/none"}


@pytest.mark.parametrize(
    ("image", "host", "repository", "tag"),
    [
        ("registry.example.com:5050/acme/shop:main", "registry.example.com:5050", "acme/shop", "main"),
        ("registry.example.com:5050/acme/shop", "registry.example.com:5050", "acme/shop", "latest"),
        ("localhost/shop:1", "localhost", "shop", "1"),
        ("nginx", "registry-1.docker.io", "library/nginx", "latest"),
        ("acme/shop:1", "registry-1.docker.io", "acme/shop", "1"),
        ("docker.io/acme/shop:1", "registry-1.docker.io", "acme/shop", "1"),
    ],
)
def test_an_image_tells_its_registry(image: str, host: str, repository: str, tag: str) -> None:
    assert ImageReference.of(image) == ImageReference(host=host, repository=repository, tag=tag)


@pytest.mark.parametrize("kind", ["open", "bearer", "basic"])
def test_the_digest_is_asked_with_the_job_s_credentials(kind: str, server: _Registry) -> None:
    server.kind = kind
    assert registry.digest(f"{server.host}/shop/web:main", _environ(server)) == _DIGEST
    assert server.asked[0] == "HEAD /v2/shop/web/manifests/main", "no image is pulled for it"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind": "bearer"}, "gives no token"),
        ({"kind": "bearer", "realm": "file:///token"}, "a login of a kind that is not known"),
        ({"kind": "basic"}, "wants credentials, and there are none"),
        ({"status": 404}, "has no shop/web:main"),
        ({"status": 403}, "wants credentials"),
        ({"status": 503}, "answers 503"),
        ({"digest": "md5:x"}, "answers 200 without a digest"),
    ],
)
def test_what_does_not_tell_says_why(change: dict[str, object], says: str, server: _Registry) -> None:
    for name, value in change.items():
        setattr(server, name, value)
    with pytest.raises(RegistryError, match=says):
        registry.digest(f"{server.host}/shop/web:main", {"HOME": "/none"})


def test_nothing_listens(server: _Registry) -> None:
    with pytest.raises(RegistryError, match="cannot be reached"):
        registry.digest("127.0.0.1:1/shop/web:main", _environ(server))
