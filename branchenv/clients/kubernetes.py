"""The environments that are in the cluster, by the labels of their objects, in as few requests as will do."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from branchenv.model.base import Home
from branchenv.model.context import Target
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import ClusterRecord
from core.labels import APP_LABEL, BRANCH_ANNOTATION, SLUG_LABEL, URL_ANNOTATION

if TYPE_CHECKING:
    import httpx2

_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_PAGE = 500
_FORBIDDEN = 403
_GONE = 404
_PROBLEMS = 3
"""More of them than this say nothing more."""
_FIX = "check KUBECONFIG (`kubectl auth can-i list pods -A`), the network, and the rights that docs/operations.md lists"


class _Kind(NamedTuple):
    group: str
    plural: str
    metadata_only: bool = False


_KINDS = (
    _Kind("/api/v1", "configmaps", metadata_only=True),
    _Kind("/apis/apps/v1", "deployments"),
    _Kind("/apis/apps/v1", "statefulsets"),
    _Kind("/api/v1", "pods"),
)
_NAMESPACES = _Kind("/api/v1", "namespaces", metadata_only=True)
_ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True, kw_only=True)
class Objects:
    """What the API server lists of one kind or another, as it says it."""

    anchors: Sequence[Mapping[str, Any]] = ()
    """ConfigMaps, their metadata alone."""
    workloads: Sequence[Mapping[str, Any]] = ()
    """Deployments and StatefulSets."""
    pods: Sequence[Mapping[str, Any]] = ()
    namespaces: Sequence[Mapping[str, Any]] = ()
    """Of branches that have one of their own, their metadata alone."""


@dataclass
class _Found:
    """One environment while its objects are gathered."""

    anchor: Mapping[str, Any] | None = None
    namespace: Mapping[str, Any] | None = None
    workloads: list[Mapping[str, Any]] = field(default_factory=list)
    pods: list[Mapping[str, Any]] = field(default_factory=list)


class Cluster:
    """A cluster's API server."""

    def __init__(self, api: "httpx2.Client", homes: Callable[[], Mapping[str, Home]] | None = None) -> None:
        """Use a connection.

        Args:
            api: with the address and the credentials.
            homes: says where each app's branches are; asked only where the identity may not list all at once.
        """
        self._api = api
        self._homes = homes

    @classmethod
    def connect(cls, homes: Callable[[], Mapping[str, Home]] | None = None) -> "Cluster":
        """Connect by KUBECONFIG, or as the pod that this runs in.

        Args:
            homes: by app, as the base stack has them.

        Raises:
            BranchenvError: there is no such configuration, or it cannot be read.
        """
        from lightkube.config.client_adapter import Client, ConnectionParams
        from lightkube.config.kubeconfig import KubeConfig
        from lightkube.core.exceptions import ConfigError

        try:
            named = KubeConfig.from_env().get()
            if named is not None:
                return cls(Client(named, ConnectionParams()), homes)
            why, cause = "no context is chosen", None
        except (ConfigError, OSError) as e:
            why, cause = str(e), e
        raise BranchenvError(
            f"no cluster can be used: {why}",
            fix="set KUBECONFIG, or run this in the cluster",
            code=ExitCode.CLUSTER,
        ) from cause

    def environments(self, app: str | None = None, slug: str = "") -> list[ClusterRecord]:
        """Give every environment that has objects, by app and slug.

        Args:
            app: this app's only.
            slug: this branch's only.

        Raises:
            BranchenvError: the cluster does not answer, or refuses.
        """
        selector = f"{APP_LABEL}={app}" if app else APP_LABEL
        selector += f",{SLUG_LABEL}={slug}" if slug else f",{SLUG_LABEL}"

        def listed(kind: _Kind) -> list[dict[str, Any]]:
            return self._everywhere(kind, selector, app)

        kinds = (*_KINDS, _NAMESPACES)
        with ThreadPoolExecutor(len(kinds)) as pool:
            anchors, deployments, stateful_sets, pods, namespaces = pool.map(listed, kinds)
        return records(
            Objects(anchors=anchors, workloads=[*deployments, *stateful_sets], pods=pods, namespaces=namespaces)
        )

    def delete(self, record: ClusterRecord) -> None:
        """Delete an environment that no stack knows: its namespace or its anchor, and Kubernetes the rest of it.

        Returns at once; the objects go in the background. What is gone already is no error.

        Raises:
            BranchenvError: it has no anchor, or the cluster refuses.
        """
        if not (record.anchor or record.own_namespace):
            raise BranchenvError(
                f"{record.app}.{record.slug} has objects in {record.namespace}, but no anchor that owns them",
                fix=f"look at them: kubectl --namespace {record.namespace} get all -l {SLUG_LABEL}={record.slug}",
                code=ExitCode.CLUSTER,
            )
        path = f"/api/v1/namespaces/{record.namespace}"
        if not record.own_namespace:
            path += f"/configmaps/{record.anchor}"
        with _asked():
            answer = self._api.delete(path, params={"propagationPolicy": "Background"})
            if answer.status_code != _GONE:
                answer.raise_for_status()

    def items(self, path: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """List objects.

        Args:
            path: of their kind, e.g. `/api/v1/namespaces/shop/pods`.
            query: selectors.

        Raises:
            BranchenvError: the cluster does not answer, or refuses.
        """
        with _asked():
            return self._pages(path, query)

    def has(self, path: str) -> bool:
        """Whether there is an object at this path.

        Raises:
            BranchenvError: the cluster does not answer, or refuses.
        """
        with _asked():
            answer = self._api.get(path)
            return answer.status_code != _GONE and answer.raise_for_status().is_success

    def text(self, path: str, query: Mapping[str, str]) -> str:
        """Get what is no object, e.g. a log; nothing where there is none, or no right to it.

        Raises:
            BranchenvError: the cluster does not answer.
        """
        with _asked():
            answer = self._api.get(path, params=query)
            return answer.text if answer.is_success else ""

    def check(self) -> None:
        """See that the API server answers, and takes the credentials.

        Raises:
            BranchenvError: it does not.
        """
        with _asked():
            answer = self._api.get("/version")
            # Who may not ask for this has been let in all the same.
            if answer.status_code != _FORBIDDEN:
                answer.raise_for_status()

    def _everywhere(self, kind: _Kind, selector: str, app: str | None) -> list[dict[str, Any]]:
        import httpx2

        with _asked():
            try:
                return self._listed(f"{kind.group}/{kind.plural}", kind, selector)
            except httpx2.HTTPStatusError as e:
                if e.response.status_code != _FORBIDDEN or self._homes is None:
                    raise
                homes = [home for name, home in self._homes().items() if app in (None, "", name)]
                if not homes or (kind is _NAMESPACES and any(home.own for home in homes)):
                    raise
            if kind is _NAMESPACES:
                return []
            found = [
                self._listed(f"{kind.group}/namespaces/{each.namespace}/{kind.plural}", kind, selector)
                for each in homes
                if not each.own
            ]
            found += [self._listed_within(kind, each, selector) for each in self._own_namespaces(homes, selector)]
            return [each for items in found for each in items]

    def _own_namespaces(self, homes: Sequence[Home], selector: str) -> list[str]:
        if not any(home.own for home in homes):
            return []
        listed = self._listed(f"{_NAMESPACES.group}/{_NAMESPACES.plural}", _NAMESPACES, selector)
        return [each["metadata"]["name"] for each in listed]

    def _listed_within(self, kind: _Kind, namespace: str, selector: str) -> list[dict[str, Any]]:
        """List what is in a branch's own namespace: nothing, if it was left before anybody had rights in it."""
        import httpx2

        try:
            return self._listed(f"{kind.group}/namespaces/{namespace}/{kind.plural}", kind, selector)
        except httpx2.HTTPStatusError as e:
            if e.response.status_code != _FORBIDDEN:
                raise
            return []

    def _listed(self, path: str, kind: _Kind, selector: str) -> list[dict[str, Any]]:
        accept = _METADATA if kind.metadata_only else "application/json"
        return self._pages(path, {"labelSelector": selector}, accept)

    def _pages(self, path: str, query: Mapping[str, str], accept: str = "application/json") -> list[dict[str, Any]]:
        query = {**query, "limit": str(_PAGE)}
        items: list[dict[str, Any]] = []
        while True:
            answer = self._api.get(path, headers={"Accept": accept}, params=query).raise_for_status().json()
            items += answer.get("items") or []
            query["continue"] = answer["metadata"].get("continue", "")
            if not query["continue"]:
                return items


def records(objects: Objects) -> list[ClusterRecord]:
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
        own_namespace=bool(home),
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

    texts = [each.get("resources", {}).get("requests", {}).get(resource, "0") for each in pod["spec"]["containers"]]
    return float(sum(parse_quantity(text) or 0 for text in texts))


def _problems(
    app: str, slug: str, workloads: Sequence[Mapping[str, Any]], pods: Sequence[Mapping[str, Any]]
) -> tuple[str, ...]:
    """Say why pods are not there or not ready, each reason once: what `branchenv why` says without asking for more."""
    from branchenv.why import workloads as why

    found = why.at_a_glance(Target(app=app, branch=slug), workloads, pods)
    return tuple(dict.fromkeys(each.what for each in found))[:_PROBLEMS]


@contextmanager
def _asked() -> Iterator[None]:
    import httpx2

    try:
        yield
    except httpx2.HTTPStatusError as e:
        said = f"{e.response.status_code} {e.response.reason_phrase}"
        raise _refused(f"the cluster refuses {e.request.method} {e.request.url.path}: {said}") from e
    except httpx2.HTTPError as e:
        raise _refused(f"the cluster does not answer: {e or type(e).__name__}") from e


def _refused(rule: str) -> BranchenvError:
    return BranchenvError(rule, fix=_FIX, code=ExitCode.CLUSTER)
