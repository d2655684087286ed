"""Images as they were when they were deployed, whatever their tags name when a node pulls them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from components.branch.later import changed_at
from core.labels import COMMIT_ANNOTATION

_COMMIT = "commit:"
"""What tells an image apart where its registry does not: the commit that it was deployed for."""
_CONTAINERS = ("initContainers", "containers")


def pinned(image: str, digests: Mapping[str, str]) -> str:
    """Return an image by its tag and digest, if its digest is known."""
    known = digests.get(image, _COMMIT)
    return image if known.startswith(_COMMIT) else f"{image}@{known}"


def pinned_pods(props: Mapping[str, Any], template: Sequence[str], digests: Mapping[str, str]) -> dict[str, Any]:
    """Return an object with the images of its pods pinned.

    Of an image whose digest is not known, but the commit, pods are new for each commit, and pull it again.

    Args:
        props: the object.
        template: keys that lead to its pods' template; none if it is a pod.
        digests: digest or commit by image.
    """
    if not digests:
        return dict(props)

    def pin(found: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        return found and _pinned(found, digests)

    return changed_at(props, template, pin) if template else _pinned(props, digests)


def _pinned(template: Mapping[str, Any], digests: Mapping[str, str]) -> dict[str, Any]:
    spec = template.get("spec")
    if not isinstance(spec, Mapping):
        return dict(template)
    lists = {kind: spec[kind] for kind in _CONTAINERS if isinstance(spec.get(kind), list)}
    result = {
        **template,
        "spec": {**spec, **{kind: [_container(each, digests) for each in lists[kind]] for kind in lists}},
    }
    commits = sorted({commit for each in lists.values() for commit in _commits(each, digests)})
    if not commits:
        return result
    annotated = changed_at(result, ["metadata"], lambda theirs: theirs or {})
    return changed_at(
        annotated, ["metadata", "annotations"], lambda theirs: {**(theirs or {}), COMMIT_ANNOTATION: commits[0]}
    )


def _container(container: Any, digests: Mapping[str, str]) -> Any:  # noqa: ANN401 - as a chart wrote it
    image = container.get("image") if isinstance(container, Mapping) else None
    if not isinstance(image, str) or image not in digests:
        return container
    if digests[image].startswith(_COMMIT):
        # The node may have an image of that tag.
        return {**container, "imagePullPolicy": "Always"}
    return {**container, "image": pinned(image, digests)}


def _commits(containers: Sequence[Any], digests: Mapping[str, str]) -> Iterator[str]:
    for container in containers:
        image = container.get("image") if isinstance(container, Mapping) else None
        known = digests.get(image, "") if isinstance(image, str) else ""
        if known.startswith(_COMMIT):
            yield known.removeprefix(_COMMIT)
