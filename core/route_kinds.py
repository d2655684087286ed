"""What leads requests to an environment: an object of the API that the base stack has chosen."""

from typing import NamedTuple

from core.api_versions import GATEWAY_API, ISTIO_NETWORKING


class RouteKind(NamedTuple):
    """A kind of route."""

    api_version: str
    kind: str
    resource: str
    """As the API server's paths have it."""

    @property
    def group(self) -> str:
        """Group of the API version."""
        return self.api_version.partition("/")[0]


VIRTUAL_SERVICE = RouteKind(ISTIO_NETWORKING, "VirtualService", "virtualservices")
HTTP_ROUTE = RouteKind(GATEWAY_API, "HTTPRoute", "httproutes")


def route_kind(*, gateway_api: bool) -> RouteKind:
    """Return the kind of a base stack's routes.

    Args:
        gateway_api: whether it has chosen Gateway API, and not Istio's own.
    """
    return HTTP_ROUTE if gateway_api else VIRTUAL_SERVICE


def gateway_reference(gateway: str) -> dict[str, str]:
    """Return how an HTTPRoute names its Gateway.

    Args:
        gateway: as <namespace>/<name>.
    """
    namespace, _, name = gateway.partition("/")
    return {"group": HTTP_ROUTE.group, "kind": "Gateway", "namespace": namespace, "name": name}
