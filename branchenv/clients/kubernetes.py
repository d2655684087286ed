"""The cluster's API server, asked in as few requests as will do."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from branchenv.clients import kubeconfig
from branchenv.clients.base_contract import read_base
from branchenv.model.context import Target
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import ClusterRecord
from core import publication
from core.api_versions import METADATA_ALONE, api_root
from core.contract import Home
from core.labels import APP_LABEL, SLUG_LABEL, branch_selector

if TYPE_CHECKING:
    import httpx2

_PAGE = 500
_FIX = "check KUBECONFIG (`kubectl auth can-i list pods -A`), the network, and the rights that docs/operations.md lists"


class Kind(NamedTuple):
    """A kind of objects, as the API server's paths have it."""

    group: str
    plural: str
    metadata_only: bool = False


DEPLOYMENTS = Kind("/apis/apps/v1", "deployments")
STATEFUL_SETS = Kind("/apis/apps/v1", "statefulsets")
REPLICA_SETS = Kind("/apis/apps/v1", "replicasets")
PODS = Kind("/api/v1", "pods")
JOBS = Kind("/apis/batch/v1", "jobs")
_KINDS = (Kind("/api/v1", "configmaps", metadata_only=True), DEPLOYMENTS, STATEFUL_SETS, PODS)
_NAMESPACES = Kind("/api/v1", "namespaces", metadata_only=True)


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


