"""Who reaches an app's pods, and whom they reach: the NetworkPolicies of its namespace."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_kubernetes.meta.v1 as meta
from pulumi_kubernetes.apiextensions import CustomResource

from core.api_versions import NETWORKING
from core.labels import APP_LABEL, SLUG_LABEL, app_labels

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
    except_: Sequence[str] = ()
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
    ingress: Sequence[Peer] = ()
    """Who else may reach the pods."""
    egress: Sequence[Peer] | None = None
    """Whom branches' pods may reach beside their own branch. None: anybody."""
    dns: Sequence[Peer] = ()
    """Where names are asked for; only of meaning beside `egress`."""
    reach_main: bool = False
    """Whether branches' pods may reach main's."""
    branch_namespaces: bool = False
    """Whether each branch has a namespace of its own."""


class Network(pulumi.ComponentResource):
    """Two NetworkPolicies: one for all pods of all branches that are here, one for main's.

    Type `branch-environments:base:Network`. Nobody but the gateway reaches a branch's pods; that the pods of one branch
    reach each other is for its own stack to say (`components/branch/network.py`), as no policy can mean "of the same
    branch". Left out on purpose: main's outbound requests. Whether policies are kept at all is the cluster's CNI's.
    """

    namespace: pulumi.Output[str]
    """The namespace, known once its pods are guarded."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:base:Network", name, None, opts)
        made = [
            CustomResource(
                f"{name}-{whose}-network-policy",
                api_version=NETWORKING,
                kind="NetworkPolicy",
                metadata=meta.ObjectMetaArgs(
                    name=f"{args.app}-{whose}", namespace=args.namespace, labels=app_labels(args.app)
                ),
                spec=spec,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for whose, spec in (("branches", branches_spec(args)), ("main", main_spec(args)))
        ]
        self.namespace = pulumi.Output.all(args.namespace, *(each.urn for each in made)).apply(
            lambda known: str(known[0])
        )
        self.register_outputs({"namespace": self.namespace})


def branches_spec(args: NetworkArgs) -> dict[str, Any]:
    """Guard the pods of all branches, the ones that another pod may pretend to be included."""
    return _branches(args, _of_branches("Exists"), [])


def branch_namespace_spec(args: NetworkArgs) -> dict[str, Any]:
    """Guard the pods of a branch that has a namespace for itself: there they reach each other as well."""
    return _branches(args, {}, [{"podSelector": {}}])


def main_spec(args: NetworkArgs) -> dict[str, Any]:
    """Guard the pods that belong to no branch, from those that do."""
    beside: list[dict[str, Any]] = [{"podSelector": {} if args.reach_main else _of_branches("DoesNotExist")}]
    if args.reach_main and args.branch_namespaces:
        beside.append({"namespaceSelector": {"matchLabels": {APP_LABEL: args.app}}})
    return {
        "podSelector": _of_branches("DoesNotExist"),
        "policyTypes": ["Ingress"],
        "ingress": [*(_rule("from", peer) for peer in (args.gateway, *args.ingress)), {"from": beside}],
    }


def _branches(args: NetworkArgs, pods: dict[str, Any], each_other: list[dict[str, Any]]) -> dict[str, Any]:
    spec = {
        "podSelector": pods,
        "policyTypes": ["Ingress"],
        "ingress": [
            *(_rule("from", peer) for peer in (args.gateway, *args.ingress)),
            *([{"from": each_other}] if each_other else []),
        ],
    }
    if args.egress is None:
        return spec
    return {
        **spec,
        "policyTypes": ["Ingress", "Egress"],
        "egress": [
            *(_rule("to", peer) for peer in args.egress),
            *([{"to": each_other}] if each_other else []),
            {"to": [_peer(peer) for peer in args.dns], "ports": [_port(_DNS_PORT, "UDP"), _port(_DNS_PORT, "TCP")]},
        ],
    }


def _of_branches(operator: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": SLUG_LABEL, "operator": operator}]}


def _rule(direction: str, peer: Peer) -> dict[str, Any]:
    ports = {"ports": [_port(port, "TCP") for port in peer.ports]} if peer.ports else {}
    return {direction: [_peer(peer)], **ports}


def _port(port: int, protocol: str) -> dict[str, Any]:
    return {"port": port, "protocol": protocol}


def _peer(peer: Peer) -> dict[str, Any]:
    if peer.cidr:
        return {"ipBlock": {"cidr": peer.cidr, **({"except": list(peer.except_)} if peer.except_ else {})}}
    pods = {"podSelector": {"matchLabels": dict(peer.pods)}} if peer.pods else {}
    return {"namespaceSelector": {"matchLabels": {NAMESPACE_LABEL: peer.namespace}}, **pods}
