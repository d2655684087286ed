"""Which image a tag names now, so that a tag that was moved rolls out, and one that was not rolls nothing."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from enum import StrEnum
from pathlib import Path
from typing import Any

from branchenv import console
from branchenv.clients.registry import digest
from branchenv.operations.config.stack_config import DIGESTS
from core.background import begin
from core.registry import RegistryError

_MAX_WAIT = 6.0
"""Seconds that a deploy waits for all registries together; most have answered before anything else is known."""


class MovingTags(StrEnum):
    """What is done about tags, which may name another image at every push."""

    REGISTRY = "registry"
    """The registry is asked for the digest; where it does not tell, the tag is taken as it stands."""
    COMMIT = "commit"
    """The same, but where it does not tell, pods are replaced at every commit, and pull the tag again."""
    OFF = "off"
    """They are taken as they stand: an image that was pushed to the same tag is not rolled out."""


class Asking:
    """Registries that are asked while something else is done, each image once.

    In threads that are left when time is up, as a deploy needs no registry's answer.
    """

    def __init__(self, images: Iterable[str], *, commit: str = "", ask: Callable[[str], str] = digest) -> None:
        """Begin to ask.

        Args:
            images: those that are known already.
            commit: what stands for a digest that nobody tells; empty for nothing.
            ask: returns an image's digest.
        """
        self._ask = ask
        self._commit = commit
        self._asked = {image: self._begin(image) for image in sorted(set(images)) if _by_tag(image)}

    def answers(self, config: Mapping[str, Any], before: Mapping[str, Any], *, local: bool) -> dict[str, str]:
        """Return digests by image.

        Args:
            config: of the deploy.
            before: config that is deployed: what a registry does not tell stays as it is.
            local: whether it is the local cluster, into which images are loaded without a registry.
        """
        images = [image for image in named(config) if _by_tag(image)]
        self._asked.update({image: self._begin(image) for image in images if image not in self._asked})
        end = time.monotonic() + _MAX_WAIT
        found = {}
        for image in images:
            answer = _answer(self._asked[image], max(0.0, end - time.monotonic()))
            if isinstance(answer, str):
                found[image] = answer
                continue
            if self._commit:
                found[image] = f"commit:{self._commit}"
                continue
            deployed = (before.get(DIGESTS) or {}).get(image)
            if deployed:
                found[image] = str(deployed)
            if not local:
                _warn(image, answer, kept=bool(deployed))
        return found

    def _begin(self, image: str) -> Future[str]:
        return begin(f"registry of {image}", lambda: self._ask(image))


def _answer(asked: Future[str], max_wait: float) -> str | RegistryError:
    try:
        return asked.result(max_wait)
    except RegistryError as e:
        return e
    except TimeoutError:
        return RegistryError("its registry has not answered in time")
    except Exception as e:  # noqa: BLE001 - whatever it is, the image is deployed without it
        return RegistryError(f"{type(e).__name__}: {e}")


def named(config: Mapping[str, Any]) -> list[str]:
    """Return every image that a config names, or its environment file; a chart's own are not looked for."""
    images = {str(config.get("image") or ""), *map(str, (config.get("images") or {}).values())}
    if file := config.get("environment"):
        images.update(_in_file(Path(str(file))))
    return sorted(images - {""})


def _in_file(path: Path) -> Iterator[str]:
    import yaml

    try:
        whole = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError):
        # The program says what is wrong with it.
        return
    yield from _images(whole)


def _images(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            if key == "image" and isinstance(each, str):
                yield each
            elif key not in ("env", "chart"):
                yield from _images(each)
    elif isinstance(value, list):
        for each in value:
            yield from _images(each)


def _by_tag(image: str) -> bool:
    return "@" not in image


def _warn(image: str, why: RegistryError, *, kept: bool) -> None:
    what = "the one that is deployed stays" if kept else "it is deployed by its tag, and not again if that was moved"
    console.warn(
        f"nothing tells which image {image} is now ({why}); {what}\n"
        "    fix:   give the job credentials for the registry (CI_REGISTRY_PASSWORD, DOCKER_AUTH_CONFIG), or set "
        "BRANCHENV_MOVING_TAGS=commit (new pods at every commit) or off (tags are never moved)"
    )
