"""A wildcard certificate from AWS Certificate Manager, proved by a record in Route 53."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pulumi

from components.ingress.certificate import wildcards


@dataclass(frozen=True, kw_only=True)
class AcmCertificateArgs:
    """What the certificate needs to know."""

    domain: str
    """Of the app."""
    zone: str
    """Id of the hosted zone that holds it."""

    def __post_init__(self) -> None:
        """Refuse a certificate that could not be proved."""
        if not self.domain or not self.zone:
            raise ValueError("zone: without a hosted zone no domain can be proved; give the app's domain and its zone")


class AcmCertificate(pulumi.ComponentResource):
    """A certificate for all hosts of one app, which ACM renews as long as the record stays.

    Type `branch-environments:base:AcmCertificate`. One per app, as the names of a certificate cannot change: a new app
    would replace one that has all of them. `pulumi up` waits until it is issued. Left out on purpose: certificates
    that somebody else made, which the Ingress takes by ARN.
    """

    arn: pulumi.Output[str]
    """ARN, known once the certificate is issued."""

    def __init__(self, name: str, args: AcmCertificateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:base:AcmCertificate", name, None, opts)
        from pulumi_aws import acm, route53

        child = pulumi.ResourceOptions(parent=self)
        (host,) = wildcards([args.domain])
        certificate = acm.Certificate(
            f"{name}-certificate", acm.CertificateArgs(domain_name=host, validation_method="DNS"), child
        )
        proof = certificate.domain_validation_options.apply(partial(proof_of, domain=args.domain))
        record = route53.Record(
            f"{name}-proof",
            route53.RecordArgs(
                zone_id=args.zone,
                name=proof.apply(lambda record: record["name"]),
                type=proof.apply(lambda record: record["type"]),
                records=[proof.apply(lambda record: record["value"])],
                ttl=300,
                # The proof of a name is the same for every certificate of the account.
                allow_overwrite=True,
            ),
            child,
        )
        issued = acm.CertificateValidation(
            f"{name}-issued",
            acm.CertificateValidationArgs(certificate_arn=certificate.arn, validation_record_fqdns=[record.fqdn]),
            child,
        )
        self.arn = issued.certificate_arn
        self.register_outputs({"arn": self.arn})


def proof_of(options: Sequence[Any], *, domain: str) -> dict[str, str]:
    """Find the record that proves a domain's wildcard among those that ACM asks for, in whatever order.

    Raises:
        ValueError: ACM did not ask for one.
    """
    for option in options:
        if option.domain_name == f"*.{domain}":
            return {
                "name": option.resource_record_name,
                "type": option.resource_record_type,
                "value": option.resource_record_value,
            }
    raise ValueError(f"domain: ACM asked for no proof of *.{domain}; look at the certificate in the AWS console")
