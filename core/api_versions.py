"""Versions of the API groups whose objects a branch has, beside Kubernetes' core, and how the API server is asked."""

APPS = "apps/v1"
BATCH = "batch/v1"
GATEWAY_API = "gateway.networking.k8s.io/v1"
ISTIO_NETWORKING = "networking.istio.io/v1"
ISTIO_SECURITY = "security.istio.io/v1"
NETWORKING = "networking.k8s.io/v1"
RBAC = "rbac.authorization.k8s.io/v1"

METADATA_ALONE = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""Accept header for a list without specs and states, which is a fraction of all of it."""


def api_root(api_version: str) -> str:
    """Return the API server's path of a group and version, or of a version of Kubernetes' core."""
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
