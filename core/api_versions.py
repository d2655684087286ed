"""Versions of the API groups whose objects a branch has, beside Kubernetes' core."""

APPS = "apps/v1"
BATCH = "batch/v1"
GATEWAY_API = "gateway.networking.k8s.io/v1"
ISTIO_NETWORKING = "networking.istio.io/v1"
ISTIO_SECURITY = "security.istio.io/v1"
NETWORKING = "networking.k8s.io/v1"
RBAC = "rbac.authorization.k8s.io/v1"
