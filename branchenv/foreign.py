"""Objects in the way: of the environment's names, yet made by somebody else."""

import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from branchenv.cluster import APP_LABEL, SLUG_LABEL
from branchenv.context import Target
from branchenv.errors import BranchenvError, ExitCode
from branchenv.names import object_name

if TYPE_CHECKING:
    import httpx2

_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_PAGE = 500
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404


class _Kind(NamedTuple):
    name: str
    group: str

    def path(self, namespace: str) -> str:
        return f"{self.group}/namespaces/{namespace}/{self.name.lower()}s"


# What components/branch_environment.py makes.
_KINDS = (
    _Kind("ConfigMap", "/api/v1"),
    _Kind("Deployment", "/apis/apps/v1"),
    _Kind("Service", "/api/v1"),
    _Kind("VirtualService", "/apis/networking.istio.io/v1"),
)
_ACCOUNT = _Kind("ServiceAccount", "/api/v1")


def refuse_foreign(target: Target, namespace: str, *, own_account: bool = False) -> None:
    """Refuse to take over what is not this environment's.

    The provider adopts whatever object it finds under a name that it is to create, and `destroy` would then delete it.
    Asked only where something is to be created that the state does not know. One request per kind, for all names: which
    workloads there will be, only the program knows. Where no cluster is configured, or looking is not allowed,
    `pulumi up` is left to say so.

    Args:
        target: the branch.
        namespace: of its app.
        own_account: whether the environment makes a ServiceAccount.

    Raises:
        BranchenvError: with the object, and how to make way; or the cluster cannot be reached.
    """
    import httpx2
    from lightkube.config.client_adapter import Client, ConnectionParams
    from lightkube.config.kubeconfig import KubeConfig
    from lightkube.core.exceptions import ConfigError

    kinds = (*_KINDS, _ACCOUNT) if own_account else _KINDS
    try:
        config = KubeConfig.from_env().get()
        if config is None:
            return
        with Client(config, ConnectionParams()) as api, ThreadPoolExecutor(len(kinds)) as pool:
            found = list(pool.map(lambda kind: list(_listed(api, kind.path(namespace))), kinds))
    except ConfigError:
        return
    except httpx2.HTTPStatusError as e:
        if e.response.status_code in (_UNAUTHORIZED, _FORBIDDEN):
            return
        raise _unreachable(str(e)) from e
    except (httpx2.HTTPError, OSError) as e:
        raise _unreachable(str(e)) from e
    own = {APP_LABEL: target.app, SLUG_LABEL: target.slug}
    for kind, objects in zip(kinds, found, strict=True):
        for metadata in objects:
            name, labels = metadata["name"], metadata.get("labels", {})
            # What is on its way out makes room by itself.
            if not is_name_of(target.slug, name) or "deletionTimestamp" in metadata:
                continue
            if any(labels.get(label) != value for label, value in own.items()):
                raise BranchenvError(
                    f"this object is in the way: it was made by somebody else, as its labels say "
                    f"({_shown(labels)} instead of {_shown(own)}), and would be overwritten",
                    fix=f"rename or delete it: kubectl -n {namespace} delete {kind.name.lower()} {name}; "
                    f"or reserve the name: `reservedSlugs` of {target.app} in the base stack",
                    code=ExitCode.NOT_YOURS,
                    field=f"{kind.name} {namespace}/{name}",
                    value=target.branch,
                )


def is_name_of(slug: str, name: str) -> bool:
    """Whether an environment may give this name to an object of its own, whatever its workloads are called.

    Args:
        slug: of its branch.
        name: of an object.
    """
    # Workload names start with a letter: `b--1` is not branch b's, but the object of branch 1.
    return re.fullmatch(rf"{re.escape(object_name(slug))}(--[a-z].*)?", name) is not None


def _listed(api: "httpx2.Client", path: str) -> Iterator[Mapping[str, Any]]:
    """Give the metadata of all objects of a kind; none where the cluster does not know the kind."""
    query = {"limit": str(_PAGE)}
    while True:
        answer = api.get(path, headers={"Accept": _METADATA}, params=query)
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


def _unreachable(said: str) -> BranchenvError:
    return BranchenvError(
        f"the cluster cannot be reached: {said}",
        fix="look at KUBECONFIG and its context (`kubectl cluster-info`), and at the network; in GitLab at the agent",
        code=ExitCode.CLUSTER,
    )
