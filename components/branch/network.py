"""What one branch environment adds to the boundaries of its namespace: its own pods reach, and know, each other."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from components.kubernetes_object import KubernetesObject
from components.sidecar import callers_spec, principal, sidecar_spec
from core.api_versions import ISTIO_NETWORKING, ISTIO_SECURITY, NETWORKING
from core.contract import Isolation


def open_within(
    name: str,
    boundaries: Isolation,
    *,
    own: Mapping[str, str],
    metadata: Mapping[str, Any],
    services: Sequence[str],
    opts: pulumi.ResourceOptions,
) -> None:
    """Make the objects by which a branch's pods reach each other, as far as there are boundaries.

    Args:
        name: logical name of the component.
        boundaries: what there is to open.
        own: labels that the branch's pods alone have.
        metadata: of these objects.
        services: names of the branch's Services.
        opts: with the parent.
    """
    if boundaries.network_policies:
        spec = network_policy_spec(own, egress_limited=boundaries.egress_limited)
        policy = {"apiVersion": NETWORKING, "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}
        KubernetesObject(f"{name}-network-policy", policy, opts)
    if boundaries.sidecars:
        spec = branch_sidecar_spec(own, metadata["namespace"], services, hosts=boundaries.mesh_hosts)
        sidecar = {"apiVersion": ISTIO_NETWORKING, "kind": "Sidecar", "metadata": metadata, "spec": spec}
        KubernetesObject(f"{name}-sidecar", sidecar, opts)

    if boundaries.mesh_callers:
        # Its ServiceAccount is called so, where it has one of its own: only then is anybody told apart.
        own_pods = principal(metadata["namespace"], metadata["name"])
        spec = {"selector": {"matchLabels": dict(own)}}
        spec |= callers_spec(principals=[own_pods, *boundaries.mesh_callers])
        answers = {"apiVersion": ISTIO_SECURITY, "kind": "AuthorizationPolicy", "metadata": metadata, "spec": spec}
        KubernetesObject(f"{name}-authorization-policy", answers, opts)


def branch_sidecar_spec(
    own: Mapping[str, str], namespace: str, services: Sequence[str], *, hosts: Sequence[str]
) -> dict[str, Any]:
    """Tell the proxies of pods with these labels of their own Services alone, however many branches there are."""
    known = [f"./{service}.{namespace}.svc.cluster.local" for service in sorted(services)]
    return {"workloadSelector": {"labels": dict(own)}, **sidecar_spec(known, hosts=hosts)}


def network_policy_spec(own: Mapping[str, str], *, egress_limited: bool) -> dict[str, Any]:
    """Let the pods with these labels reach each other, in whatever directions the base stack has closed."""
    selector = {"matchLabels": dict(own)}
    peers = [{"podSelector": selector}]
    return {
        "podSelector": selector,
        "policyTypes": ["Ingress", "Egress"] if egress_limited else ["Ingress"],
        "ingress": [{"from": peers}],
        **({"egress": [{"to": peers}]} if egress_limited else {}),
    }
