"""Places the controllers that the cluster lacks."""

from collections.abc import Mapping
from typing import Any

import pulumi

from components.addons import (
    ISTIO_CNI,
    ISTIOD,
    PINS,
    Addons,
    AddonsArgs,
    argo_cd_values,
    cert_manager_values,
    external_dns_values,
    istio_values,
    load_balancer_controller_values,
)
from components.identity.aws_iam import external_dns_policy, load_balancer_policy, partition_of
from components.identity.names import role_name
from components.identity.workload_identity import AwsRole, GooglePrincipal, WorkloadIdentity, WorkloadIdentityArgs
from stacks.base.checks.between_keys import zones_of
from stacks.base.identity import irsa
from stacks.settings.addons import AddonSettings
from stacks.settings.base import BaseSettings
from stacks.settings.cluster import EksSettings, GkeSettings

GATEWAY = "istio-ingressgateway"
LOAD_BALANCER_CONTROLLER = "aws-load-balancer-controller"
EXTERNAL_DNS = "external-dns"
DNS_ADMIN = "roles/dns.admin"


def place_addons(settings: BaseSettings, cloud: pulumi.ResourceOptions) -> Addons | None:
    """Make the add-ons and their identities, if there are any."""
    if not settings.addons:
        return None
    own: dict[str, dict[str, Any]] = {}
    versions: dict[str, str] = {}
    repositories: dict[str, str] = {}
    for name, addon in sorted(settings.addons.items()):
        values = _values(settings, name, cloud)
        over = values_given(name, addon)
        own |= {release: merged(values[release], over.get(release, {})) for release in values}
        versions |= {each: addon.version for each in values if addon.version}
        repositories |= {each: addon.repository for each in values if addon.repository}
    return Addons("addons", AddonsArgs(values=own, versions=versions, repositories=repositories))


def values_given(name: str, addon: AddonSettings) -> dict[str, Mapping[str, Any]]:
    """Return the values that somebody has given to an add-on, by release."""
    if name != "istio":
        return {name: addon.values}
    shared = {"global": addon.values["global"]} if "global" in addon.values else {}
    own = addon.release_values
    # Both start containers of Istio's images; the gateway's image is injected.
    return {**own, ISTIOD: addon.values, ISTIO_CNI: merged(shared, own.get(ISTIO_CNI, {}))}


def merged(own: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Put one mapping over another, part by part; neither is touched."""
    both = {
        key: merged(own[key], value) if isinstance(value, Mapping) and isinstance(own.get(key), Mapping) else value
        for key, value in over.items()
    }
    return {**own, **both}


def _values(settings: BaseSettings, name: str, cloud: pulumi.ResourceOptions) -> dict[str, dict[str, Any]]:
    """Return the values of each release that an add-on is made of."""
    if name == "istio":
        return istio_values(settings.platform)
    if name == LOAD_BALANCER_CONTROLLER and settings.eks:
        return {name: _load_balancer_controller(settings.eks, cloud)}
    if name == EXTERNAL_DNS:
        return {name: _external_dns(settings, cloud)}
    return {name: cert_manager_values() if name == "cert-manager" else argo_cd_values()}


def _load_balancer_controller(eks: EksSettings, cloud: pulumi.ResourceOptions) -> dict[str, Any]:
    policy = load_balancer_policy(partition=partition_of(eks.region), cluster=eks.cluster_name)
    identity = _aws_identity(eks, LOAD_BALANCER_CONTROLLER, policy, cloud)
    return {
        **load_balancer_controller_values(cluster=eks.cluster_name, region=eks.region, vpc=eks.vpc_id),
        "serviceAccount": _service_account(LOAD_BALANCER_CONTROLLER, identity),
    }


def _external_dns(settings: BaseSettings, cloud: pulumi.ResourceOptions) -> dict[str, Any]:
    zones = zones_of(settings)
    domains = {each.domain: each.zone for each in settings.ingress.zones if each.zone in zones.values()}
    if settings.eks:
        policy = external_dns_policy(partition=partition_of(settings.eks.region), zones=list(zones.values()))
        identity = _aws_identity(settings.eks, EXTERNAL_DNS, policy, cloud)
        return {
            **external_dns_values(owner=settings.eks.cluster_name, zones=domains),
            "provider": {"name": "aws"},
            "serviceAccount": _service_account(EXTERNAL_DNS, identity),
        }
    if settings.gke is None:
        raise RuntimeError("external-dns without a cloud: a check let it through")
    identity = dns_writer(settings.gke, EXTERNAL_DNS, PINS[EXTERNAL_DNS].namespace, zones, cloud, lists=True)
    values = external_dns_values(owner=settings.gke.cluster_name, zones=domains)
    return {
        **values,
        "provider": {"name": "google"},
        "extraArgs": [*values["extraArgs"], f"--google-project={settings.gke.project}"],
        "serviceAccount": _service_account(EXTERNAL_DNS, identity),
    }


def _service_account(name: str, identity: WorkloadIdentity) -> dict[str, Any]:
    return {"create": True, "name": name, "annotations": identity.annotations}


def _aws_identity(
    eks: EksSettings, name: str, policy: Mapping[str, Any], cloud: pulumi.ResourceOptions
) -> WorkloadIdentity:
    role = AwsRole(name=role_name(eks.cluster_name, f"addon--{name}"), inline_policies={name: policy})
    return WorkloadIdentity(
        # An app has no dot in its name, so none can be called so.
        f"addon.{name}",
        WorkloadIdentityArgs(namespace=PINS[name].namespace, service_account=name, grant=irsa(eks, role)),
        cloud,
    )


def dns_writer(
    gke: GkeSettings,
    name: str,
    namespace: str,
    zones: Mapping[str, str],
    cloud: pulumi.ResourceOptions,
    *,
    lists: bool = False,
) -> WorkloadIdentity:
    """Grant a controller writing in these Cloud DNS zones alone, and listing zones if it needs that."""
    return WorkloadIdentity(
        f"addon.{name}",
        WorkloadIdentityArgs(
            namespace=namespace,
            service_account=name,
            grant=GooglePrincipal(
                project=gke.project,
                project_number=gke.project_number,
                project_roles=["roles/dns.reader"] if lists else [],
                zone_roles=dict.fromkeys(zones.values(), DNS_ADMIN),
            ),
        ),
        cloud,
    )
