"""A registry is asked which image a tag names; this one speaks as GitLab's does, with tokens, or with passwords."""

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from branchenv.clients import registry
from branchenv.clients.registry import ImageReference, RegistryError

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

    def answer(self, request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], str]:
        url = urlsplit(request.path)
        self.asked.append(f"{request.command} {url.path}")
        shown = request.headers.get("Authorization", "")
        password = f"Basic {base64.b64encode(b'ci:secret').decode()}"
        if url.path == "/token":
            scope = parse_qs(url.query)["scope"][0]
            granted = {"token": f"for {scope}"} if shown == password else {}
            return (200 if granted else 401), {}, json.dumps(granted)
        allowed = {"open": "", "basic": password, "bearer": "Bearer for repository:shop/web:pull"}[self.kind]
        if allowed and shown != allowed:
            realm = self.realm or f"http://{self.host}/token"
            challenge = {"basic": "Basic realm=x", "bearer": f'Bearer realm="{realm}",service="registry"'}[self.kind]
            return 401, {"WWW-Authenticate": challenge}, ""
        assert "application/vnd.oci.image.index.v1+json" in request.headers["Accept"], "or an index has another digest"
        return self.status, {"Docker-Content-Digest": self.digest}, ""


@pytest.fixture
def server() -> Iterator[_Registry]:
    found = _Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            status, headers, body = found.answer(self)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_HEAD  # noqa: N815 - as the class has it

        def log_message(self, *_: object) -> None:
            return

    started = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.host = f"127.0.0.1:{started.server_port}"
    threading.Thread(target=started.serve_forever, daemon=True).start()
    yield found
    started.shutdown()
    started.server_close()


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


@pytest.mark.parametrize("where", ["file", "variable"])
def test_credentials_of_a_docker_config_are_used(where: str, server: _Registry, tmp_path: Path) -> None:
    server.kind = "bearer"
    auth = base64.b64encode(b"ci:secret").decode()
    config = json.dumps({"auths": {"other.example.com": {}, f"https://{server.host}": {"auth": auth}}})
    (tmp_path / "config.json").write_text(config if where == "file" else "no JSON")
    environ = {"DOCKER_CONFIG": str(tmp_path)} | ({"DOCKER_AUTH_CONFIG": config} if where == "variable" else {})
    assert registry.digest(f"{server.host}/shop/web:main", environ) == _DIGEST


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind": "bearer"}, "gives no token"),
        ({"kind": "basic"}, "a login of a kind that is not known"),
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


def test_a_password_is_not_sent_without_tls(server: _Registry) -> None:
    """The registry names who gives tokens; on the network that must be a server with a certificate."""
    import httpx2

    place = ImageReference(host="registry.example.com", repository="shop/web", tag="main")
    challenge = f'Bearer realm="http://{server.host}/token",service="x"'
    with httpx2.Client() as client, pytest.raises(RegistryError, match="not known here"):
        registry._authorization(client, challenge, place, ("ci", "secret"), plain=False)
    assert not server.asked, "it was never asked"
