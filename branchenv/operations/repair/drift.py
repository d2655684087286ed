"""Where the cluster is no longer as the last deploy left it: objects deleted or edited by hand.

What the program says of an object is compared, where the API server had it when Pulumi last asked, with what is there
now. So defaults and spellings that the API server gives are no difference, and neither is what others have added.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from branchenv.clients.backend.checkpoint import SECRET, is_secret, without_secrets
from branchenv.clients.kubernetes import Cluster
from branchenv.console import cut
from branchenv.model.errors import BranchenvError
from branchenv.model.records import DeployedObject, StackRecord

_AT_ONCE = 8
_AUTOSCALER = "kube-controller-manager"
"""Who sets the replicas for a HorizontalPodAutoscaler."""
_KEYS = ("name", "key", "uid", "containerPort", "port", "mountPath", "ip")
"""What tells the elements of Kubernetes' lists apart."""
_MISSING = "(missing)"
_SHOWN = 60
"""Characters of a field's value."""


class What(StrEnum):
    """What has become of an object."""

    DELETED = "deleted"
    LEAVING = "being deleted"
    REPLACED = "replaced"
    """Another object of the same name is there: it was deleted and made again."""
    CHANGED = "changed"


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field that is no longer as it was deployed."""

    path: str
    """As kubectl's JSONPath has it, e.g. `spec.replicas`."""
    deployed: Any
    now: Any


@dataclass(frozen=True, kw_only=True)
class Drift:
    """One object that is no longer as it was deployed."""

    kind: str
    namespace: str
    name: str
    what: What
    fields: tuple[Field, ...] = ()
    urn: str = ""

    @property
    def object(self) -> str:
        """Kind, namespace and name, as in `Deployment shop/feature-x`."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    def __str__(self) -> str:
        if not self.fields:
            return f"{self.object} {'was ' if self.what != What.LEAVING else 'is '}{self.what.value}"
        fields = ", ".join(f"{each.path} {shown(each.deployed)} -> {shown(each.now)}" for each in self.fields)
        return f"{self.object} was {self.what.value}: {fields}"


def shown(value: object) -> str:
    """Write a field's value on one line."""
    return cut(value if isinstance(value, str) else repr(value), _SHOWN)


def find(record: StackRecord, cluster: Cluster) -> list[Drift]:
    """Compare a stack's objects with the cluster; one request for each, several at a time.

    Args:
        record: the stack.
        cluster: that it was deployed to.

    Returns:
        What differs, in the state's order.

    Raises:
        BranchenvError: the cluster does not answer, or refuses.
    """
    if not record.objects:
        return []
    with ThreadPoolExecutor(min(_AT_ONCE, len(record.objects))) as pool:
        answers = list(pool.map(lambda each: _ask(cluster, each), record.objects))
    pairs = list(zip(record.objects, answers, strict=True))
    # Whose rights came from within a namespace has none where that is no more, or goes.
    namespaces = {
        each.name: compare(each, live)
        for each, live in pairs
        if each.kind == "Namespace" and not isinstance(live, BranchenvError)
    }
    found = []
    for each, live in pairs:
        if isinstance(live, BranchenvError):
            fate = namespaces.get(each.namespace)
            if fate is None or fate.what not in (What.DELETED, What.LEAVING):
                raise live
            found.append(_drift(each, fate.what))
        elif one := compare(each, live):
            found.append(one)
    return found


def compare(deployed: DeployedObject, live: Mapping[str, Any] | None) -> Drift | None:
    """Compare one object.

    Args:
        deployed: as the state has it.
        live: as the API server has it; None if it is not there.

    Returns:
        What differs; None if nothing does.
    """
    if live is None:
        return _drift(deployed, What.DELETED)
    metadata = live.get("metadata", {})
    if "deletionTimestamp" in metadata:
        return _drift(deployed, What.LEAVING)
    fields = [each for each in _fields(deployed.wanted, deployed.seen, live, "") if not _is_scaled(each, live)]
    if deployed.kind == "Secret":
        # Whether Pulumi was told that it is one, or not.
        fields = [_hidden(each) for each in fields]
    was = _at(_at(deployed.seen, "metadata"), "uid")
    if was not in (None, metadata.get("uid")):
        return _drift(deployed, What.REPLACED, fields)
    return _drift(deployed, What.CHANGED, fields) if fields else None


def _drift(deployed: DeployedObject, what: What, fields: Sequence[Field] = ()) -> Drift:
    return Drift(
        kind=deployed.kind,
        namespace=deployed.namespace,
        name=deployed.name,
        what=what,
        fields=tuple(fields),
        urn=deployed.urn,
    )


def _ask(cluster: Cluster, wanted: DeployedObject) -> Mapping[str, Any] | BranchenvError | None:
    try:
        return cluster.get(wanted.api_version, wanted.kind, wanted.namespace, wanted.name)
    except BranchenvError as e:
        return e


def _fields(wanted: Any, seen: Any, live: Any, path: str) -> Iterator[Field]:  # noqa: ANN401 - any JSON
    if is_secret(wanted) or is_secret(seen):
        if seen is not None and live is None:
            yield Field(path=path, deployed=SECRET, now=_MISSING)
        return
    if isinstance(wanted, Mapping):
        for key, value in wanted.items():
            if not key.startswith("__"):
                yield from _fields(value, _at(seen, key), _at(live, key), _joined(path, key))
    elif isinstance(wanted, list):
        yield from _elements(wanted, seen, live, path)
    elif seen is not None and seen != live:
        yield Field(path=path, deployed=seen, now=_MISSING if live is None else live)
    # What the API server did not keep, it has dropped itself.


def _elements(wanted: list[Any], seen: Any, live: Any, path: str) -> Iterator[Field]:  # noqa: ANN401 - any JSON
    seen, live = (each if isinstance(each, list) else [] for each in (seen, live))
    key = next((key for key in _KEYS if all(isinstance(each, Mapping) and key in each for each in wanted)), None)
    if key:
        for each in wanted:
            name = each[key]
            was, now = (next((one for one in among if _at(one, key) == name), None) for among in (seen, live))
            if was is not None:
                at = f"{path}[{name}]"
                if now is None:
                    yield Field(path=at, deployed="(there)", now=_MISSING)
                else:
                    yield from _fields(each, was, now, at)
    elif not any(isinstance(each, Mapping | list) for each in wanted) or len(seen) != len(live):
        if seen != live:
            secret = without_secrets(seen) != seen
            yield Field(path=path, deployed=SECRET if secret else seen, now=SECRET if secret else live or _MISSING)
    else:
        for number, (each, was, now) in enumerate(zip(wanted, seen, live, strict=False)):
            yield from _fields(each, was, now, f"{path}[{number}]")


def _hidden(field: Field) -> Field:
    if not field.path.startswith(("data", "stringData")):
        return field
    return Field(path=field.path, deployed=SECRET, now=_MISSING if field.now == _MISSING else SECRET)


def _is_scaled(field: Field, live: Mapping[str, Any]) -> bool:
    """Whether it is the number of pods, and an autoscaler has set it."""
    if field.path != "spec.replicas":
        return False
    return any(
        "f:replicas" in each.get("fieldsV1", {}).get("f:spec", {})
        for each in live["metadata"].get("managedFields", ())
        if each.get("manager") == _AUTOSCALER
    )


def _at(value: Any, key: str) -> Any:  # noqa: ANN401 - any JSON
    return value.get(key) if isinstance(value, Mapping) else None


def _joined(path: str, key: str) -> str:
    if "." in key or "/" in key:
        return f"{path}['{key}']"
    return f"{path}.{key}" if path else key
