"""Which digest an image's tag names now, as its registry tells."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from core.http_client import HttpClient
from core.registry import DIGEST, NOT_FOUND, Registry, RegistryError
from core.registry_login import HUB, HUB_ALIAS

_SILENCE = 4.0
"""Seconds that it may say nothing: a deploy waits for it."""
_KINDS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
"""Of manifests: the image of every platform first, as a node would ask."""


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
            return cls(host=HUB, repository=path if slash else f"library/{path}", tag=tag)
        return cls(host=HUB if first == HUB_ALIAS else first, repository=rest, tag=tag)


def digest(image: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the digest that an image's tag names now.

    Args:
        image: named by a tag.
        environ: variables with credentials, or of where they are.

    Raises:
        RegistryError: the registry does not tell.
    """
    place = ImageReference.of(image)
    registry = Registry(place.host, environ, HttpClient(environ, silence=_SILENCE))
    answer = registry.manifest(place.repository, place.tag, _KINDS, method="HEAD")
    if answer.status == NOT_FOUND:
        raise RegistryError(f"{place.host} has no {place.repository}:{place.tag}, or hides it")
    found = answer.headers.get("docker-content-digest", "")
    if not DIGEST.fullmatch(found):
        raise RegistryError(f"{place.host} answers {answer.status} without a digest")
    return found
