"""The Istio Gateway that every branch's VirtualService hangs on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes.meta.v1 as meta
from pulumi_kubernetes.apiextensions import CustomResource

from components.certificate import wildcards
from components.labels import shared_labels

API_VERSION = "networking.istio.io/v1"


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
    redirect: bool = False
    """Whether HTTP is sent to HTTPS. Envoy changes the scheme alone, so both must be at their usual ports."""

    def __post_init__(self) -> None:
        """Refuse a gateway that serves nothing."""
        if not self.domains:
            raise ValueError("domains: the gateway would serve no host; give at least one app's domain")
        if self.redirect and self.secret is None:
            raise ValueError("redirect: there is no HTTPS to send to; give the TLS secret")


class Gateway(pulumi.ComponentResource):
    """The shared way in: one wildcard host per app.

    Type `branch-environments:base:Gateway`. Left out on purpose: the gateway's namespace and pods, which come with
    Istio, and the certificate.
    """

    gateway: pulumi.Output[str]
    """<namespace>/<name>, as a VirtualService names it; known once it exists."""

    def __init__(self, name: str, args: GatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:base:Gateway", name, None, opts)
        made = CustomResource(
            f"{name}-gateway",
            api_version=API_VERSION,
            kind="Gateway",
            metadata=meta.ObjectMetaArgs(
                name=args.gateway,
                namespace=args.namespace,
                labels=shared_labels(args.gateway),
            ),
            spec=gateway_spec(args),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.gateway = pulumi.Output.all(args.namespace, made.urn).apply(lambda known: f"{known[0]}/{args.gateway}")
        self.register_outputs({"gateway": self.gateway})


def gateway_spec(args: GatewayArgs) -> dict[str, Any]:
    """Make the spec of a networking.istio.io/v1 Gateway: HTTP for all apps, and HTTPS if asked."""
    hosts = wildcards(args.domains)
    http: dict[str, Any] = {"port": {"number": args.port, "name": "http", "protocol": "HTTP"}, "hosts": hosts}
    if args.redirect:
        http["tls"] = {"httpsRedirect": True}
    https = {
        "port": {"number": args.https_port, "name": "https", "protocol": "HTTPS"},
        "hosts": hosts,
        "tls": {"mode": "SIMPLE", "credentialName": args.secret},
    }
    return {
        "selector": {"istio": args.istio_label},
        "servers": [http, https] if args.secret is not None else [http],
    }
