"""Places what lies before the Istio gateway: certificate, load balancer and DNS records."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi

from components.addons import Addons
from components.ingress.acm import AcmCertificate, AcmCertificateArgs
from components.ingress.acme import AcmeIssuer, AcmeIssuerArgs
from components.ingress.alb import EksIngress, EksIngressArgs
from components.ingress.certificate import Certificate, CertificateArgs
from components.ingress.dns_records import DnsRecords, DnsRecordsArgs
from components.ingress.gclb import GkeIngress, GkeIngressArgs
from components.ingress.self_signed_ca import SelfSignedCa, SelfSignedCaArgs
from stacks.base.addons import EXTERNAL_DNS, GATEWAY, LOAD_BALANCER_CONTROLLER, dns_writer
from stacks.base.checks.between_keys import zones_of
from stacks.base.protection import protected
from stacks.settings.base import BaseSettings
from stacks.settings.cluster import EksSettings, GkeSettings
from stacks.settings.ingress import LETS_ENCRYPT

CERT_MANAGER = "cert-manager"

_NO_CERTIFICATE = "every browser would warn of every branch until there is another"
_NO_RECORD = "no host name of any branch would be found"
_NO_BALANCER = "a new load balancer has another address, and DNS would lead nowhere"


@dataclass(frozen=True, kw_only=True)
class IngressOutputs:
    """What the rest of the base stack needs to know of it."""

    gateway_secret: pulumi.Output[str] | None = None
    """TLS secret, where TLS ends at the gateway."""
    outputs: Mapping[str, pulumi.Input[Any]] = field(default_factory=dict)
    """What people want to know; no branch stack reads it."""


def place_ingress(settings: BaseSettings, addons: Addons | None, cloud: pulumi.ResourceOptions) -> IngressOutputs:
    """Make what the platform needs."""
    if settings.eks:
        return _eks(settings, settings.eks, addons, cloud)
    if settings.gke:
        return _gke(settings, settings.gke, addons, cloud)
    return _local(settings, addons) if settings.tls else IngressOutputs()


def _eks(
    settings: BaseSettings, eks: EksSettings, addons: Addons | None, cloud: pulumi.ResourceOptions
) -> IngressOutputs:
    ingress, zones = settings.ingress, zones_of(settings)
    if ingress.certificate:
        certificates: list[pulumi.Input[str]] = [ingress.certificate.arn]
    else:
        options = protected(settings, _NO_CERTIFICATE, cloud)
        certificates = [
            AcmCertificate(f"certificate-{domain}", AcmCertificateArgs(domain=domain, zone=zone), options).arn
            for domain, zone in sorted(zones.items())
        ]
    balancer = EksIngress(
        "ingress",
        EksIngressArgs(
            namespace=_once_up(addons, settings.gateway.namespace, GATEWAY, LOAD_BALANCER_CONTROLLER, EXTERNAL_DNS),
            service=settings.gateway.service,
            port=settings.gateway.port,
            certificate_arns=certificates,
            auto_mode=eks.auto_mode,
            scheme=ingress.scheme,
            group=ingress.group_name,
            domains=[app.domain for app in settings.apps],
            waf_acl_arn=ingress.waf_acl_arn,
            external_dns_domains=_for_external_dns(settings),
        ),
        protected(settings, _NO_BALANCER),
    )
    if ingress.dns_records:
        DnsRecords(
            "dns",
            DnsRecordsArgs(service="route53", zones=zones, address=balancer.address),
            protected(settings, _NO_RECORD, cloud),
        )
    return IngressOutputs(outputs={"loadBalancer": balancer.address})


def _gke(
    settings: BaseSettings, gke: GkeSettings, addons: Addons | None, cloud: pulumi.ResourceOptions
) -> IngressOutputs:
    ingress, zones = settings.ingress, zones_of(settings)
    writer = dns_writer(gke, CERT_MANAGER, ingress.cert_manager_namespace, zones, cloud)
    issuer = AcmeIssuer(
        "issuer",
        AcmeIssuerArgs(
            # Once cert-manager may write in the zones: a challenge that fails is tried again only after a long wait.
            issuer=pulumi.Output.all(writer.identity, _once_up(addons, _acme_issuer(settings), CERT_MANAGER)).apply(
                lambda known: str(known[1])
            ),
            email=ingress.acme_email or "",
            server=ingress.acme_server,
            project=gke.project,
            zones={each.domain: each.zone for each in ingress.zones if each.zone in zones.values()},
        ),
    )
    namespace = _once_up(addons, settings.gateway.namespace, GATEWAY, EXTERNAL_DNS)
    certificate = Certificate(
        "certificate",
        CertificateArgs(
            namespace=namespace,
            secret=_secret(settings),
            domains=[app.domain for app in settings.apps],
            issuer=issuer.issuer,
        ),
        protected(settings, _NO_CERTIFICATE),
    )
    balancer = GkeIngress(
        "ingress",
        GkeIngressArgs(
            project=gke.project,
            cluster=gke.cluster_name,
            namespace=namespace,
            service=settings.gateway.service,
            port=settings.gateway.port,
            secret=certificate.secret,
            external_dns_domains=_for_external_dns(settings),
        ),
        protected(settings, _NO_BALANCER, cloud),
    )
    if ingress.dns_records:
        DnsRecords(
            "dns",
            DnsRecordsArgs(service="cloud-dns", zones=zones, address=balancer.address, project=gke.project),
            protected(settings, _NO_RECORD, cloud),
        )
    return IngressOutputs(outputs={"loadBalancer": balancer.address})


def _local(settings: BaseSettings, addons: Addons | None) -> IngressOutputs:
    authority = SelfSignedCa(
        "ca",
        SelfSignedCaArgs(
            issuer=_issuer(settings),
            namespace=settings.ingress.cert_manager_namespace,
            after=addons.releases(CERT_MANAGER) if addons else (),
        ),
    )
    certificate = Certificate(
        "certificate",
        CertificateArgs(
            namespace=settings.gateway.namespace,
            secret=_secret(settings),
            domains=[app.domain for app in settings.apps],
            issuer=authority.issuer,
        ),
        protected(settings, _NO_CERTIFICATE),
    )
    return IngressOutputs(gateway_secret=certificate.secret, outputs={"caSecret": authority.secret})


# Called after the gateway, so that two base stacks in one cluster do not meet.
def _secret(settings: BaseSettings) -> str:
    return f"{settings.gateway.name}-tls"


def _issuer(settings: BaseSettings) -> str:
    return f"{settings.gateway.name}-issuer"


def _acme_issuer(settings: BaseSettings) -> str:
    """Name each authority's issuer otherwise: cert-manager issues again only for an issuer of another name."""
    server = settings.ingress.acme_server
    if server == LETS_ENCRYPT:
        return _issuer(settings)
    return f"{_issuer(settings)}-{hashlib.sha256(server.encode()).hexdigest()[:8]}"


def _once_up(addons: Addons | None, value: str, *names: str) -> pulumi.Input[str]:
    return addons.once_up(value, *names) if addons else value


def _for_external_dns(settings: BaseSettings) -> list[str]:
    return [app.domain for app in settings.apps] if EXTERNAL_DNS in settings.addons else []
