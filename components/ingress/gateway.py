"""The Gateway that every branch's route names: Istio's own, or Gateway API's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pulumi
import pulumi_kubernetes.meta.v1 as meta
from pulumi_kubernetes.apiextensions import CustomResource

from components.ingress.certificate import wildcards
from core.api_versions import GATEWAY_API, ISTIO_NETWORKING
from core.labels import MANAGED_BY, MANAGED_BY_LABEL, shared_labels
from core.route_kinds import HTTP_ROUTE, VIRTUAL_SERVICE, RouteKind

REDIRECT_CODE = 307
"""Temporary, with its method: browsers keep a permanent redirect, and the next cluster may be without TLS."""
# Those of apps, of branches, and of logins.
_OWN_NAMESPACES = {
    "namespaces": {"from": "Selector", "selector": {"matchLabels": {MANAGED_BY_LABEL: MANAGED_BY}}},
}


@dataclass(frozen=True, kw_only=True)
class GatewayArgs:
    """What the Gateway needs to know."""

    namespace: pulumi.Input[str]
    gateway: str
    """Name of the Gateway object."""
    domains: Sequence[str]
    """The apps' domains; every name one label below them is served."""
    port: int
    """Port on which the gateway's pods are asked for HTTP."""
    istio_label: str
    """Value of the label `istio` on the gateway's pods."""
    secret: pulumi.Input[str] | None = None
    """TLS secret beside the gateway's pods, where TLS ends here and not at a load balancer."""
    https_port: int = 443
    """Port on which they are asked for HTTPS, if they are."""
    public_port: int = 443
    """Port of the HTTPS URLs, to which HTTP is sent if TLS ends here."""
    service: str | None = None
    """Service of the gateway's pods, for a Gateway of Gateway API; none for one of Istio's own."""

    def __post_init__(self) -> None:
        """Refuse a gateway that serves nothing."""
        if not self.domains:
            raise ValueError("domains: the gateway would serve no host; give at least one app's domain")
        if self.secret is not None and self.https_port == self.port:
            raise ValueError(f"https_port: {self.port} is the port for HTTP already; give HTTPS another")


