"""Wildcard DNS records: every host of every app leads to the load balancer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pulumi

_TTL = 60


@dataclass(frozen=True, kw_only=True)
class DnsRecordsArgs:
    """What the records need to know."""

    service: Literal["route53", "cloud-dns"]
    zones: Mapping[str, str]
    """Hosted zone id (Route 53) or zone name (Cloud DNS) by app domain."""
    address: pulumi.Input[str]
    """Host name (Route 53) or IP address (Cloud DNS) of the load balancer."""
    project: str = ""
    """Google project of the zones."""

    def __post_init__(self) -> None:
        """Refuse records for nothing, and records in no project."""
        if not self.zones:
            raise ValueError("zones: there would be no record; give every app's domain and its zone")
        if self.service == "cloud-dns" and not self.project:
            raise ValueError("project: Cloud DNS zones belong to a project; give it")


class DnsRecords(pulumi.ComponentResource):
    """One wildcard record per app.

    Type `branch-environments:base:DnsRecords`. Left out on purpose: the zones, which live longer than any cluster.
    """

    hosts: pulumi.Output[list[str]]
    """Wildcard hosts, known once their records exist."""

    def __init__(self, name: str, args: DnsRecordsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:base:DnsRecords", name, None, opts)
        make = self._route53 if args.service == "route53" else self._cloud_dns
        made = [make(f"{name}-{domain}", domain, zone, args) for domain, zone in sorted(args.zones.items())]
        self.hosts = pulumi.Output.all(*(each.urn for each in made)).apply(
            lambda _: [f"*.{domain}" for domain in sorted(args.zones)]
        )
        self.register_outputs({"hosts": self.hosts})

    def _route53(self, name: str, domain: str, zone: str, args: DnsRecordsArgs) -> pulumi.CustomResource:
        from pulumi_aws import route53

        return route53.Record(
            name,
            route53.RecordArgs(zone_id=zone, name=f"*.{domain}", type="CNAME", ttl=_TTL, records=[args.address]),
            pulumi.ResourceOptions(parent=self),
        )

    def _cloud_dns(self, name: str, domain: str, zone: str, args: DnsRecordsArgs) -> pulumi.CustomResource:
        from pulumi_gcp import dns

        return dns.RecordSet(
            name,
            dns.RecordSetArgs(
                project=args.project,
                managed_zone=zone,
                name=f"*.{domain}.",
                type="A",
                ttl=_TTL,
                rrdatas=[args.address],
            ),
            pulumi.ResourceOptions(parent=self),
        )
