"""User and password for a container registry, as this job or person has them.

GitLab's own for its registry, then the files in which tools for containers keep them (`auths`): Docker's as a variable
or a file, Podman's, Helm's. Helpers, which are programs of their own, are not called.
"""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

HUB = "registry-1.docker.io"
"""Docker Hub's host, whatever it is called."""
HUB_ALIAS = "docker.io"
_HUB_KEYS = frozenset({"https://index.docker.io/v1/", HUB_ALIAS})


class Login(NamedTuple):
    """User and password."""

    user: str
    password: str

    @property
    def header(self) -> str:
        """What HTTP's basic authentication sends."""
        return f"Basic {base64.b64encode(':'.join(self).encode()).decode()}"


def registry_login(host: str, environ: Mapping[str, str]) -> Login | None:
    """Find user and password for a registry.

    Args:
        host: of the registry, with its port.
        environ: variables with credentials, or of where they are.
    """
    if host == environ.get("CI_REGISTRY") and environ.get("CI_REGISTRY_PASSWORD"):
        return Login(environ.get("CI_REGISTRY_USER", ""), environ["CI_REGISTRY_PASSWORD"])
    return next((found for text in _configs(environ) if (found := _in_config(text, host))), None)


def _configs(environ: Mapping[str, str]) -> Iterator[str]:
    home = Path(environ.get("HOME") or "/")
    yield environ.get("DOCKER_AUTH_CONFIG", "")
    if file := environ.get("REGISTRY_AUTH_FILE"):
        yield _read(Path(file))
    yield _read(Path(environ.get("DOCKER_CONFIG") or home / ".docker") / "config.json")
    helm = Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "helm/registry/config.json"
    yield _read(Path(environ.get("HELM_REGISTRY_CONFIG") or helm))


def _in_config(text: str, host: str) -> Login | None:
    try:
        auths: Mapping[str, Any] = json.loads(text or "{}").get("auths", {})
        names = {host, f"https://{host}"} | (_HUB_KEYS if host == HUB else set())
        entry = next((each for name, each in auths.items() if name.removesuffix("/") in names or name in names), None)
        if not entry:
            return None
        if entry.get("username"):
            return Login(str(entry["username"]), str(entry.get("password", "")))
        user, _, password = base64.b64decode(entry.get("auth", "")).decode().partition(":")
    except (ValueError, AttributeError, binascii.Error):
        return None
    return Login(user, password) if password else None


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
