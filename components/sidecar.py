"""What Istio's proxies know, and whom they answer: the specs of its Sidecar and of its AuthorizationPolicy."""

from collections.abc import Sequence
from typing import Any

ISTIO_NAMESPACE = "istio-system"
"""Of the control plane, which every proxy must know."""


def sidecar_spec(own: Sequence[str], *, hosts: Sequence[str]) -> dict[str, Any]:
    """Make the spec of a networking.istio.io/v1 Sidecar, which tells a proxy of what its pods call alone.

    Args:
        own: hosts of the proxies' own namespace, as ./<host>.
        hosts: those of others.
    """
    return {"egress": [{"hosts": [*own, f"{ISTIO_NAMESPACE}/*", *sorted(set(hosts))]}]}


def callers_spec(**source: Sequence[str]) -> dict[str, Any]:
    """Make the spec of a security.istio.io/v1 AuthorizationPolicy by which pods answer some callers alone.

    Args:
        source: who these are by their certificates: `namespaces`, or `principals`.
    """
    return {"action": "ALLOW", "rules": [{"from": [{"source": {key: list(each) for key, each in source.items()}}]}]}


def principal(namespace: str, service_account: str = "") -> str:
    """Return whom the certificate of a ServiceAccount names; of all of a namespace's, if none is given.

    Istio takes `cluster.local` for the mesh's own trust domain, whatever that is called.
    """
    return f"cluster.local/ns/{namespace}/" + (f"sa/{service_account}" if service_account else "*")
