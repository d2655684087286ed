"""Which fields of an object change, and whether it can change in place.

The comparison is between what the cluster holds, reduced to the fields that the program set last time, and what it asks
for now: drift in a managed field shows, fields that the cluster fills in do not.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from local.plugins.kubernetes.values import UNKNOWN

_SPECIAL = re.compile(r'[."\[\]]')
_WORKLOAD = ("spec.selector",)
_BINDING = ("roleRef",)
_VOLUME_SOURCES = """
    awsElasticBlockStore azureDisk azureFile cephfs cinder csi fc flexVolume flocker gcePersistentDisk glusterfs
    hostPath iscsi local nfs photonPersistentDisk portworxVolume quobyte rbd scaleIO storageos vsphereVolume
"""
_POD_FIELDS = """
    affinity automountServiceAccountToken containers dnsConfig dnsPolicy enableServiceLinks hostAliases hostIPC
    hostNetwork hostPID hostname imagePullSecrets initContainers nodeName nodeSelector overhead preemptionPolicy
    priority priorityClassName readinessGates restartPolicy runtimeClassName schedulerName securityContext
    serviceAccount serviceAccountName shareProcessNamespace subdomain terminationGracePeriodSeconds volumes
"""
# Fields that the API server does not let change, by group and kind; the same list as the official provider's, except
# that a change anywhere in a Pod's containers replaces it.
_FIXED: dict[tuple[str, str], tuple[str, ...]] = {
    ("apps", "DaemonSet"): _WORKLOAD,
    ("apps", "Deployment"): _WORKLOAD,
    ("apps", "StatefulSet"): (
        *_WORKLOAD,
        "spec.podManagementPolicy",
        "spec.revisionHistoryLimit",
        "spec.serviceName",
        "spec.volumeClaimTemplates",
    ),
    ("batch", "Job"): ("spec.completions", "spec.parallelism", "spec.selector", "spec.template"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): _BINDING,
    ("rbac.authorization.k8s.io", "RoleBinding"): _BINDING,
    ("storage.k8s.io", "StorageClass"): ("parameters", "provisioner"),
    ("", "PersistentVolume"): tuple(f"spec.{source}" for source in _VOLUME_SOURCES.split()),
    ("", "PersistentVolumeClaim"): (
        "spec.accessModes",
        "spec.selector",
        "spec.storageClassName",
        "spec.volumeName",
    ),
    ("", "Pod"): tuple(f"spec.{name}" for name in _POD_FIELDS.split()),
    ("", "ResourceQuota"): ("spec.scopes",),
    ("", "Secret"): ("type",),
    ("", "Service"): ("spec.clusterIP",),
}


class Change(Enum):
    """What happens to one field."""

    ADD = "add"
    DELETE = "delete"
    UPDATE = "update"


Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Difference:
    """The changed fields, by path, and those of them that force a replacement."""

    changes: dict[Path, Change] = field(default_factory=dict)
    replacing: frozenset[Path] = frozenset()


def prune(live: Any, wanted: Any) -> Any:
    """The part of a live value that has a counterpart in what was asked for."""
    if isinstance(live, dict) and isinstance(wanted, dict):
        return {k: prune(v, wanted[k]) for k, v in live.items() if k in wanted}
    if isinstance(live, list) and isinstance(wanted, list):
        # Elements beyond those asked for were added by somebody else, as those of an injected sidecar are.
        return [prune(a, b) for a, b in zip(live, wanted, strict=False)]
    return live


def compare(old: dict[str, Any], new: dict[str, Any]) -> dict[Path, Change]:
    """The fields in which two objects differ."""
    changes: dict[Path, Change] = {}
    _compare(old, new, (), changes)
    return changes


def _compare(old: Any, new: Any, path: Path, changes: dict[Path, Change]) -> None:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            _compare_item(old.get(key, _ABSENT), new.get(key, _ABSENT), (*path, key), changes)
    elif isinstance(old, list) and isinstance(new, list):
        for i in range(max(len(old), len(new))):
            before = old[i] if i < len(old) else _ABSENT
            after = new[i] if i < len(new) else _ABSENT
            _compare_item(before, after, (*path, i), changes)
    elif new is UNKNOWN or type(old) is not type(new) or old != new:
        same_number = (
            isinstance(old, int | float)
            and isinstance(new, int | float)
            and not isinstance(old, bool)
            and not isinstance(new, bool)
            and old == new
        )
        if not same_number:
            changes[path] = Change.UPDATE


_ABSENT = object()


# Maps that the API server drops when they are empty. (Of others, such as `emptyDir: {}`, being there is the point.)
_NOTHING_IF_EMPTY = frozenset({"annotations", "data", "labels", "limits", "matchLabels", "nodeSelector", "requests"})


def _is_nothing(new: Any, path: Path) -> bool:
    return new == [] or (new == {} and path[-1] in _NOTHING_IF_EMPTY)


def _compare_item(old: Any, new: Any, path: Path, changes: dict[Path, Change]) -> None:
    if old is _ABSENT and _is_nothing(new, path):
        return
    if old is _ABSENT:
        changes[path] = Change.ADD
    elif new is _ABSENT:
        changes[path] = Change.DELETE
    else:
        _compare(old, new, path, changes)


def fixed_fields(obj: dict[str, Any], *, mutable_config_maps: bool, mutable_secrets: bool) -> list[str]:
    """The paths (dotted, without list positions) that cannot change in place in an object of this kind."""
    group, kind = str(obj.get("apiVersion", "")).rpartition("/")[0], str(obj.get("kind"))
    fixed = ["metadata.name", "metadata.namespace"]
    if (group, kind) == ("", "Secret") and (not mutable_secrets or obj.get("immutable") is True):
        return [*fixed, "type", "stringData", "data"]
    if (group, kind) == ("", "ConfigMap") and (not mutable_config_maps or obj.get("immutable") is True):
        return [*fixed, "binaryData", "data"]
    return [*fixed, *_FIXED.get((group, kind), ())]


def difference(
    old: dict[str, Any],
    new: dict[str, Any],
    *,
    fixed: Iterable[str],
    ignored: Iterable[str] = (),
) -> Difference:
    """Compare two objects, leaving out ignored paths (as in the resource option `ignoreChanges`)."""
    skipped = [_parse(path) for path in ignored]
    changes = {
        path: change for path, change in compare(old, new).items() if not any(_covers(skip, path) for skip in skipped)
    }
    prefixes = [tuple(path.split(".")) for path in fixed]
    replacing = frozenset(path for path in changes if _touches(path, prefixes))
    return Difference(changes, replacing)


def _touches(path: Path, prefixes: list[tuple[str, ...]]) -> bool:
    """Whether a change is at, below or above one of the fields (above: the whole of what holds it comes or goes)."""
    names = tuple(part for part in path if isinstance(part, str))
    return any(names[: len(prefix)] == prefix or (names and prefix[: len(names)] == names) for prefix in prefixes)


def _covers(skip: Path, path: Path) -> bool:
    return len(skip) <= len(path) and all(a in ("*", b) for a, b in zip(skip, path[: len(skip)], strict=True))


def _parse(text: str) -> Path:
    """A property path such as `spec.containers[0]["a.b"]` in parts."""
    parts: list[str | int] = []
    for quoted, index, bare in re.findall(r'\["((?:[^"\\]|\\.)*)"\]|\[(\*|\d+)\]|([^.\[\]]+)', text):
        if quoted:
            parts.append(quoted.replace('\\"', '"'))
        elif index:
            parts.append(index if index == "*" else int(index))
        else:
            parts.append(bare)
    return tuple(parts)


def path_text(path: Path) -> str:
    """A path as the engine writes it."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _SPECIAL.search(part):
            escaped = part.replace('"', '\\"')
            text += f'["{escaped}"]'
        else:
            text += f".{part}" if text else part
    return text
