"""An authority of the cluster's own, for clusters that no public one can reach."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes.meta.v1 as meta
from pulumi_kubernetes.apiextensions import CustomResource

from components.ingress.certificate import API_VERSION, READY
from core.labels import shared_labels


@dataclass(frozen=True, kw_only=True)
class SelfSignedCaArgs:
    """What the authority needs to know."""

    issuer: str
    """Name of the ClusterIssuer; the CA's certificate and its secret are called <issuer>-ca."""
    namespace: str
    """Where cert-manager keeps the secrets of ClusterIssuers: its own namespace, unless it is configured otherwise."""
    after: Sequence[pulumi.Resource] = ()
    """What must be there first: cert-manager, if this stack installs it."""

    def __post_init__(self) -> None:
        """Refuse what cert-manager would never find."""
        if not self.namespace:
            raise ValueError("namespace: the CA's secret must be where cert-manager looks; give cert-manager's own")


class SelfSignedCa(pulumi.ComponentResource):
    """A self-signed CA and the ClusterIssuer that signs with it.

    Type `branch-environments:base:SelfSignedCa`. Left out on purpose: making anybody trust it. People take the
    certificate from `secret` (key ca.crt) where they need it.
    """

    issuer: pulumi.Output[str]
    """Name of the ClusterIssuer, known once it can sign."""
    secret: pulumi.Output[str]
    """<namespace>/<name> of the secret with the CA's certificate."""

    def __init__(self, name: str, args: SelfSignedCaArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        former = pulumi.ResourceOptions(aliases=[pulumi.Alias(type_="branch-environments:base:OwnCa")])  # until 0.1.0
        super().__init__(
            "branch-environments:base:SelfSignedCa", name, None, pulumi.ResourceOptions.merge(opts, former)
        )
        ca = f"{args.issuer}-ca"
        root = CustomResource(
            f"{name}-root",
            api_version=API_VERSION,
            kind="ClusterIssuer",
            metadata=meta.ObjectMetaArgs(name=f"{args.issuer}-root", labels=shared_labels(args.issuer)),
            spec={"selfSigned": {}},
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.after),
        )
        certificate = CustomResource(
            f"{name}-certificate",
            api_version=API_VERSION,
            kind="Certificate",
            metadata=meta.ObjectMetaArgs(
                name=ca, namespace=args.namespace, labels=shared_labels(args.issuer), annotations=READY
            ),
            spec=ca_spec(ca=ca, root=f"{args.issuer}-root"),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[root]),
        )
        issuer = CustomResource(
            f"{name}-cluster-issuer",
            api_version=API_VERSION,
            kind="ClusterIssuer",
            metadata=meta.ObjectMetaArgs(name=args.issuer, labels=shared_labels(args.issuer), annotations=READY),
            spec={"ca": {"secretName": ca}},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[certificate]),
        )
        self.issuer = issuer.urn.apply(lambda _: args.issuer)
        self.secret = certificate.urn.apply(lambda _: f"{args.namespace}/{ca}")
        self.register_outputs({"issuer": self.issuer, "secret": self.secret})


def ca_spec(*, ca: str, root: str) -> dict[str, Any]:
    """Make the spec of the CA's own certificate."""
    return {
        "isCA": True,
        "commonName": ca,
        "secretName": ca,
        "duration": f"{10 * 365 * 24}h",
        "privateKey": {"algorithm": "ECDSA", "size": 256},
        "issuerRef": {"kind": "ClusterIssuer", "name": root},
    }
