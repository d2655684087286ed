"""The load balancer of an EKS cluster: an ALB made by AWS Load Balancer Controller, or by EKS Auto Mode."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes.meta.v1 as meta
import pulumi_kubernetes.networking.v1 as networking
from pulumi_kubernetes.apiextensions import CustomResource

from components.ingress.certificate import wildcards
from components.ingress.rules import HEALTH_PATH, STATUS_PORT, everything
from core.labels import shared_labels

NAME = "branch-environments"
_PREFIX = "alb.ingress.kubernetes.io"
_AUTO_MODE = "eks.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class EksIngressArgs:
    """What the Ingress needs to know."""

    namespace: pulumi.Input[str]
    """The gateway's: an Ingress reaches only Services beside it."""
    service: str
    port: int
    certificate_arns: Sequence[pulumi.Input[str]]
    scheme: str
    """internet-facing or internal."""
    group: str | None = None
    """Shares the load balancer with other Ingresses of this group."""
    auto_mode: bool = False
    """Whether EKS Auto Mode makes the load balancer, by a class of its own."""
    domains: Sequence[str] = ()
    """Whose hosts it takes of the load balancer that it shares, so that it does not take the others'."""
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
        ingress_class = self._auto_mode_class(name, args) if args.auto_mode else None
        made = networking.Ingress(
            f"{name}-ingress",
            networking.IngressInitArgs(
                metadata=meta.ObjectMetaArgs(
                    name=NAME,
                    namespace=args.namespace,
                    labels=shared_labels(NAME),
                    annotations=annotations(args),
                ),
                spec=networking.IngressSpecArgs(
                    ingress_class_name=NAME if args.auto_mode else "alb", rules=rules(args)
                ),
            ),
            pulumi.ResourceOptions(
                parent=self,
                depends_on=[ingress_class] if ingress_class else [],
                # With one of these a new load balancer is made, whose name the old object would not have yet.
                replacement_trigger=json.dumps([args.scheme, args.group, args.auto_mode]),
                delete_before_replace=True,
            ),
        )
        self.address = made.status.apply(_host_name)
        self.register_outputs({"address": self.address})

    def _auto_mode_class(self, name: str, args: EksIngressArgs) -> pulumi.Resource:
        parameters = CustomResource(
            f"{name}-class-parameters",
            api_version=f"{_AUTO_MODE}/v1",
            kind="IngressClassParams",
            metadata=meta.ObjectMetaArgs(name=NAME, labels=shared_labels(NAME)),
            spec=class_parameters_spec(args),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return networking.IngressClass(
            f"{name}-class",
            metadata=meta.ObjectMetaArgs(name=NAME, labels=shared_labels(NAME)),
            spec=networking.IngressClassSpecArgs(
                controller=f"{_AUTO_MODE}/alb",
                parameters=networking.IngressClassParametersReferenceArgs(
                    api_group=_AUTO_MODE, kind="IngressClassParams", name=NAME
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[parameters]),
        )


def class_parameters_spec(args: EksIngressArgs) -> dict[str, Any]:
    """Make the spec of an eks.amazonaws.com/v1 IngressClassParams: what Auto Mode does not take from annotations."""
    return {
        "scheme": args.scheme,
        "certificateARNs": list(args.certificate_arns),
        **({"group": {"name": args.group}} if args.group else {}),
    }


def rules(args: EksIngressArgs) -> list[networking.IngressRuleArgs]:
    """Make the rules: of a load balancer of its own one for all, of a shared one a rule for each app's hosts."""
    return everything(args.service, args.port, wildcards(args.domains) if args.group else ())


def annotations(args: EksIngressArgs) -> dict[str, pulumi.Input[str]]:
    """Make what the controller reads."""
    arns = pulumi.Output.all(*args.certificate_arns).apply(lambda known: ",".join(map(str, known)))
    # Auto Mode has these in its class.
    of_the_balancer: dict[str, pulumi.Input[str]] = {
        f"{_PREFIX}/scheme": args.scheme,
        f"{_PREFIX}/certificate-arn": arns,
        **({f"{_PREFIX}/group.name": args.group} if args.group else {}),
    }
    optional = {
        f"{_PREFIX}/wafv2-acl-arn": args.waf_acl_arn,
        "external-dns.alpha.kubernetes.io/hostname": ",".join(wildcards(args.external_dns_domains)),
        # Else it makes records for the hosts of the rules, too, which may be this stack's own.
        "external-dns.alpha.kubernetes.io/ingress-hostname-source": "annotation-only" if args.group else None,
    }
    return {
        **({} if args.auto_mode else of_the_balancer),
        f"{_PREFIX}/target-type": "ip",
        f"{_PREFIX}/listen-ports": json.dumps([{"HTTP": 80}, {"HTTPS": 443}]),
        f"{_PREFIX}/ssl-redirect": "443",
        f"{_PREFIX}/ssl-policy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
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
