"""The one object that all others of a branch environment belong to."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from components.kubernetes_object import KubernetesObject
from core.labels import DATA_ANNOTATION, URL_ANNOTATION


def anchor(
    name: str, metadata: Mapping[str, Any], *, url: str, data: Sequence[str], opts: pulumi.ResourceOptions
) -> KubernetesObject:
    """Make the environment's anchor: a ConfigMap that owns every other object of it.

    An `up` that is killed may leave objects that its state does not know of, and a destroy works from state alone. They
    are deleted all the same: Kubernetes collects whatever the anchor owns once that is deleted. It is made first, so
    the most that a kill can leave unknown is the anchor itself, which the next `up` adopts.

    It has no data of its own, on purpose: without `kubernetes:enableConfigMapMutable` a ConfigMap whose data changes is
    replaced, and all that the old one owned would be deleted.

    Args:
        name: logical name of the component.
        metadata: of an object that the environment has one of.
        url: public URL, for whoever looks at the cluster without Pulumi.
        data: names of the data that the environment uses, for whoever deletes what nobody uses.
        opts: with the parent.
    """
    annotations = {**metadata["annotations"], URL_ANNOTATION: url, DATA_ANNOTATION: " ".join(data)}
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {**metadata, "annotations": annotations}}
    return KubernetesObject(f"{name}-anchor", manifest, opts)


def owned_by(owner: KubernetesObject) -> dict[str, Any]:
    """Return the owner reference that every other object of the environment carries."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": owner.metadata["name"],
        # A preview does not know it.
        "uid": owner.metadata.apply(lambda known: known.get("uid")),
    }