class Cluster:
    """A cluster's API server."""

    def __init__(self, api: "httpx2.Client", base: str = "") -> None:
        """Use a connection.

        Args:
            api: with the address and the credentials.
            base: base stack that says where each app's branches are; asked only where the identity may not list all at
                once.
        """
        self._api = api
        self._base = base
        self._known: Mapping[str, Home] | None = None
        self._asking = Lock()

    @classmethod
    def connect(cls, base: str = "") -> "Cluster":
        """Connect by KUBECONFIG, or as the pod that this runs in.

        Args:
            base: base stack that says where each app's branches are.

        Raises:
            BranchenvError: there is no such configuration, or it cannot be read.
        """
        return cls(kubeconfig.connect(), base)

    def objects(self, app: str | None = None, slug: str = "") -> Objects:
        """List the objects that show which environments there are, in one request per kind.

        Args:
            app: this app's only.
            slug: this branch's only.

        Raises:
            BranchenvError: the cluster does not answer, or refuses.
        """
        selector = f"{APP_LABEL}={app}" if app else APP_LABEL
        selector += f",{SLUG_LABEL}={slug}" if slug else f",{SLUG_LABEL}"

        def listed(kind: Kind) -> list[dict[str, Any]]:
            return self._everywhere(kind, selector, app)

        kinds = (*_KINDS, _NAMESPACES)
        with ThreadPoolExecutor(len(kinds)) as pool:
            anchors, deployments, stateful_sets, pods, namespaces = pool.map(listed, kinds)
        return Objects(anchors=anchors, workloads=[*deployments, *stateful_sets], pods=pods, namespaces=namespaces)

    def delete(self, record: ClusterRecord) -> None:
        """Delete an environment without a stack: its namespace or its anchor, and Kubernetes the rest of it.

        Returns at once; the objects go in the background. What is deleted already is no error.

        Raises:
            BranchenvError: it has no anchor, or the cluster refuses.
        """
        if not (record.anchor or record.branch_namespace):
            raise BranchenvError(
                f"{record.app}.{record.slug} has objects in {record.namespace}, but no anchor that owns them",
                fix=f"look at them: kubectl --namespace {record.namespace} get all -l {SLUG_LABEL}={record.slug}",
                code=ExitCode.CLUSTER,
            )
        path = f"/api/v1/namespaces/{record.namespace}"
        if not record.branch_namespace:
            path += f"/configmaps/{record.anchor}"
        with _asked():
            answer = self._api.delete(path, params={"propagationPolicy": "Background"})
            if answer.status_code != HTTPStatus.NOT_FOUND:
                answer.raise_for_status()

    def delete_job(self, namespace: str, name: str) -> None:
        """Delete a Job, which stays until its pods are deleted. One that is deleted already is no error.

        Args:
            namespace: of the Job.
            name: of the Job.

        Raises:
            BranchenvError: the cluster does not answer, or refuses.
        """
        with _asked():
            path = f"/apis/batch/v1/namespaces/{namespace}/jobs/{name}"
            answer = self._api.delete(path, params={"propagationPolicy": "Foreground"})
            if answer.status_code != HTTPStatus.NOT_FOUND:
                answer.raise_for_status()

    def of_branch(self, target: Target, namespace: str, *kinds: Kind) -> list[list[dict[str, Any]]]:
        """List what a branch has of some kinds, in one request per kind.

        Args:
            target: the branch, with the slugs that the base stack reserves.
            namespace: that it is in.
            kinds: what to list.

        Raises:
            BranchenvError: the cluster does not answer, or refuses.
        """
        selector = {"labelSelector": branch_selector(target.app, target.slug)}
        paths = [f"{kind.group}/namespaces/{namespace}/{kind.plural}" for kind in kinds]
        with ThreadPoolExecutor(len(paths)) as pool:
            return list(pool.map(lambda path: self.items(path, selector), paths))

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

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        """Return one object; None if there is none, or no such kind.

        Args:
            api_version: group and version, or the version alone, as in a manifest.
            kind: of the object.
            namespace: empty for an object of no namespace.
            name: of the object.

        Raises:
            BranchenvError: the cluster does not answer, or refuses.
        """
        root = api_root(api_version)
        within = f"{root}/namespaces/{namespace}" if namespace else root
        with _asked():
            guessed = _plural(kind)
            answer = self._api.get(f"{within}/{guessed}/{name}")
            if answer.status_code == HTTPStatus.NOT_FOUND:
                # A resource of another name than its kind's usual plural answers the same.
                known = self._api.get(root)
                if known.status_code == HTTPStatus.NOT_FOUND:
                    return None
                named = {each["kind"]: each["name"] for each in known.json()["resources"] if "/" not in each["name"]}
                if named.get(kind, guessed) == guessed:
                    return None
                answer = self._api.get(f"{within}/{named[kind]}/{name}")
                if answer.status_code == HTTPStatus.NOT_FOUND:
                    return None
            found: dict[str, Any] = answer.raise_for_status().json()
            return found

    def has(self, path: str) -> bool:
        """Whether there is an object at this path.

        Raises:
            BranchenvError: the cluster does not answer, or refuses.
        """
        with _asked():
            answer = self._api.get(path)
            return answer.status_code != HTTPStatus.NOT_FOUND and answer.raise_for_status().is_success

    def answer(self, path: str) -> "httpx2.Response":
        """Return what the API server answers, for one who has words of their own for a refusal (403, 404).

        Raises:
            BranchenvError: the cluster does not answer, or has trouble of its own.
        """
        with _asked():
            answer = self._api.get(path)
            if answer.status_code in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
                return answer
            return answer.raise_for_status()

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
            if answer.status_code != HTTPStatus.FORBIDDEN:
                answer.raise_for_status()

    def _everywhere(self, kind: Kind, selector: str, app: str | None) -> list[dict[str, Any]]:
        import httpx2

        with _asked():
            try:
                return self._listed(f"{kind.group}/{kind.plural}", kind, selector)
            except httpx2.HTTPStatusError as e:
                if e.response.status_code != HTTPStatus.FORBIDDEN or not self._base:
                    raise
                places = [home for name, home in self._homes().items() if app in (None, "", name)]
                if not places or (kind is _NAMESPACES and any(home.own for home in places)):
                    raise
            if kind is _NAMESPACES:
                return []
            found = [
                self._listed(f"{kind.group}/namespaces/{each.namespace}/{kind.plural}", kind, selector)
                for each in places
                if not each.own
            ]
            found += [self._listed_within(kind, each, selector) for each in self._branch_namespaces(places, selector)]
            return [each for items in found for each in items]

    def _homes(self) -> Mapping[str, Home]:
        """Ask the base stack, once for all kinds."""
        with self._asking:
            if self._known is None:
                self._known = {app: each.home for app, each in read_base(self, self._base).apps.items()}
            return self._known

    def _branch_namespaces(self, places: Sequence[Home], selector: str) -> list[str]:
        if not any(home.own for home in places):
            return []
        listed = self._listed(f"{_NAMESPACES.group}/{_NAMESPACES.plural}", _NAMESPACES, selector)
        return [each["metadata"]["name"] for each in listed]

    def _listed_within(self, kind: Kind, namespace: str, selector: str) -> list[dict[str, Any]]:
        """List what is in a branch's own namespace: nothing, if it was left before anybody had rights in it."""
        import httpx2

        try:
            return self._listed(f"{kind.group}/namespaces/{namespace}/{kind.plural}", kind, selector)
        except httpx2.HTTPStatusError as e:
            if e.response.status_code != HTTPStatus.FORBIDDEN:
                raise
            return []

    def _listed(self, path: str, kind: Kind, selector: str) -> list[dict[str, Any]]:
        accept = METADATA_ALONE if kind.metadata_only else "application/json"
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


def identity() -> str:
    """Return what tells the cluster of KUBECONFIG from every other; empty if it cannot be asked, or does not say."""
    try:
        answer = Cluster.connect().answer(publication.CLUSTER_ID_PATH)
    except BranchenvError:
        return ""
    return str(answer.json()["metadata"]["uid"]) if answer.is_success else ""


def _plural(kind: str) -> str:
    """Name a kind's resource as nearly all are named."""
    name = kind.lower()
    if name.endswith(("ay", "ey", "oy")):
        return f"{name}s"
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}es" if name.endswith(("s", "x", "ch")) else f"{name}s"


@contextmanager
def _asked() -> Iterator[None]:
    import httpx2

    try:
        yield
    except httpx2.HTTPStatusError as e:
        status = f"{e.response.status_code} {e.response.reason_phrase}"
        raise _refused(f"the cluster refuses {e.request.method} {e.request.url.path}: {status}") from e
    except httpx2.HTTPError as e:
        raise _refused(f"the cluster does not answer: {e or type(e).__name__}") from e


def _refused(rule: str) -> BranchenvError:
    return BranchenvError(rule, fix=_FIX, code=ExitCode.CLUSTER)
