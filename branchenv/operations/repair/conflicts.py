"""Objects in the way: of the environment's names, yet made by somebody else."""

import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from branchenv.clients import kubeconfig
from branchenv.model.context import Target
from branchenv.model.errors import BranchenvError, ExitCode
from core.api_versions import METADATA_ALONE
from core.contract import App
from core.labels import APP_LABEL, SLUG_LABEL
from core.names import namespace_name, object_name
from core.route_kinds import VIRTUAL_SERVICE, RouteKind

if TYPE_CHECKING:
    import httpx2

_PAGE = 500
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404


class _Kind(NamedTuple):
    name: str
    group: str

    def path(self, namespace: str) -> str:
        return f"{self.group}/namespaces/{namespace}/{self.name.lower()}s"


# What components/branch/workloads.py makes, beside routes.
_KINDS = (
    _Kind("ConfigMap", "/api/v1"),
    _Kind("Deployment", "/apis/apps/v1"),
    _Kind("Service", "/api/v1"),
)
_ACCOUNT = _Kind("ServiceAccount", "/api/v1")


class _Object(NamedTuple):
    metadata: Mapping[str, Any]
    place: str
    deletion: str
    """How a person would delete it."""


def refuse_conflicts(target: Target, app: App, route: RouteKind = VIRTUAL_SERVICE) -> None:
    """Refuse to take over what is not this environment's.

    The provider adopts whatever object it finds under a name that it is to create, and `destroy` would then delete it.
    Asked only where something is to be created that the state does not know. One request per kind, for all names: which
    workloads there will be, only the program knows. Where no cluster is configured, or looking is not allowed,
    `pulumi up` is left to say so.

    Args:
        target: the branch.
        app: as the base stack promises it.
        route: kind of its branches' routes.

    Raises:
        BranchenvError: with the object, and how to make way; or the cluster cannot be reached.
    """
    import httpx2
    from lightkube.core.exceptions import ConfigError

    try:
        config = kubeconfig.chosen()
        if config is None:
            return
        with kubeconfig.client(config) as api:
            found = list(_in_its_place(api, target, app, route))
    except ConfigError:
        return
    except httpx2.HTTPStatusError as e:
        if e.response.status_code == _UNAUTHORIZED:
            raise BranchenvError(
                "the cluster does not know these credentials (401 Unauthorized): they have expired, or are another "
                "cluster's",
                fix="ask for a new one, and see who you are: kubectl auth whoami; in a job, look at where KUBECONFIG "
                "comes from (ci/README.md)",
                code=ExitCode.CLUSTER,
                field="KUBECONFIG",
                value=config.context_name if config else "",
            ) from e
        if e.response.status_code == _FORBIDDEN:
            return
        raise _unreachable(str(e)) from e
    except (httpx2.HTTPError, OSError) as e:
        raise _unreachable(str(e)) from e
    own = {APP_LABEL: target.app, SLUG_LABEL: target.slug}
    for each in found:
        labels = each.metadata.get("labels", {})
        # What is on its way out makes room by itself.
        if "deletionTimestamp" not in each.metadata and any(labels.get(key) != value for key, value in own.items()):
            raise BranchenvError(
                f"this object is in the way: it was made by somebody else, as its labels say "
                f"({_shown(labels)} instead of {_shown(own)}), and would be overwritten",
                fix=f"rename or delete it: {each.deletion}; "
                f"or reserve the name: `reservedSlugs` of {target.app} in the base stack",
                code=ExitCode.NOT_YOURS,
                field=each.place,
                value=target.branch,
            )


def _in_its_place(api: "httpx2.Client", target: Target, app: App, route: RouteKind) -> Iterator[_Object]:
    """Return all objects of names that the environment gives to its own."""
    if app.branch_namespace:
        # Whatever is in there is its own, as is the namespace.
        name = namespace_name(app.namespace, target.slug)
        answer = api.get(f"/api/v1/namespaces/{name}")
        if answer.status_code != _NOT_FOUND:
            metadata = answer.raise_for_status().json()["metadata"]
            yield _Object(metadata, f"Namespace {name}", f"kubectl delete namespace {name}")
        return
    routes = _Kind(route.kind, f"/apis/{route.api_version}")
    kinds = (*_KINDS, routes, *((_ACCOUNT,) if app.branch_identity else ()))
    with ThreadPoolExecutor(len(kinds)) as pool:
        listed = list(pool.map(lambda kind: list(_listed(api, kind.path(app.namespace))), kinds))
    for kind, objects in zip(kinds, listed, strict=True):
        for metadata in objects:
            name = metadata["name"]
            if is_name_of(target.slug, name):
                deletion = f"kubectl -n {app.namespace} delete {kind.name.lower()} {name}"
                yield _Object(metadata, f"{kind.name} {app.namespace}/{name}", deletion)


def is_name_of(slug: str, name: str) -> bool:
    """Whether an environment may give this name to an object of its own, whatever its workloads are called.

    Args:
        slug: of its branch.
        name: of an object.
    """
    # Workload names start with a letter: `b--1` is not branch b's, but the object of branch 1.
    return re.fullmatch(rf"{re.escape(object_name(slug))}(--[a-z].*)?", name) is not None


def _listed(api: "httpx2.Client", path: str) -> Iterator[Mapping[str, Any]]:
    """Return the metadata of all objects of a kind; none where the cluster does not know the kind."""
    query = {"limit": str(_PAGE)}
    while True:
        answer = api.get(path, headers={"Accept": METADATA_ALONE}, params=query)
        if answer.status_code == _NOT_FOUND:
            return
        found = answer.raise_for_status().json()
        for item in found.get("items") or ():
            yield item["metadata"]
        query["continue"] = found["metadata"].get("continue", "")
        if not query["continue"]:
            return


def _shown(labels: Mapping[str, str]) -> str:
    return (
        ", ".join(f"{label}={labels[label]}" for label in (APP_LABEL, SLUG_LABEL) if label in labels) or "none of ours"
    )


def _unreachable(message: str) -> BranchenvError:
    return BranchenvError(
        f"the cluster cannot be reached: {message}",
        fix="look at KUBECONFIG and its context (`kubectl cluster-info`), and at the network; in GitLab at the agent",
        code=ExitCode.CLUSTER,
    )
