"""Kubernetes objects in YAML, read as Kubernetes reads them."""

import re
from typing import Any

import yaml

from local.plugins.kubernetes import manifest
from local.plugins.kubernetes.manifest import Manifest


class YamlError(Exception):
    """Text that does not hold Kubernetes objects. The message says where."""


class _Loader(yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):  # type: ignore[misc]
    """YAML as Go reads it: dates stay text, and 1:30 is not a number of minutes."""


_INTEGER = re.compile(r"^[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)$")
_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, _INTEGER if tag == "tag:yaml.org,2002:int" else pattern)
        for tag, pattern in resolvers
        if tag != "tag:yaml.org,2002:timestamp"
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def objects(text: str, source: str) -> list[Manifest]:
    """The objects in YAML documents; those of `List` kinds one by one, empty documents left out.

    Raises:
        YamlError: a document is not YAML, or not an object with apiVersion, kind and name.
    """
    try:
        documents = [d for d in yaml.load_all(text, Loader=_Loader) if d]
    except yaml.YAMLError as e:
        raise YamlError(f"{source}: not YAML: {e}") from e
    found = [one for document in documents for one in _expanded(document)]
    for one in found:
        _check(one, source)
    return found


def _expanded(document: Any) -> list[Any]:
    items = document.get("items") if isinstance(document, dict) else None
    if isinstance(items, list) and str(document.get("kind", "")).endswith("List"):
        return [one for item in items for one in _expanded(item)]
    return [document]


def _check(obj: Any, source: str) -> None:
    if not isinstance(obj, dict) or not obj.get("apiVersion") or not obj.get("kind"):
        raise YamlError(f"{source}: an object has no apiVersion or no kind: {str(obj)[:100]}")
    if not manifest.name(obj):
        raise YamlError(f"{source}: a {obj['kind']} has no metadata.name; add one")
    group, _, version = str(obj["apiVersion"]).rpartition("/")
    if group == "core":
        obj["apiVersion"] = version
