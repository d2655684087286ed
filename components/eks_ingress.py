"""The load balancer of an EKS cluster: an ALB made by AWS Load Balancer Controller."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes.meta.v1 as meta
import pulumi_kubernetes.networking.v1 as networking

from components.certificate import wildcards
from components.ingress import HEALTH_PATH, STATUS_PORT, everything
from components.labels import shared_labels

_PREFIX = "alb.ingress.kubernetes.io"


@dataclass(frozen=True, kw_only=True)
class EksIngressArgs:
    """What the Ingress needs to know."""

    namespace: pulumi.Input[str]
    """The gateway's: an Ingress reaches only Services beside it."""
    service: str
    port: int
    certificate_arn: pulumi.Input[str]
    """Of the certificate; of several, with commas between them."""
    scheme: str
    """internet-facing or internal."""
    group: str | None = None
    """Shares the load balancer with other Ingresses of this group."""
    domains: Sequence[str] = ()
    """Whose hosts it takes of the load balancer that it shares, lest it takes the others'."""
    waf_acl_arn: str | None = None
    external_dns_domains: Sequence[str] = ()
    """Domains that external-dns is to point at the load balancer; empty if records are made otherwise."""

    def __post_init__(self) -> None:
        """Refuse what the controller would ignore."""
        if self.scheme not in {"internet-facing", "internal"}:
            raise ValueError(f"scheme: {self.scheme!r} is none; give internet-facing or internal")
        if self.group and not self.domains:
            raise ValueError("domains: without them it would take the requests of all others of the group; give them")


class EksIngress(pulumi.ComponentResource):
    """An Ingress that ends TLS and sends everything to the Istio gateway's pods.

    Type `branch-environments:base:EksIngress`. `pulumi up` waits until the load balancer has a name. Left out on
    purpose: certificate, DNS records and the controller.
    """

    address: pulumi.Output[str]
    """Host name of the load balancer."""

    def __init__(self, name: str, args: EksIngressArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:base:EksIngress", name, None, opts)
        made = networking.Ingress(
            f"{name}-ingress",
            networking.IngressInitArgs(
                metadata=meta.ObjectMetaArgs(
                    name="branch-environments",
                    namespace=args.namespace,
                    labels=shared_labels("branch-environments"),
                    annotations=annotations(args),
                ),
                spec=networking.IngressSpecArgs(ingress_class_name="alb", rules=rules(args)),
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self.address = made.status.apply(_host_name)
        self.register_outputs({"address": self.address})


def rules(args: EksIngressArgs) -> list[networking.IngressRuleArgs]:
    """Make the rules: of a load balancer of its own one for all, of a shared one a rule for each app's hosts."""
    return everything(args.service, args.port, wildcards(args.domains) if args.group else ())


def annotations(args: EksIngressArgs) -> dict[str, pulumi.Input[str]]:
    """Make what the controller reads."""
    optional = {
        f"{_PREFIX}/group.name": args.group,
        f"{_PREFIX}/wafv2-acl-arn": args.waf_acl_arn,
        "external-dns.alpha.kubernetes.io/hostname": ",".join(wildcards(args.external_dns_domains)),
        # Else it makes records for the hosts of the rules, too, which may be this stack's own.
        "external-dns.alpha.kubernetes.io/ingress-hostname-source": "annotation-only" if args.group else None,
    }
    return {
        f"{_PREFIX}/scheme": args.scheme,
        f"{_PREFIX}/target-type": "ip",
        f"{_PREFIX}/listen-ports": json.dumps([{"HTTP": 80}, {"HTTPS": 443}]),
        f"{_PREFIX}/ssl-redirect": "443",
        f"{_PREFIX}/ssl-policy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
        f"{_PREFIX}/certificate-arn": args.certificate_arn,
        f"{_PREFIX}/backend-protocol": "HTTP",
        f"{_PREFIX}/healthcheck-protocol": "HTTP",
        f"{_PREFIX}/healthcheck-port": str(STATUS_PORT),
        f"{_PREFIX}/healthcheck-path": HEALTH_PATH,
        f"{_PREFIX}/success-codes": "200",
        **{key: value for key, value in optional.items() if value},
    }


def _host_name(status: networking.outputs.IngressStatus | None) -> str:
    found = status.load_balancer.ingress if status and status.load_balancer else None
    if not found or not found[0].hostname:
        raise ValueError(
            "address: the load balancer has no host name; see `kubectl describe ingress` beside the gateway"
        )
    return found[0].hostname
