"""Registering the objects of a component with the engine, as children with the official provider's names."""

from typing import Any

from local.plugins.kubernetes import manifest
from local.plugins.kubernetes.manifest import Manifest
from local.plugins.kubernetes.protocol import version_of

_DEFINITION = "CustomResourceDefinition"


def token(obj: Manifest) -> str:
    """The resource type of an object."""
    api_version = str(obj["apiVersion"])
    group_version = api_version if "/" in api_version else f"core/{api_version}"
    return f"kubernetes:{group_version}:{obj['kind']}"


def child_name(obj: Manifest, prefix: str) -> str:
    """The logical name of an object: its prefix, namespace and name."""
    name = manifest.identity(obj)
    return f"{prefix}:{name}" if prefix else name


def needed_first(obj: Manifest, objects: list[Manifest]) -> list[int]:
    """The positions of those objects that must exist before this one: its namespace, and its kind's definition."""
    group = str(obj["apiVersion"]).rpartition("/")[0]

    def is_needed(other: Manifest) -> bool:
        if other is obj:
            return False
        if other["kind"] == "Namespace":
            return manifest.name(other) == manifest.namespace(obj)
        spec = other.get("spec") or {}
        return bool(
            other["kind"] == _DEFINITION
            and spec.get("group") == group
            and (spec.get("names") or {}).get("kind") == obj["kind"]
        )

    return [position for position, other in enumerate(objects) if is_needed(other)]


def in_order(objects: list[Manifest]) -> list[Manifest]:
    """Namespaces and definitions first; else as they came."""
    first = ("Namespace", _DEFINITION)
    return sorted(objects, key=lambda o: first.index(o["kind"]) if o["kind"] in first else len(first))


def register(
    sdk: Any, objects: list[Manifest], *, prefix: str, skip_await: bool, parent: Any, after: list[Any]
) -> list[Any]:
    """Register objects as children of a component; the resources.

    Args:
        sdk: the Pulumi SDK.
        objects: what to make, each with its namespace if its kind has one.
        prefix: the first part of their logical names.
        skip_await: whether nothing waits for them to be ready.
        parent: the component.
        after: resources that must exist before any of these.
    """
    version = version_of("pulumi-kubernetes")
    objects = in_order(objects)
    made: list[Any] = []
    for obj in objects:
        first = [made[i] for i in needed_first(obj, objects) if i < len(made)]
        options = sdk.ResourceOptions(
            parent=parent,
            version=version,
            depends_on=[*after, *first],
            retain_on_delete=manifest.annotation(obj, "helm.sh/resource-policy") == "keep" or None,
        )
        made.append(
            sdk.CustomResource(token(obj), child_name(obj, prefix), _inputs(sdk, obj, skip_await=skip_await), options)
        )
    return made


def _inputs(sdk: Any, obj: Manifest, *, skip_await: bool) -> dict[str, Any]:
    inputs = dict(obj)
    if skip_await:
        data = manifest.metadata(obj)
        notes = {**(data.get("annotations") or {}), manifest.SKIP_AWAIT: "true"}
        inputs["metadata"] = {**data, "annotations": notes}
    if inputs["kind"] == "Secret" and inputs["apiVersion"] == "v1":
        for key in ("data", "stringData"):
            if key in inputs:
                inputs[key] = sdk.Output.secret(inputs[key])
    return inputs
