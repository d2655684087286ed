"""Controllers that a cluster may lack, as Helm releases."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any

import pulumi

from components.app.mesh import SHARED_MESH_CONFIG


@dataclass(frozen=True, kw_only=True)
class Pin:
    """A chart, exactly."""

    chart: str
    version: str
    repository: str
    namespace: str
    after: tuple[str, ...] = ()
    """Releases that must be there first, and so go later."""


ISTIOD = "istiod"
ISTIO_CNI = "istio-cni"
_ISTIO = "https://blob.istio.io/istio-release/charts"
PINS: Mapping[str, Pin] = {
    "istio-base": Pin(chart="base", version="1.31.0", repository=_ISTIO, namespace="istio-system"),
    ISTIO_CNI: Pin(chart="cni", version="1.31.0", repository=_ISTIO, namespace="istio-system", after=("istio-base",)),
    ISTIOD: Pin(
        chart="istiod", version="1.31.0", repository=_ISTIO, namespace="istio-system", after=("istio-base", ISTIO_CNI)
    ),
    "istio-ingressgateway": Pin(
        chart="gateway", version="1.31.0", repository=_ISTIO, namespace="istio-system", after=(ISTIOD,)
    ),
    "cert-manager": Pin(
        chart="cert-manager", version="v1.21.2", repository="https://charts.jetstack.io", namespace="cert-manager"
    ),
    "aws-load-balancer-controller": Pin(
        chart="aws-load-balancer-controller",
        version="3.5.0",
        repository="https://aws.github.io/eks-charts",
        namespace="kube-system",
    ),
    "argo-cd": Pin(
        chart="argo-cd", version="10.9.2", repository="https://argoproj.github.io/argo-helm", namespace="argocd"
    ),
    "external-dns": Pin(
        chart="external-dns",
        version="1.21.1",
        repository="https://kubernetes-sigs.github.io/external-dns",
        namespace="external-dns",
    ),
}
"""Every chart this program installs, and the one place where versions are raised."""
OTHER_RELEASES = ("istio-base", ISTIO_CNI, "istio-ingressgateway")
"""Istio's, beside istiod."""


@dataclass(frozen=True, kw_only=True)
class AddonsArgs:
    """What the add-ons need to know."""

    values: Mapping[str, Mapping[str, Any]]
    """The releases to make, by their name in `PINS`, each with its values."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Other versions than the table's, by name."""
    repositories: Mapping[str, str] = field(default_factory=dict)
    """Other sources of charts than the table's, by name: a URL (https://, oci://), or the path of a folder."""

    def __post_init__(self) -> None:
        """Refuse what is in no table."""
        if unknown := sorted((set(self.values) | set(self.versions) | set(self.repositories)) - set(PINS)):
            raise ValueError(f"values: there is no add-on {unknown[0]}; known here: {', '.join(sorted(PINS))}")


