"""The load balancer of a GKE cluster: Google's, made by the cluster's own ingress controller."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes.core.v1 as core
import pulumi_kubernetes.meta.v1 as meta
import pulumi_kubernetes.networking.v1 as networking
from pulumi_kubernetes.apiextensions import CustomResource

from components.ingress.certificate import wildcards
from components.ingress.rules import HEALTH_PATH, STATUS_PORT, everything
from core.labels import shared_labels

NAME = "branch-environments"


@dataclass(frozen=True, kw_only=True)
class GkeIngressArgs:
    """What the Ingress needs to know."""

    project: str
    cluster: str
    namespace: pulumi.Input[str]
    """The gateway's: an Ingress reaches only Services beside it."""
    service: str
    port: int
    secret: pulumi.Input[str]
    """TLS secret with the wildcard certificate, in the same namespace."""
    external_dns_domains: Sequence[str] = ()
    """Domains that external-dns is to point at the load balancer; empty if records are made otherwise."""

    def __post_init__(self) -> None:
        """Refuse what would leave an address of no cluster."""
        if not self.project or not self.cluster:
            raise ValueError("project: the static address is called after the cluster; give project and cluster")


class GkeIngress(pulumi.ComponentResource):
    """A static address and an Ingress that ends TLS and sends everything to the Istio gateway's pods.

    Type `branch-environments:base:GkeIngress`. Left out on purpose: certificate and DNS records. The gateway's Service
    belongs to whoever installed Istio; it is given annotations, which go when this goes, but for what GKE wrote itself.
    """

    address: pulumi.Output[str]
    """IP address of the load balancer."""

    def __init__(self, name: str, args: GkeIngressArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:base:GkeIngress", name, None, opts)
        from pulumi_gcp import compute

        child = pulumi.ResourceOptions(parent=self)
        address = compute.GlobalAddress(
            f"{name}-address",
            compute.GlobalAddressArgs(name=address_name(args.cluster), project=args.project),
            child,
        )
        backends = CustomResource(
            f"{name}-backend-config",
            api_version="cloud.google.com/v1",
            kind="BackendConfig",
            metadata=_metadata(args.namespace),
            spec=backend_config_spec(),
            opts=child,
        )
        frontends = CustomResource(
            f"{name}-frontend-config",
            api_version="networking.gke.io/v1beta1",
            kind="FrontendConfig",
            metadata=_metadata(args.namespace),
            spec=frontend_config_spec(),
            opts=child,
        )
        service = core.ServicePatch(
            f"{name}-service",
            metadata=meta.ObjectMetaPatchArgs(
                name=args.service, namespace=args.namespace, annotations=service_annotations()
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[backends]),
        )
        networking.Ingress(
            f"{name}-ingress",
            networking.IngressInitArgs(
                metadata=_metadata(args.namespace, ingress_annotations(address.name, args.external_dns_domains)),
                spec=networking.IngressSpecArgs(
                    rules=everything(args.service, args.port),
                    tls=[networking.IngressTLSArgs(secret_name=args.secret)],
                ),
            ),
            pulumi.ResourceOptions(parent=self, depends_on=[frontends, service]),
        )
        self.address = address.address
        self.register_outputs({"address": self.address})


def address_name(cluster: str) -> str:
    """Return the name of the static address: one per cluster, as projects hold several."""
    return f"{cluster}-branches"


def backend_config_spec() -> dict[str, Any]:
    """Make the spec of a cloud.google.com/v1 BackendConfig: the gateway's real health, and time for slow answers."""
    check = {
        "type": "HTTP",
        "port": STATUS_PORT,
        "requestPath": HEALTH_PATH,
        "checkIntervalSec": 5,
        # Its default is 15, and Google refuses one that is longer than the interval.
        "timeoutSec": 4,
    }
    return {"healthCheck": check, "timeoutSec": 60}


def frontend_config_spec() -> dict[str, Any]:
    """Make the spec of a networking.gke.io/v1beta1 FrontendConfig: HTTP is sent to HTTPS."""
    return {"redirectToHttps": {"enabled": True, "responseCodeName": "MOVED_PERMANENTLY_DEFAULT"}}


def service_annotations() -> dict[str, str]:
    """Make what the gateway's Service says to the ingress controller: pods are reached without a node in between."""
    return {
        "cloud.google.com/backend-config": json.dumps({"default": NAME}),
        # To the letter as GKE's webhook has written it already, where pods have addresses of the VPC: two may own the
        # same value, and another one would be a conflict.
        "cloud.google.com/neg": json.dumps({"ingress": True}, separators=(",", ":")),
    }


def ingress_annotations(address: pulumi.Input[str], external_dns_domains: Sequence[str]) -> dict[str, Any]:
    """Make what the ingress controller reads."""
    hosts = ",".join(wildcards(external_dns_domains))
    return {
        # GKE's controller reads this and no ingressClassName.
        "kubernetes.io/ingress.class": "gce",
        "kubernetes.io/ingress.global-static-ip-name": address,
        "networking.gke.io/v1beta1.FrontendConfig": NAME,
        **({"external-dns.alpha.kubernetes.io/hostname": hosts} if hosts else {}),
    }


def _metadata(namespace: pulumi.Input[str], annotations: dict[str, Any] | None = None) -> meta.ObjectMetaArgs:
    return meta.ObjectMetaArgs(
        name=NAME, namespace=namespace, labels=shared_labels(NAME), annotations=annotations or {}
    )
