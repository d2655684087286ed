"""The Istio Gateway that every branch's VirtualService names."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes.meta.v1 as meta
from pulumi_kubernetes.apiextensions import CustomResource

from components.ingress.certificate import wildcards
from core.api_versions import ISTIO_NETWORKING
from core.labels import shared_labels


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
        child = pulumi.ResourceOptions(parent=self)
        made = _object(f"{name}-gateway", "Gateway", args.gateway, args, gateway_spec(args), child)
        if args.secret is not None:
            redirect = f"{args.gateway}-redirect"
            http = _object(f"{name}-http", "Gateway", redirect, args, http_gateway_spec(args), child)
            _object(
                f"{name}-redirect",
                "VirtualService",
                redirect,
                args,
                redirect_spec(args, redirect),
                pulumi.ResourceOptions(parent=self, depends_on=[http]),
            )
        self.gateway = pulumi.Output.all(args.namespace, made.urn).apply(lambda known: f"{known[0]}/{args.gateway}")
        self.register_outputs({"gateway": self.gateway})


def gateway_spec(args: GatewayArgs) -> dict[str, Any]:
    """Make the spec of the networking.istio.io/v1 Gateway that branches name: HTTPS if TLS ends here, else HTTP."""
    if args.secret is None:
        return http_gateway_spec(args)
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
        # Temporary, with its method: browsers keep a permanent redirect, and the next cluster may be without TLS.
        "http": [{"redirect": {"scheme": "https", "port": args.public_port, "redirectCode": 307}}],
    }


def _one_server(args: GatewayArgs, port: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    return {
        "selector": {"istio": args.istio_label},
        "servers": [{"port": port, "hosts": wildcards(args.domains), **more}],
    }


def _object(
    resource: str, kind: str, name: str, args: GatewayArgs, spec: dict[str, Any], opts: pulumi.ResourceOptions
) -> CustomResource:
    return CustomResource(
        resource,
        api_version=ISTIO_NETWORKING,
        kind=kind,
        metadata=meta.ObjectMetaArgs(name=name, namespace=args.namespace, labels=shared_labels(args.gateway)),
        spec=spec,
        opts=opts,
    )
