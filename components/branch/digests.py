"""Images by digest: what a tag named when it was deployed, whatever it names when a node pulls it."""

from collections.abc import Mapping, Sequence
from typing import Any

from components.branch.later import changed_at
from components.branch.workload import Workload


def pinned(image: str, digests: Mapping[str, str]) -> str:
    """Return an image by its tag and digest, if its digest is known."""
    return f"{image}@{digests[image]}" if image in digests else image


def pinned_workload(workload: Workload, digests: Mapping[str, str]) -> Workload:
    """Return a workload whose images, also the second one, are pinned."""
    second = workload.canary
    return workload.model_copy(
        update={
            "image": workload.image and pinned(workload.image, digests),
            "canary": second and second.model_copy(update={"image": pinned(second.image, digests)}),
        }
    )


def pinned_pods(props: Mapping[str, Any], template: Sequence[str], digests: Mapping[str, str]) -> dict[str, Any]:
    """Return a chart's object with the images of its pods pinned.

    Args:
        props: the object.
        template: keys that lead to its pods' template.
        digests: by image, as the chart writes it.
    """

    def pin(containers: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
        return containers and [changed_at(each, ["image"], image) for each in containers]

    def image(found: str | None) -> str | None:
        return found and pinned(found, digests)

    result = dict(props)
    for kind in ("initContainers", "containers") if digests else ():
        result = changed_at(result, [*template, "spec", kind], pin)
    return result
