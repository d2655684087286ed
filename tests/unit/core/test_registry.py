"""Credentials for a registry are found where tools for containers keep them, and go to that registry alone."""

import base64
import json
from pathlib import Path

import pytest

from core.registry import AccessError, Registry, RegistryError
from core.registry_login import HUB, Login, registry_login
from tests.unit.web_server import Asked, Reply, served

_CONFIG = json.dumps({"auths": {"other.example.com": {}, "https://registry.example.com": {"auth": "Y2k6c2VjcmV0"}}})
_FOUND = Login("ci", "secret")


@pytest.mark.parametrize(
    ("file", "environ"),
    [
        ("", {"DOCKER_AUTH_CONFIG": _CONFIG}),
        ("", {"CI_REGISTRY": "registry.example.com", "CI_REGISTRY_USER": "ci", "CI_REGISTRY_PASSWORD": "secret"}),
        ("auth.json", {"REGISTRY_AUTH_FILE": "{home}/auth.json"}),
        ("docker/config.json", {"DOCKER_CONFIG": "{home}/docker"}),
        (".docker/config.json", {}),
        (".config/helm/registry/config.json", {}),
        ("config/helm/registry/config.json", {"XDG_CONFIG_HOME": "{home}/config"}),
        ("helm.json", {"HELM_REGISTRY_CONFIG": "{home}/helm.json"}),
    ],
)
def test_credentials_are_found_where_tools_keep_them(file: str, environ: dict[str, str], tmp_path: Path) -> None:
    if file:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(_CONFIG)
    known = {"HOME": str(tmp_path), **{key: value.replace("{home}", str(tmp_path)) for key, value in environ.items()}}
    assert registry_login("registry.example.com", known) == _FOUND, "whoever deploys has logged in already"
    assert registry_login("registry.example.com:5050", known) is None, "another port is another registry"


def test_what_is_no_config_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(_CONFIG)
    environ = {"DOCKER_AUTH_CONFIG": "no JSON", "DOCKER_CONFIG": str(tmp_path)}
    assert registry_login("registry.example.com", environ) == _FOUND, "the next one has them"


def test_docker_hub_has_several_names() -> None:
    auths = {"https://index.docker.io/v1/": {"username": "ci", "password": "secret"}}
    assert registry_login(HUB, {"DOCKER_AUTH_CONFIG": json.dumps({"auths": auths})}) == _FOUND, "docker login's own"


def test_what_a_registry_grants_is_not_shown_to_the_store_that_it_sends_to() -> None:
    seen: dict[str, str] = {}
    password = f"Basic {base64.b64encode(b'ci:secret').decode()}"

    def store(asked: Asked) -> Reply:
        seen["store"] = asked.authorization
        return Reply(b"chart")

    def registry(asked: Asked) -> Reply:
        if asked.authorization != password:
            return Reply(status=401, headers={"WWW-Authenticate": "Basic realm=x"})
        seen["registry"] = asked.authorization
        return Reply(status=307, headers={"Location": f"http://127.0.0.1:{elsewhere}/blob?signed"})

    with served(store) as elsewhere, served(registry) as port:
        host = f"localhost:{port}"
        environ = {"CI_REGISTRY": host, "CI_REGISTRY_USER": "ci", "CI_REGISTRY_PASSWORD": "secret"}
        assert Registry(host, environ).blob("shop/web", f"sha256:{'5' * 64}", most=100) == b"chart"
    assert seen == {"registry": password, "store": ""}, "a signed address is a permission by itself, and nobody's else"


def test_a_password_is_not_sent_without_tls() -> None:
    """The registry names who gives tokens; on the network that must be a server with a certificate."""
    challenge = 'Bearer realm="http://registry.example.com/token",service="x"'
    registry = Registry("registry.example.com", {"DOCKER_AUTH_CONFIG": _CONFIG})
    with pytest.raises(RegistryError, match="not known here"):
        registry._authorization(challenge, "shop/web")


@pytest.mark.parametrize(
    ("environ", "says"), [({}, "there are none"), ({"DOCKER_AUTH_CONFIG": "{}"}, "there are none")]
)
def test_who_is_not_let_in_is_told_so(environ: dict[str, str], says: str) -> None:
    with served(lambda _: Reply(status=403)) as port, pytest.raises(AccessError, match=says):
        Registry(f"localhost:{port}", environ).tags("shop/web")
