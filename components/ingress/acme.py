"""A cert-manager issuer that proves a domain by a DNS record: the only proof that wildcards are given for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes.meta.v1 as meta
from pulumi_kubernetes.apiextensions import CustomResource

from components.ingress.certificate import API_VERSION, READY
from core.labels import shared_labels


@dataclass(frozen=True, kw_only=True)
class AcmeIssuerArgs:
    """What the issuer needs to know."""

    issuer: pulumi.Input[str]
    """Name of the ClusterIssuer."""
    email: str
    """Where the authority writes before a certificate ends that was not renewed."""
    server: str
    project: str
    """Google project of the Cloud DNS zones."""
    zones: Mapping[str, str]
    """Cloud DNS zone by the domain that it holds."""

    def __post_init__(self) -> None:
        """Refuse an issuer that could prove nothing."""
        if not self.zones:
            raise ValueError("zones: without a Cloud DNS zone no domain can be proved; give one per domain")


class AcmeIssuer(pulumi.ComponentResource):
    """A ClusterIssuer that asks an ACME authority and answers its challenges in Cloud DNS.

    Type `branch-environments:base:AcmeIssuer`. Left out on purpose: cert-manager's right to write in the zones, which
    is a workload identity.
    """

    issuer: pulumi.Output[str]
    """Name of the ClusterIssuer, known once the authority knows it."""

    def __init__(self, name: str, args: AcmeIssuerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:base:AcmeIssuer", name, None, opts)
        made = CustomResource(
            f"{name}-cluster-issuer",
            api_version=API_VERSION,
            kind="ClusterIssuer",
            metadata=meta.ObjectMetaArgs(name=args.issuer, labels=shared_labels("acme-issuer"), annotations=READY),
            spec=acme_issuer_spec(args),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.issuer = pulumi.Output.all(args.issuer, made.urn).apply(lambda known: str(known[0]))
        self.register_outputs({"issuer": self.issuer})


def acme_issuer_spec(args: AcmeIssuerArgs) -> dict[str, Any]:
    """Make the spec of a cert-manager.io/v1 ClusterIssuer, with one solver per zone."""
    return {
        "acme": {
            "email": args.email,
            "server": args.server,
            "privateKeySecretRef": {"name": "acme-account"},
            "solvers": [
                {
                    "selector": {"dnsZones": [domain]},
                    # Named, the zone need not be searched for, which would take a right to the whole project.
                    "dns01": {"cloudDNS": {"project": args.project, "hostedZoneName": zone}},
                }
                for domain, zone in sorted(args.zones.items())
            ],
        }
    }
