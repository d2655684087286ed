"""A wildcard certificate from cert-manager, for every app's domain."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes.meta.v1 as meta
from pulumi_kubernetes.apiextensions import CustomResource

from core.labels import shared_labels

API_VERSION = "cert-manager.io/v1"
# A certificate that nobody waits for is a browser's warning that nobody understands.
READY = {"pulumi.com/waitFor": "condition=Ready", "pulumi.com/timeoutSeconds": "600"}


def wildcards(domains: Sequence[str]) -> list[str]:
    """Return the names of a certificate (or record) for all hosts one label below these domains: a wildcard is one."""
    return [f"*.{domain}" for domain in sorted(set(domains))]


@dataclass(frozen=True, kw_only=True)
class CertificateArgs:
    """What the certificate needs to know."""

    namespace: pulumi.Input[str]
    """Where its secret is read: the gateway's, or the Ingress'."""
    secret: str
    """Name of the secret, and of the Certificate."""
    domains: Sequence[str]
    issuer: pulumi.Input[str]
    """ClusterIssuer."""

    def __post_init__(self) -> None:
        """Refuse a certificate for nothing."""
        if not self.domains:
            raise ValueError("domains: the certificate would be for no host; give at least one app's domain")


class Certificate(pulumi.ComponentResource):
    """One certificate for all hosts of all apps.

    Type `branch-environments:base:Certificate`. `pulumi up` waits until it is ready. Left out on purpose: the issuer,
    and renewal, which is cert-manager's work.
    """

    secret: pulumi.Output[str]
    """Name of the secret, known once the certificate is in it."""

    def __init__(self, name: str, args: CertificateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:base:Certificate", name, None, opts)
        made = CustomResource(
            f"{name}-certificate",
            api_version=API_VERSION,
            kind="Certificate",
            metadata=meta.ObjectMetaArgs(
                name=args.secret, namespace=args.namespace, labels=shared_labels(args.secret), annotations=READY
            ),
            spec=certificate_spec(secret=args.secret, domains=args.domains, issuer=args.issuer),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.secret = made.urn.apply(lambda _: args.secret)
        self.register_outputs({"secret": self.secret})


def certificate_spec(*, secret: str, domains: Sequence[str], issuer: pulumi.Input[str]) -> dict[str, Any]:
    """Make the spec of a cert-manager.io/v1 Certificate."""
    return {
        "secretName": secret,
        "dnsNames": wildcards(domains),
        "issuerRef": {"kind": "ClusterIssuer", "name": issuer},
        "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
    }