class Gateway(pulumi.ComponentResource):
    """The shared way in: one wildcard host per app.

    Type `branch-environments:base:Gateway`. Where TLS ends here, the Gateway that branches name has no HTTP at all, so
    that none can be served in clear text: HTTP is a second Gateway's, which no branch names and which sends all to
    HTTPS. Left out on purpose: the gateway's namespace and pods, which come with Istio, and the certificate.
    """

    gateway: pulumi.Output[str]
    """<namespace>/<name>, as a VirtualService names it; known once it exists."""

    def __init__(self, name: str, args: GatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:base:Gateway", name, None, opts)
        made: list[CustomResource] = []
        for each in gateway_api_objects(args, args.service) if args.service else istio_objects(args):
            made.append(
                CustomResource(
                    f"{name}-{each.resource}",
                    api_version=each.api_version,
                    kind=each.kind,
                    metadata=meta.ObjectMetaArgs(
                        name=each.name, namespace=args.namespace, labels=shared_labels(args.gateway)
                    ),
                    spec=each.spec,
                    opts=pulumi.ResourceOptions(parent=self, depends_on=made[1:]),
                )
            )
        self.gateway = pulumi.Output.all(args.namespace, made[0].urn).apply(lambda known: f"{known[0]}/{args.gateway}")
        self.register_outputs({"gateway": self.gateway})


class GatewayObject(NamedTuple):
    """One of the objects that a Gateway is made of."""

    resource: str
    """What its resource is called, behind the component's name."""
    api_version: str
    kind: str
    name: str
    spec: Mapping[str, Any]


def istio_objects(args: GatewayArgs) -> list[GatewayObject]:
    """Make the Gateway of Istio's own API that branches name first, and then what sends HTTP to HTTPS, in order."""

    def gateway(resource: str, name: str, spec: Mapping[str, Any]) -> GatewayObject:
        return GatewayObject(resource, ISTIO_NETWORKING, "Gateway", name, spec)

    if args.secret is None:
        return [gateway("gateway", args.gateway, http_gateway_spec(args))]
    redirect = f"{args.gateway}-redirect"
    return [
        gateway("gateway", args.gateway, https_gateway_spec(args)),
        gateway("http", redirect, http_gateway_spec(args)),
        _route(VIRTUAL_SERVICE, redirect, redirect_spec(args, redirect)),
    ]


def https_gateway_spec(args: GatewayArgs) -> dict[str, Any]:
    """Make the spec of a networking.istio.io/v1 Gateway for HTTPS."""
    tls = {"mode": "SIMPLE", "credentialName": args.secret}
    return _one_server(args, {"number": args.https_port, "name": "https", "protocol": "HTTPS"}, {"tls": tls})


def http_gateway_spec(args: GatewayArgs) -> dict[str, Any]:
    """Make the spec of a networking.istio.io/v1 Gateway for HTTP."""
    return _one_server(args, {"number": args.port, "name": "http", "protocol": "HTTP"}, {})


def redirect_spec(args: GatewayArgs, gateway: str) -> dict[str, Any]:
    """Make the spec of a networking.istio.io/v1 VirtualService that sends every host of a gateway to HTTPS.

    A Gateway's own `httpsRedirect` would leave the port as it is.
    """
    return {
        "hosts": wildcards(args.domains),
        "gateways": [gateway],
        "http": [{"redirect": {"scheme": "https", "port": args.public_port, "redirectCode": REDIRECT_CODE}}],
    }


def gateway_api_objects(args: GatewayArgs, service: str) -> list[GatewayObject]:
    """Make the same of Gateway API.

    Args:
        args: of the Gateway.
        service: of its pods, without which istiod would make pods of its own.
    """

    def gateway(resource: str, name: str, listener: Mapping[str, Any]) -> GatewayObject:
        address = pulumi.Output.concat(service, ".", args.namespace, ".svc.cluster.local")
        spec = {
            "gatewayClassName": "istio",
            "addresses": [{"type": "Hostname", "value": address}],
            "listeners": [dict(listener)],
        }
        return GatewayObject(resource, GATEWAY_API, "Gateway", name, spec)

    # One listener for all domains, which routes and not the listener name: browsers send requests for two hosts of one
    # certificate over one connection, and another listener's host would not be found there.
    http = {"name": "http", "port": args.port, "protocol": "HTTP"}
    if args.secret is None:
        return [gateway("gateway", args.gateway, {**http, "allowedRoutes": _OWN_NAMESPACES})]
    certificate = {"group": "", "kind": "Secret", "name": args.secret}
    https = {
        "name": "https",
        "port": args.https_port,
        "protocol": "HTTPS",
        "tls": {"mode": "Terminate", "certificateRefs": [certificate]},
        "allowedRoutes": _OWN_NAMESPACES,
    }
    redirect = f"{args.gateway}-redirect"
    return [
        gateway("gateway", args.gateway, https),
        gateway("http", redirect, {**http, "allowedRoutes": {"namespaces": {"from": "Same"}}}),
        _route(HTTP_ROUTE, redirect, redirect_route_spec(args, redirect)),
    ]


def redirect_route_spec(args: GatewayArgs, gateway: str) -> dict[str, Any]:
    """Make the spec of a gateway.networking.k8s.io/v1 HTTPRoute that sends every host of a Gateway to HTTPS."""
    redirect = {"scheme": "https", "port": args.public_port, "statusCode": REDIRECT_CODE}
    return {
        "parentRefs": [{"group": HTTP_ROUTE.group, "kind": "Gateway", "name": gateway}],
        "hostnames": wildcards(args.domains),
        "rules": [{"filters": [{"type": "RequestRedirect", "requestRedirect": redirect}]}],
    }


def _route(kind: RouteKind, name: str, spec: Mapping[str, Any]) -> GatewayObject:
    return GatewayObject("redirect", kind.api_version, kind.kind, name, spec)


def _one_server(args: GatewayArgs, port: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    return {
        "selector": {"istio": args.istio_label},
        "servers": [{"port": port, "hosts": wildcards(args.domains), **more}],
    }
