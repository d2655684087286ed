"""How the cluster is reached."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from components.strict import Strict, broken
from stacks.settings.fields import CertificateArn, Domain, Name, WebAclArn

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"


def _wildcard(value: object) -> object:
    if isinstance(value, str) and not value.startswith("*."):
        raise broken("a branch's host is one label below its app's domain, so a wildcard covers it", f"write *.{value}")
    return value


class CertificateSettings(Strict):
    """A certificate of AWS Certificate Manager that is there already."""

    arn: CertificateArn = Field(
        examples=["arn:aws:acm:eu-west-1:123456789012:certificate/1234abcd-12ab-34cd-56ef-1234567890ab"]
    )
    """Its ARN, in the load balancer's region."""
    domains: tuple[Annotated[str, BeforeValidator(_wildcard)], ...] = Field(
        min_length=1, examples=[["*.shop.dev.example.com"]]
    )
    """The wildcards that it is for."""


class ZoneSettings(Strict):
    """A DNS zone."""

    domain: Domain = Field(examples=["dev.example.com"])
    """Domain that the zone holds. An app's record goes to the zone with the longest match."""
    zone: str = Field(pattern=r"^[A-Za-z0-9-]+$", examples=["Z0123456789ABCDEFGHIJ"])
    """Id of the Route 53 hosted zone, or name of the Cloud DNS zone."""


class IngressSettings(Strict):
    """The load balancer, its certificate and DNS records."""

    tls: bool | None = None
    """Local: whether the gateway serves HTTPS, with a certificate of the cluster's own CA. HTTP is then sent there.
    Elsewhere always."""
    zones: tuple[ZoneSettings, ...] = Field((), examples=[[{"domain": "dev.example.com", "zone": "Z0123456789"}]])
    """DNS zones of the apps' domains. They prove the certificate, and hold the wildcard records."""
    dns_records: bool = True
    """Whether this stack makes the wildcard records. Switch it off where external-dns or somebody else does."""
    scheme: Literal["internet-facing", "internal"] = "internet-facing"
    """EKS: who can reach the load balancer."""
    certificate: CertificateSettings | None = None
    """EKS: a certificate that is there already. Default: one is made, and proved in `zones`."""
    group_name: str | None = Field(None, pattern=r"^[a-z0-9]([a-z0-9-.]*[a-z0-9])?$", max_length=63)
    """EKS: shares the load balancer with other Ingresses of this group, which give the same scheme and web ACL."""
    waf_acl_arn: WebAclArn | None = None
    """EKS: web ACL of AWS WAF, in the load balancer's region."""
    acme_email: str | None = Field(None, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", examples=["platform@example.com"])
    """GKE: where Let's Encrypt writes when a certificate was not renewed. Platform gke needs it."""
    acme_server: str = Field(LETS_ENCRYPT, pattern=r"^https://")
    """GKE: the ACME authority."""
    cert_manager_namespace: Name = "cert-manager"
    """Where cert-manager runs, and keeps the secrets of ClusterIssuers."""