class Addons(pulumi.ComponentResource):
    """Helm releases, each made after those it stands on and destroyed before them.

    Type `branch-environments:base:Addons`. Releases rather than rendered charts, because the engine then sees one
    resource whose end it can wait for: whatever depends on `ready` is made later and destroyed earlier, so a custom
    resource goes before its controller. CRDs stay when a release goes, as Helm leaves them: deleting one would delete
    every object of its kind, other people's too.
    """

    ready: pulumi.Output[list[str]]
    """Names of the releases, known once all of them are up."""

    def __init__(self, name: str, args: AddonsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:base:Addons", name, None, opts)
        # Imported here: most base stacks find their controllers installed.
        from pulumi_kubernetes.helm.v3 import Release, ReleaseArgs, RepositoryOptsArgs

        self._releases: dict[str, pulumi.Resource] = {}
        for addon in in_order(list(args.values)):
            pin = PINS[addon]
            source = chart_source(pin, args.repositories.get(addon), args.versions.get(addon))
            self._releases[addon] = Release(
                f"{name}-{addon}",
                ReleaseArgs(
                    name=addon,
                    chart=source.chart,
                    version=source.version,
                    namespace=pin.namespace,
                    create_namespace=True,
                    repository_opts=RepositoryOptsArgs(repo=source.repository) if source.repository else None,
                    values=dict(args.values[addon]),
                    # A half-installed controller is taken away again, so that the next `up` starts afresh.
                    atomic=True,
                    timeout=600,
                ),
                pulumi.ResourceOptions(
                    parent=self, depends_on=[self._releases[other] for other in pin.after if other in self._releases]
                ),
            )
        self.ready = pulumi.Output.all(*(each.urn for each in self._releases.values())).apply(
            lambda _: sorted(self._releases)
        )
        self.register_outputs({"ready": self.ready})

    def once_up(self, value: str, *names: str) -> pulumi.Output[str]:
        """Return a value that is known once these releases are up, as far as there are any of them.

        Whatever is made with it is made after them, and destroyed before them.
        """
        return pulumi.Output.all(*(each.urn for each in self.releases(*names))).apply(lambda _: value)

    def releases(self, *names: str) -> list[pulumi.Resource]:
        """Return these releases, as far as there are any of them, for what is to be made after them."""
        return [self._releases[name] for name in names if name in self._releases]


@dataclass(frozen=True, kw_only=True)
class ChartLocation:
    """Where a release's chart is, in Helm's words."""

    chart: str
    """Its name in a repository; or its path or URL as a whole."""
    version: str | None
    """None: a folder holds one version."""
    repository: str | None = None


def chart_source(pin: Pin, repository: str | None, version: str | None) -> ChartLocation:
    """Say where a pinned chart is found.

    Args:
        pin: the chart.
        repository: another place than the pin's: a URL (https://, oci://), or the path of a folder.
        version: another one than the pin's.
    """
    place = repository or pin.repository
    if place.startswith("/"):
        return ChartLocation(chart=f"{place.rstrip('/')}/{pin.chart}", version=None)
    if place.startswith("oci://"):
        # Helm knows no repository there, only charts.
        return ChartLocation(chart=f"{place.rstrip('/')}/{pin.chart}", version=version or pin.version)
    return ChartLocation(chart=pin.chart, version=version or pin.version, repository=place)


def in_order(names: Collection[str]) -> list[str]:
    """Put releases after those that they stand on, else by name."""
    wanted = sorted(set(names))
    order = TopologicalSorter({name: [other for other in PINS[name].after if other in wanted] for name in wanted})
    return [*order.static_order()]


# How many addresses the platform's load balancer adds to X-Forwarded-For. Those before them are the client's own words.
_TRUSTED_PROXIES = {"eks": 1, "gke": 2}


def istio_values(platform: str) -> dict[str, dict[str, Any]]:
    """Return the values of Istio's four releases.

    The CNI plugin does what a pod's own init container would need NET_ADMIN for, which Pod Security `baseline` refuses.
    Whatever apps have logins, istiod reads of them from the ConfigMap of this stack's own, beside its own mesh config.
    """
    on_platform = {"global": {"platform": platform}} if platform == "gke" else {}
    return {
        "istio-base": {},
        ISTIO_CNI: on_platform,
        "istiod": {
            **on_platform,
            "pilot": {
                "cni": {"enabled": True},
                "env": {
                    "SHARED_MESH_CONFIG": SHARED_MESH_CONFIG,
                    # Each app's login is a provider of its own.
                    "PILOT_ENABLE_MULTIPLE_CUSTOM_AUTHZ_PROVIDERS": "true",
                },
            },
            "meshConfig": {
                "defaultConfig": {"gatewayTopology": {"numTrustedProxies": _TRUSTED_PROXIES.get(platform, 0)}}
            },
        },
        # The load balancer is the Ingress'; the gateway needs none of its own.
        "istio-ingressgateway": {"service": {"type": "ClusterIP"}, "labels": {"istio": "ingressgateway"}},
    }


def cert_manager_values() -> dict[str, Any]:
    """Return cert-manager's values: its CRDs stay when it goes, or every certificate would go too."""
    return {"crds": {"enabled": True, "keep": True}}


def load_balancer_controller_values(*, cluster: str, region: str, vpc: str | None) -> dict[str, Any]:
    """Return AWS Load Balancer Controller's values: only what an Ingress of this project needs."""
    return {
        "clusterName": cluster,
        "region": region,
        "vpcId": vpc,
        # It would be asked about every Service of the cluster, and no branch could be made while it does not answer.
        "enableServiceMutatorWebhook": False,
        # Its role may not even look whether there are any.
        "enableShield": False,
        "enableWaf": False,
    }


def external_dns_values(*, owner: str, zones: Mapping[str, str]) -> dict[str, Any]:
    """Return external-dns' values.

    Args:
        owner: who the records belong to, among others that write in the same zones: the cluster.
        zones: domain -> id or name of the zones that it may touch.
    """
    return {
        "sources": ["ingress"],
        "policy": "sync",
        "triggerLoopOnEvent": True,
        # The zones' own: a zone above a filter would be left out.
        "domainFilters": sorted(zones),
        "txtOwnerId": owner,
        # The owner of *.<domain> stands in a record one label below <domain>, where branches are: none has this name.
        "txtPrefix": "_external-dns-",
        "extraArgs": [
            # Cloud DNS takes an asterisk only for the whole of a label.
            "--txt-wildcard-replacement=wildcard",
            *(f"--zone-id-filter={zone}" for zone in sorted(set(zones.values()))),
        ],
    }


def argo_cd_values() -> dict[str, Any]:
    """Return Argo CD's values: it tracks objects by annotation, so a branch's labels are never taken for main's."""
    return {"configs": {"cm": {"application.resourceTrackingMethod": "annotation"}}}
