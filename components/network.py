"""Who reaches an app's pods, and whom they reach: the NetworkPolicies of its namespace."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes.meta.v1 as meta
import pulumi_kubernetes.networking.v1 as networking

from components.labels import SLUG_LABEL, app_labels

NAMESPACE_LABEL = "kubernetes.io/metadata.name"
"""That Kubernetes itself puts on every namespace."""
_DNS_PORT = 53


@dataclass(frozen=True, kw_only=True)
class Peer:
    """Somebody on the other side: pods of a namespace, or addresses."""

    namespace: str = ""
    pods: Mapping[str, str] = field(default_factory=dict)
    """Labels of its pods; none for all of them."""
    cidr: str = ""
    """Addresses, instead of a namespace."""
    but: Sequence[str] = ()
    """Addresses among these that are not meant."""
    ports: Sequence[int] = ()
    """TCP; none for all ports of all protocols."""

    def __post_init__(self) -> None:
        """Refuse a peer that is nobody, or everybody."""
        if bool(self.namespace) == bool(self.cidr):
            raise ValueError("peer: it is either pods of a namespace or addresses; give namespace or cidr")


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """What the policies need to know."""

    app: str
    namespace: pulumi.Input[str]
    gateway: Peer
    inbound: Sequence[Peer] = ()
    """Who else may reach the pods."""
    outbound: Sequence[Peer] | None = None
    """Whom branches' pods may reach beside their own branch. None: anybody."""
    dns: Sequence[Peer] = ()
    """Where names are asked for; only of meaning beside `outbound`."""
    reach_main: bool = False
    """Whether branches' pods may reach main's."""


class Network(pulumi.ComponentResource):
    """Two NetworkPolicies: one for all pods of all branches, one for main's.

    Type `branch-environments:base:Network`. Nobody but the gateway reaches a branch's pods; that the pods of one branch
    reach each other is for its own stack to say (`branch_network.py`), as no policy can mean "of the same branch". Left
    out on purpose: main's outbound requests. Whether policies are kept at all is the cluster's CNI's.
    """

    namespace: pulumi.Output[str]
    """The namespace, known once its pods are guarded."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:base:Network", name, None, opts)
        made = [
            networking.NetworkPolicy(
                f"{name}-{whose}-network-policy",
                metadata=meta.ObjectMetaArgs(
                    name=f"{args.app}-{whose}", namespace=args.namespace, labels=app_labels(args.app)
                ),
                spec=spec,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for whose, spec in (("branches", branches_spec(args)), ("main", main_spec(args)))
        ]
        self.namespace = pulumi.Output.all(*(each.metadata.namespace for each in made)).apply(
            lambda known: str(known[0])
        )
        self.register_outputs({"namespace": self.namespace})


def branches_spec(args: NetworkArgs) -> networking.NetworkPolicySpecArgs:
    """Guard the pods of all branches, the ones that another pod may pretend to be included."""
    limited = args.outbound is not None
    return networking.NetworkPolicySpecArgs(
        pod_selector=_of_branches("Exists"),
        policy_types=["Ingress", "Egress"] if limited else ["Ingress"],
        ingress=[_inbound(peer) for peer in (args.gateway, *args.inbound)],
        egress=[*(_outbound(peer) for peer in args.outbound or ()), _dns(args.dns)] if limited else None,
    )


def main_spec(args: NetworkArgs) -> networking.NetworkPolicySpecArgs:
    """Guard the pods that belong to no branch, from those that do."""
    beside = [networking.NetworkPolicyPeerArgs(pod_selector=_of_branches("DoesNotExist"))]
    if args.reach_main:
        beside = [networking.NetworkPolicyPeerArgs(pod_selector=meta.LabelSelectorArgs())]
    return networking.NetworkPolicySpecArgs(
        pod_selector=_of_branches("DoesNotExist"),
        policy_types=["Ingress"],
        ingress=[
            *(_inbound(peer) for peer in (args.gateway, *args.inbound)),
            networking.NetworkPolicyIngressRuleArgs(from_=beside),
        ],
    )


def _of_branches(operator: str) -> meta.LabelSelectorArgs:
    return meta.LabelSelectorArgs(
        match_expressions=[meta.LabelSelectorRequirementArgs(key=SLUG_LABEL, operator=operator)]
    )


def _inbound(peer: Peer) -> networking.NetworkPolicyIngressRuleArgs:
    return networking.NetworkPolicyIngressRuleArgs(from_=[_peer(peer)], ports=_ports(peer.ports))


def _outbound(peer: Peer) -> networking.NetworkPolicyEgressRuleArgs:
    return networking.NetworkPolicyEgressRuleArgs(to=[_peer(peer)], ports=_ports(peer.ports))


def _dns(peers: Sequence[Peer]) -> networking.NetworkPolicyEgressRuleArgs:
    ports = [networking.NetworkPolicyPortArgs(port=_DNS_PORT, protocol=protocol) for protocol in ("UDP", "TCP")]
    return networking.NetworkPolicyEgressRuleArgs(to=[_peer(peer) for peer in peers], ports=ports)


def _peer(peer: Peer) -> networking.NetworkPolicyPeerArgs:
    if peer.cidr:
        block = networking.IPBlockArgs(cidr=peer.cidr, except_=list(peer.but) or None)
        return networking.NetworkPolicyPeerArgs(ip_block=block)
    return networking.NetworkPolicyPeerArgs(
        namespace_selector=meta.LabelSelectorArgs(match_labels={NAMESPACE_LABEL: peer.namespace}),
        pod_selector=meta.LabelSelectorArgs(match_labels=dict(peer.pods)) if peer.pods else None,
    )


def _ports(ports: Sequence[int]) -> list[networking.NetworkPolicyPortArgs] | None:
    return [networking.NetworkPolicyPortArgs(port=port, protocol="TCP") for port in ports] or None
