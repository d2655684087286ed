"""From what a program asks for to what is sent: kind, name, namespace and normal form."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from local.plugins.kubernetes import manifest
from local.plugins.kubernetes.manifest import Manifest
from local.plugins.kubernetes.values import UNKNOWN, plain, with_secrets_of

_PACKAGE = "kubernetes"
_DIGITS = 8


class InputError(Exception):
    """What the program asks for cannot be made. The message says which field, and what to do."""


@dataclass(frozen=True)
class Token:
    """A resource type: `kubernetes:<group>/<version>:<Kind>`, where Kubernetes' own first group is called core."""

    api_version: str
    kind: str
    patch: bool

    @classmethod
    def parse(cls, text: str) -> "Token":
        """Take a token apart.

        Raises:
            InputError: it is not a Kubernetes resource type.
        """
        package, _, rest = text.partition(":")
        group_version, _, kind = rest.rpartition(":")
        group, _, version = group_version.rpartition("/")
        if package != _PACKAGE or not (group and version and kind):
            raise InputError(
                f"resource type {text!r}: expected kubernetes:<group>/<version>:<Kind>, "
                "for example kubernetes:apps/v1:Deployment"
            )
        patch = kind.endswith("Patch") and kind != "Patch"
        api_version = version if group == "core" else f"{group}/{version}"
        return cls(api_version, kind.removesuffix("Patch") if patch else kind, patch)


@dataclass(frozen=True, kw_only=True)
class Naming:
    """How an object without a name gets one: as the engine proposes, else from its logical name and 8 digits."""

    logical: str
    seed: bytes = b""
    proposed: str = ""
    disabled: bool = False

    def name(self) -> str:
        """The name.

        Raises:
            InputError: the project has switched naming off.
        """
        if self.disabled:
            raise InputError("metadata.name: automatic naming is disabled for this project, so it must be set")
        if self.proposed:
            return self.proposed
        random = hashlib.sha256(self.seed).hexdigest() if self.seed else secrets.token_hex(_DIGITS)
        return f"{self.logical}-{random[:_DIGITS]}"


def check(
    asked: dict[str, Any],
    old: dict[str, Any],
    token: Token,
    *,
    naming: Naming,
) -> dict[str, Any]:
    """The inputs to keep and to send, with their secret marks, as yet without the default namespace.

    Raises:
        InputError: the object cannot be made.
    """
    if token.kind.endswith("List") and "items" in asked:
        raise InputError(f"kind {token.kind}: a list cannot be made; declare its items one by one")
    obj: Manifest = manifest.normal(plain(asked))
    obj.setdefault("apiVersion", token.api_version)
    obj.setdefault("kind", token.kind)
    if "metadata" not in obj:
        obj["metadata"] = {}
    if isinstance(obj["metadata"], dict):
        obj["metadata"] = dict(obj["metadata"])
        _name(obj, plain(old), token, naming)
    marked: dict[str, Any] = with_secrets_of(obj, asked)
    return marked


def _name(obj: Manifest, old: Manifest, token: Token, naming: Naming) -> None:
    """Name an object that has no name: as before if it was named here before, else anew."""
    data = obj["metadata"]
    if data.get("name"):
        return
    if data.get("generateName"):
        raise InputError(
            "metadata.generateName: not supported with server-side apply; set metadata.name, or leave both out"
        )
    if token.patch:
        raise InputError("metadata.name: a Patch resource must name the object that it changes")
    if old:
        if not manifest.is_true(old, manifest.AUTONAMED) or not manifest.name(old):
            return
        data["name"] = manifest.name(old)
    else:
        data["name"] = naming.name()
    annotations = data.get("annotations") or {}
    if annotations is not UNKNOWN:
        data["annotations"] = {**annotations, manifest.AUTONAMED: "true"}
