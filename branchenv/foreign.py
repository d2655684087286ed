"""Objects in the way: of the environment's names, yet made by somebody else."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from branchenv.context import Target
from branchenv.errors import BranchenvError, ExitCode
from branchenv.names import object_name

if TYPE_CHECKING:
    from lightkube import Client

APP_LABEL = "branch-environments/app"
SLUG_LABEL = "branch-environments/slug"

_TIMEOUT = 10.0
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404


def refuse_foreign(target: Target, namespace: str) -> None:
    """Refuse to take over what is not this environment's.

    The provider adopts whatever object it finds under a name that it is to create, and `destroy` would then delete it.
    Asked only where something is to be created that the state does not know. Where no cluster is configured, or looking
    is not allowed, `pulumi up` is left to say so.

    Args:
        target: the branch.
        namespace: of its app.

    Raises:
        BranchenvError: with the object, and how to make way; or the cluster cannot be reached.
    """
    import httpx2
    from lightkube import Client
    from lightkube.core.exceptions import ApiError, ConfigError, LoadResourceError

    name = object_name(target.slug)
    try:
        client = Client(namespace=namespace, timeout=httpx2.Timeout(_TIMEOUT))
        found = [(kind, labels) for kind in _kinds() if (labels := _labels(client, kind, name)) is not None]
    except (ConfigError, LoadResourceError):
        return
    except ApiError as e:
        if e.status.code in (_UNAUTHORIZED, _FORBIDDEN):
            return
        raise _unreachable(str(e)) from e
    except (httpx2.HTTPError, OSError) as e:
        raise _unreachable(str(e)) from e
    own = {APP_LABEL: target.app, SLUG_LABEL: target.slug}
    for kind, labels in found:
        if any(labels.get(label) != value for label, value in own.items()):
            raise BranchenvError(
                f"this object is in the way: it was made by somebody else, as its labels say "
                f"({_shown(labels)} instead of {_shown(own)}), and would be overwritten",
                fix=f"rename or delete it: kubectl -n {namespace} delete {kind.__name__.lower()} {name}; "
                f"or reserve the name: `reservedSlugs` of {target.app} in the base stack",
                code=ExitCode.NOT_YOURS,
                field=f"{kind.__name__} {namespace}/{name}",
                value=target.branch,
            )


def _kinds() -> list[Any]:
    from lightkube.generic_resource import create_namespaced_resource
    from lightkube.resources.apps_v1 import Deployment
    from lightkube.resources.core_v1 import ConfigMap, Service

    virtual_service = create_namespaced_resource("networking.istio.io", "v1", "VirtualService", "virtualservices")
    return [ConfigMap, Deployment, Service, virtual_service]


def _labels(client: "Client", kind: Any, name: str) -> Mapping[str, str] | None:  # noqa: ANN401 - a lightkube resource
    from lightkube.core.exceptions import ApiError

    try:
        metadata = client.get(kind, name).metadata
    except ApiError as e:
        if e.status.code == _NOT_FOUND:
            return None
        raise
    # What is on its way out makes room by itself.
    return None if metadata.deletionTimestamp else metadata.labels or {}


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
