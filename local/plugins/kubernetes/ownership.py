"""Whose field is it: server-side apply keeps, for each field, the managers that set it."""

import secrets
from collections.abc import Iterable
from typing import Any

from local.plugins.kubernetes import manifest
from local.plugins.kubernetes.errors import ApiError
from local.plugins.kubernetes.manifest import Manifest

CREATOR = "pulumi-kubernetes"  # a plain create is made under this name, as by the official provider
_CONFLICT = 409
# Managers that stand for "whoever made this object by hand or by an earlier Pulumi": their fields are taken over.
_TAKEN_OVER = frozenset(
    {
        ("kubectl", "Apply"),
        ("kubectl", "Update"),
        ("before-first-apply", "Update"),
        (CREATOR, "Update"),
        (f"{CREATOR}.exe", "Update"),
        ("pulumi-resource-kubernetes", "Update"),
    }
)


def manager_name(inputs: Manifest, kept: str) -> str:
    """The name under which fields are set: from the annotation, else as before, else a new one for this object."""
    return manifest.annotation(inputs, manifest.FIELD_MANAGER) or kept or f"{CREATOR}-{secrets.token_hex(4)}"


def takeover(live: Manifest, manager: str) -> list[dict[str, Any]]:
    """A JSON patch by which the manager takes over the fields of those who came before; empty if there are none.

    Without it a field that leaves the program would stay in the object, held by the create.
    """
    entries: list[dict[str, Any]] = manifest.metadata(live).get("managedFields") or []
    taken = [e for e in entries if _is_predecessor(e)]
    if not taken:
        return []
    ours = [e for e in entries if e.get("manager") == manager and e.get("operation") == "Apply"]
    fields: dict[str, Any] = {}
    for entry in [*ours, *taken]:
        fields = _union(fields, entry.get("fieldsV1") or {})
    mine = {**taken[0], **(ours[0] if ours else {}), "fieldsV1": fields}
    mine |= {"manager": manager, "operation": "Apply"}
    rest = [e for e in entries if e not in taken and e not in ours]
    return [
        {"op": "replace", "path": "/metadata/managedFields", "value": [mine, *rest]},
        {
            "op": "replace",
            "path": "/metadata/resourceVersion",
            "value": manifest.metadata(live).get("resourceVersion"),
        },
    ]


def _is_predecessor(entry: dict[str, Any]) -> bool:
    return not entry.get("subresource") and ((entry.get("manager"), entry.get("operation")) in _TAKEN_OVER)


def _union(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    return {k: _union(a.get(k, {}), b.get(k, {})) for k in {**a, **b}}


def with_ignored(inputs: Manifest, live: Manifest, manager: str, ignored: Iterable[str]) -> Manifest:
    """The inputs without the ignored fields that belong to others; those that are ours stay as they are in the cluster.

    Only paths through maps are followed (`spec.replicas`), not through lists.
    """
    result = inputs
    managed = manifest.metadata(live).get("managedFields") or []
    for text in ignored:
        path = text.split(".")
        if not all(part and "[" not in part for part in path):
            continue
        holders = {e.get("manager") for e in managed if _holds(e.get("fieldsV1") or {}, path)}
        found, value = _look_up(live, path)
        if holders and manager not in holders:
            result = _without(result, path)
        elif found:
            result = _with(result, path, value)
    return result


def _holds(fields: dict[str, Any], path: list[str]) -> bool:
    for part in path:
        if f"f:{part}" not in fields:
            return False
        fields = fields[f"f:{part}"]
    return True


def _look_up(obj: Any, path: list[str]) -> tuple[bool, Any]:
    for part in path:
        if not isinstance(obj, dict) or part not in obj:
            return False, None
        obj = obj[part]
    return True, obj


def _without(obj: dict[str, Any], path: list[str]) -> dict[str, Any]:
    head, *rest = path
    if not rest:
        return {k: v for k, v in obj.items() if k != head}
    child = obj.get(head)
    return {**obj, head: _without(child, rest)} if isinstance(child, dict) else obj


def _with(obj: dict[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    head, *rest = path
    if not rest:
        return {**obj, head: value}
    child = obj.get(head)
    return {**obj, head: _with(child if isinstance(child, dict) else {}, rest, value)}


def conflict_message(error: ApiError, manager: str) -> str | None:
    """The fields that others hold, and what can be done; none if the error is no conflict about fields."""
    fields = [
        f"  - {c.get('field', '?')}: {c.get('message', '')}"
        for c in error.causes
        if c.get("reason") == "FieldManagerConflict"
    ]
    if error.code != _CONFLICT or not fields:
        return None
    advice = (
        'Leave these fields out of the program, or take them over with the annotation pulumi.com/patchForce: "true".'
    )
    headline = f"other field managers than this resource's ({manager}) have set:"
    return "\n".join([headline, *sorted(fields), advice])
