"""ValidatingAdmissionPolicies for what a branch says of its own network: it selects the branch's own pods alone."""

import json

from components.admission.policy import SLUG_VARIABLES, Policy, Rule
from core.labels import SLUG_LABEL


def network_policy_policy() -> Policy:
    """Return the policy for NetworkPolicies."""

    def within(direction: str, others: str) -> str:
        # A rule that names nobody means everybody.
        return (
            f"object.spec.?{direction}.orValue([]).all(r, size(r.?{others}.orValue([])) > 0 && r.{others}.all(p, "
            f"!has(p.namespaceSelector) && !has(p.ipBlock) && {_own('p.?podSelector.?matchLabels')}))"
        )

    return Policy(
        name="network-policies",
        groups=("networking.k8s.io",),
        resources=("networkpolicies",),
        operations=("CREATE", "UPDATE"),
        variables=SLUG_VARIABLES,
        rules=(
            Rule(
                name="network-policy",
                holds=f"{_own('object.spec.?podSelector.?matchLabels')} && {within('ingress', 'from')} && "
                f"{within('egress', 'to')}",
                because='"a branch\'s NetworkPolicy is for its own pods, and lets them reach nobody but each other"',
                fix=f"select pods by {SLUG_LABEL}, with the slug; others are let in by the platform team "
                "(isolation.network of the app)",
            ),
        ),
    )


def sidecar_policy() -> Policy:
    """Return the policy for Sidecars."""
    return Policy(
        name="sidecars",
        groups=("networking.istio.io",),
        resources=("sidecars",),
        operations=("CREATE", "UPDATE"),
        variables=SLUG_VARIABLES,
        rules=(
            Rule(
                name="sidecar",
                holds=f"{_own('object.spec.?workloadSelector.?labels')} && !has(object.spec.ingress)",
                because='"a branch\'s Sidecar is for its own proxies, and changes nothing of how they are reached"',
                fix=f"select workloads by {SLUG_LABEL}, with the slug, and leave ingress out",
            ),
        ),
    )


def authorization_policy_policy() -> Policy:
    """Return the policy for AuthorizationPolicies."""
    return Policy(
        name="authorization-policies",
        groups=("security.istio.io",),
        resources=("authorizationpolicies",),
        operations=("CREATE", "UPDATE"),
        variables=SLUG_VARIABLES,
        rules=(
            Rule(
                name="authorization-policy",
                holds=f"{_own('object.spec.?selector.?matchLabels')} && "
                "size(object.spec.?targetRefs.orValue([])) == 0 && !has(object.spec.targetRef)",
                because='"a branch\'s AuthorizationPolicy is for its own pods"',
                fix=f"select pods by {SLUG_LABEL}, with the slug, and leave targetRefs out",
            ),
        ),
    )


def _own(labels: str) -> str:
    return f'{labels}[?{json.dumps(SLUG_LABEL)}].orValue("") == variables.slug'
