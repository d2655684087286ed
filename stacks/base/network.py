"""Places what keeps an app's pods apart from others: NetworkPolicies, and its part of the mesh."""

from collections.abc import Iterator, Sequence

import pulumi

from components.addons import ISTIOD, Addons
from components.admission.network_policies import authorization_policy_policy, network_policy_policy, sidecar_policy
from components.admission.policy import Policy
from components.app.mesh import CONTROL_PLANE_PORT, Mesh, MeshArgs
from components.app.network_policies import Network, NetworkArgs, Peer
from components.sidecar import ISTIO_NAMESPACE, principal
from stacks.settings.base import AppSettings, BaseSettings
from stacks.settings.network import PeerSettings

# Where pods ask for their cloud identity's credentials. EKS Pod Identity's agent, and GKE's metadata server with and
# without Dataplane V2; IRSA asks STS, which has no address of its own.
_CREDENTIALS = {
    "pod-identity": [Peer(cidr="169.254.170.23/32", ports=[80])],
    "workload-identity": [
        Peer(cidr="169.254.169.252/32", ports=[987, 988]),
        Peer(cidr="169.254.169.254/32", ports=[80]),
    ],
}

# GKE's Cloud DNS answers pods there: no pod, so no selector finds it.
_CLOUD_DNS = Peer(cidr="169.254.169.254/32")


def network_rules(settings: BaseSettings, app: AppSettings) -> list[Policy]:
    """Return the policies for what an app's branches open for themselves: nothing, in namespaces of their own."""
    if app.isolation.namespace_per_branch:
        return []
    policies = [network_policy_policy()] if app.isolation.network.policies else []
    policies += [sidecar_policy()] if settings.has_sidecars else []
    return [*policies, *([authorization_policy_policy()] if callers(settings, app) else [])]


def place_network(
    settings: BaseSettings, app: AppSettings, namespace: pulumi.Output[str], addons: Addons | None
) -> None:
    """Place one app's boundaries in the network."""
    mesh = app.isolation.mesh
    if app.isolation.network.policies:
        Network(app.name, network_args(settings, app, namespace))
    if settings.has_sidecars:
        # Istio's webhook looks at what is of its kinds, so it must answer.
        istio = pulumi.ResourceOptions(depends_on=addons.releases(ISTIOD) if addons else [])
        Mesh(app.name, MeshArgs(app=app.name, namespace=namespace, mtls=mesh.mtls, hosts=mesh.hosts), istio)


def calling_namespaces(settings: BaseSettings, app: AppSettings) -> list[str]:
    """Return whom NetworkPolicies let in, as certificates name them; nobody where none are asked for."""
    network = app.isolation.network
    if not (settings.has_sidecars and network.policies and app.isolation.mesh.mtls == "strict"):
        return []
    return sorted({settings.gateway.namespace, *(each.namespace for each in network.ingress if each.namespace)})


def callers(settings: BaseSettings, app: AppSettings) -> list[str]:
    """Return who may call a branch's pods beside these themselves; nobody where branches are one identity."""
    if not app.identity.per_branch:
        return []
    namespaces = calling_namespaces(settings, app)
    # Pods of any branch may run as these.
    shared = [principal(app.namespace, each) for each in app.isolation.service_accounts] if namespaces else []
    return [*map(principal, namespaces), *shared]


def network_args(settings: BaseSettings, app: AppSettings, namespace: pulumi.Input[str]) -> NetworkArgs:
    """Say who reaches the pods of a namespace, and whom they reach."""
    network = app.isolation.network
    return NetworkArgs(
        app=app.name,
        namespace=namespace,
        gateway=Peer(namespace=settings.gateway.namespace, pods={"istio": settings.gateway.istio_label}),
        ingress=_peers(network.ingress),
        egress=None if network.egress is None else [*_peers(network.egress), *_needed(settings, app)],
        dns=[*_peers(network.dns), *_more_dns(settings, app)],
        reach_main=network.reach_main,
        branch_namespaces=app.isolation.namespace_per_branch,
    )


def _more_dns(settings: BaseSettings, app: AppSettings) -> list[Peer]:
    """Return whom pods of this platform ask for names as well, unless somebody has said whom they ask."""
    return [_CLOUD_DNS] if settings.gke and "dns" not in app.isolation.network.model_fields_set else []


def _needed(settings: BaseSettings, app: AppSettings) -> Iterator[Peer]:
    """Return whom pods must reach to work at all, whatever the app calls."""
    yield from _CREDENTIALS.get(app.identity.kind, ())
    if settings.has_sidecars:
        yield Peer(namespace=ISTIO_NAMESPACE, ports=[CONTROL_PLANE_PORT])


def _peers(given: Sequence[PeerSettings]) -> list[Peer]:
    return [
        Peer(
            namespace=each.namespace or "", pods=each.pods, cidr=each.cidr or "", except_=each.except_, ports=each.ports
        )
        for each in given
    ]
