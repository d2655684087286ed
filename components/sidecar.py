"""The spec of Istio's Sidecar, which gives a proxy the Services that its pods call, not all of the cluster's."""

from collections.abc import Sequence
from typing import Any

ISTIO_NAMESPACE = "istio-system"
"""Of the control plane, which every proxy must know."""


def sidecar_spec(own: Sequence[str], *, hosts: Sequence[str]) -> dict[str, Any]:
    """Make the spec of a networking.istio.io/v1 Sidecar.

    Args:
        own: hosts of the proxies' own namespace, as ./<host>.
        hosts: those of others.
    """
    return {"egress": [{"hosts": [*own, f"{ISTIO_NAMESPACE}/*", *sorted(set(hosts))]}]}
