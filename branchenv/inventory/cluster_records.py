"""The environments that are in the cluster, by the labels of their objects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from branchenv.model.context import Target
from branchenv.model.records import ClusterRecord
from core.labels import APP_LABEL, BRANCH_ANNOTATION, SLUG_LABEL, URL_ANNOTATION
from core.pods import running_together

if TYPE_CHECKING:
    from branchenv.clients.kubernetes import Cluster, Objects

_ENDED = ("Succeeded", "Failed")
_PROBLEMS = 3
"""More of them than this say nothing more."""


def environments(cluster: "Cluster", app: str | None = None, slug: str = "") -> list[ClusterRecord]:
    """List every environment that has objects, by app and slug.

    Args:
        cluster: where they are.
        app: this app's only.
        slug: this branch's only.

    Raises:
        BranchenvError: the cluster does not answer, or refuses.
    """
    return records(cluster.objects(app, slug))


@dataclass
class _Found:
    """One environment while its objects are gathered."""

    anchor: Mapping[str, Any] | None = None
    namespace: Mapping[str, Any] | None = None
    workloads: list[Mapping[str, Any]] = field(default_factory=list)
    pods: list[Mapping[str, Any]] = field(default_factory=list)


def records(objects: "Objects") -> list[ClusterRecord]:
    """Sort objects into environments, by app and slug."""
    found: dict[tuple[str, str], _Found] = {}

    def of(each: Mapping[str, Any]) -> _Found:
        labels = each["metadata"].get("labels", {})
        return found.setdefault((labels.get(APP_LABEL, ""), labels[SLUG_LABEL]), _Found())

    for each in objects.anchors:
        # An app's chart has ConfigMaps of its own; only the anchor tells the URL.
        if URL_ANNOTATION in each["metadata"].get("annotations", {}):
            of(each).anchor = each
    for each in objects.namespaces:
        of(each).namespace = each
    for each in objects.workloads:
        of(each).workloads.append(each)
    for each in objects.pods:
        of(each).pods.append(each)
    return [_record(app, slug, found[app, slug]) for app, slug in sorted(found)]


def _record(app: str, slug: str, found: _Found) -> ClusterRecord:
    ones = [each for each in (found.anchor, found.namespace) if each]
    metadata = [each["metadata"] for each in (*ones, *found.workloads, *found.pods)]
    anchor = found.anchor["metadata"] if found.anchor else {}
    home = found.namespace["metadata"] if found.namespace else {}
    wanted = [int(each["spec"].get("replicas", 1)) for each in found.workloads]
    ready = [int(each.get("status", {}).get("readyReplicas", 0)) for each in found.workloads]
    # One that is going has been replaced already, and its requests are about to be given back.
    pods = [
        each
        for each in found.pods
        if "deletionTimestamp" not in each["metadata"] and each.get("status", {}).get("phase") not in _ENDED
    ]
    lacking = any(has < wants for has, wants in zip(ready, wanted, strict=True))
    return ClusterRecord(
        app=app,
        slug=slug,
        branch=next((name for each in metadata if (name := each.get("annotations", {}).get(BRANCH_ANNOTATION))), slug),
        namespace=home.get("name") or metadata[0]["namespace"],
        branch_namespace=bool(home),
        anchor=anchor.get("name", ""),
        url=(anchor or home).get("annotations", {}).get(URL_ANNOTATION, ""),
        created=min(datetime.fromisoformat(each["creationTimestamp"]) for each in metadata),
        wanted=sum(wanted),
        # More are ready than are wanted while a new version rolls out.
        ready=sum(min(has, wants) for has, wants in zip(ready, wanted, strict=True)),
        cpu=sum(_requested(each, "cpu") for each in pods),
        memory=sum(_requested(each, "memory") for each in pods),
        problems=_problems(app, slug, found.workloads, pods) if lacking else (),
        leaving="deletionTimestamp" in anchor or "deletionTimestamp" in home,
    )


def _requested(pod: Mapping[str, Any], resource: str) -> float:
    from lightkube.utils.quantity import parse_quantity

    asked = [each.get("resources", {}).get("requests", {}) for each in running_together(pod["spec"])]
    texts = [each.get(resource, "0") for each in asked]
    return float(sum(parse_quantity(text) or 0 for text in texts))


def _problems(
    app: str, slug: str, workloads: Sequence[Mapping[str, Any]], pods: Sequence[Mapping[str, Any]]
) -> tuple[str, ...]:
    """Say why pods are not there or not ready, each reason once: what `branchenv why` says without asking for more."""
    from branchenv.why import workloads as why

    found = why.listed_reasons(Target(app=app, branch=slug), workloads, pods)
    return tuple(dict.fromkeys(each.what for each in found))[:_PROBLEMS]
