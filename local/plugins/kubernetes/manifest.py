"""Reading Kubernetes objects that are plain maps: metadata, the annotations this provider obeys, and its kept state."""

import base64
import binascii
from typing import Any

from local.plugins.kubernetes.quantity import with_normal_amounts
from local.plugins.kubernetes.values import Secret, plain, spelled_for_sdk, with_secrets_of

Manifest = dict[str, Any]

AUTONAMED = "pulumi.com/autonamed"
SKIP_AWAIT = "pulumi.com/skipAwait"
WAIT_FOR = "pulumi.com/waitFor"
TIMEOUT = "pulumi.com/timeoutSeconds"
DELETION = "pulumi.com/deletionPropagationPolicy"
PATCH_FORCE = "pulumi.com/patchForce"
FIELD_MANAGER = "pulumi.com/patchFieldManager"

_DEFAULT_TIMEOUT = 600.0
_INPUTS = "__inputs"
_API_VERSION = "__initialApiVersion"
_MANAGER = "__fieldManager"
_READ_ONLY = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
)
_WITH_AMOUNTS = frozenset(
    {
        "CronJob",
        "DaemonSet",
        "Deployment",
        "HorizontalPodAutoscaler",
        "Job",
        "LimitRange",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "Pod",
        "ReplicaSet",
        "ReplicationController",
        "ResourceQuota",
        "StatefulSet",
    }
)


def metadata(obj: Manifest) -> dict[str, Any]:
    """Its metadata; empty if it has none or none that is known yet."""
    found = obj.get("metadata")
    return found if isinstance(found, dict) else {}


def name(obj: Manifest) -> str:
    """Its name; empty if it has none or none that is known yet."""
    found = metadata(obj).get("name")
    return found if isinstance(found, str) else ""


def namespace(obj: Manifest) -> str:
    """Its namespace; empty if it has none or none that is known yet."""
    found = metadata(obj).get("namespace")
    return found if isinstance(found, str) else ""


def lacks_namespace(obj: Manifest) -> bool:
    """Whether it certainly names no namespace: neither one that is known nor one that is not known yet."""
    data = obj.get("metadata")
    return isinstance(data, dict) and not data.get("namespace")


def identity(obj: Manifest) -> str:
    """The id that the engine keeps: `namespace/name`, or the name of an object that has no namespace."""
    return "/".join(part for part in (namespace(obj), name(obj)) if part)


def parse_identity(text: str) -> tuple[str, str]:
    """The namespace (or nothing) and the name in an id."""
    where, _, what = text.rpartition("/")
    return where, what


def annotation(obj: Manifest, key: str) -> str:
    """The value of an annotation; empty if there is none."""
    annotations = metadata(obj).get("annotations")
    value = annotations.get(key) if isinstance(annotations, dict) else None
    return value if isinstance(value, str) else ""


def is_true(obj: Manifest, key: str) -> bool:
    """Whether an annotation says "true"."""
    return annotation(obj, key) == "true"


def timeout_seconds(obj: Manifest, custom: float) -> float:
    """How long to wait: the resource option, else the annotation, else ten minutes."""
    if custom:
        return custom
    try:
        return float(annotation(obj, TIMEOUT))
    except ValueError:
        return _DEFAULT_TIMEOUT


def propagation_policy(obj: Manifest) -> str:
    """What is deleted along with the object, and when. Foreground unless the annotation says otherwise."""
    wanted = annotation(obj, DELETION).lower()
    return {"background": "Background", "orphan": "Orphan"}.get(wanted, "Foreground")


def kept_state(inputs: Manifest, live: Manifest, marked: dict[str, Any], manager: str) -> dict[str, Any]:
    """What the engine keeps of an object: its live state, what was asked for, and who holds its fields.

    `marked` are the inputs with their secret marks, which are carried over.
    """
    state: dict[str, Any] = with_secrets_of(spelled_for_sdk(live), marked)
    string_data = marked.get("stringData")
    if live.get("kind") == "Secret" and live.get("apiVersion") == "v1" and string_data is not None:
        state["data"] = Secret(plain(state.get("data") or {}))
    return {
        **state,
        _INPUTS: with_secrets_of(spelled_for_sdk(inputs), marked),
        _API_VERSION: inputs.get("apiVersion", ""),
        _MANAGER: manager,
    }


def parse_state(state: dict[str, Any]) -> tuple[Manifest, Manifest, str]:
    """The inputs, the live object and the field manager in what the engine kept."""
    known = plain(state)
    inputs = known.pop(_INPUTS, {})
    known.pop(_API_VERSION, None)
    return inputs, known, str(known.pop(_MANAGER, "") or "")


def normal(obj: Manifest) -> Manifest:
    """The form in which the API server will keep what a program asks for, as far as it can be told without asking."""
    result = {**obj, "metadata": obj["metadata"]} if "metadata" in obj else dict(obj)
    if isinstance(result.get("metadata"), dict):
        result["metadata"] = {k: v for k, v in result["metadata"].items() if k not in _READ_ONLY}
    kind, group = obj.get("kind"), str(obj.get("apiVersion", "")).rpartition("/")[0]
    if kind == "Secret" and not group:
        return _normal_secret(result)
    if kind == "CustomResourceDefinition":
        return _normal_definition(result)
    if kind in _WITH_AMOUNTS and group in ("", "apps", "batch", "autoscaling") and "spec" in result:
        result["spec"] = with_normal_amounts(result["spec"])
    return result


def _normal_secret(obj: Manifest) -> Manifest:
    data, text = obj.get("data") or {}, obj.get("stringData") or {}
    known = isinstance(data, dict) and isinstance(text, dict)
    if not known or not all(isinstance(v, str) for v in (*data.values(), *text.values())):
        return obj  # something is not known yet
    result = {k: v for k, v in obj.items() if k != "stringData" or not text}
    encoded = {k: base64.b64encode(v.encode()).decode() for k, v in text.items()}
    if data or text:
        result["data"] = {k: _recoded(v) for k, v in data.items()} | encoded
    return result


def _recoded(value: str) -> str:
    """Base64 without the line breaks that the API server drops; what is not base64 is left for the server to refuse."""
    try:
        return base64.b64encode(base64.b64decode(value)).decode()
    except (binascii.Error, ValueError):
        return value


def _normal_definition(obj: Manifest) -> Manifest:
    result = {k: v for k, v in obj.items() if k != "status"}
    spec = result.get("spec")
    if isinstance(spec, dict) and spec.get("preserveUnknownFields") is False:
        result["spec"] = {k: v for k, v in spec.items() if k != "preserveUnknownFields"}
    return result
