"""ValidatingAdmissionPolicies for what says how many pods a branch's workloads have."""

from components.admission.policy import SLUG_VARIABLES, Policy, Rule, text
from core.labels import INSTANCE_LABEL, SLUG_LABEL


def autoscalers_policy(*, max_replicas: int, chart_names: bool) -> Policy:
    """Return the policy for HorizontalPodAutoscalers.

    Args:
        max_replicas: pods that one workload may have.
        chart_names: whether `<slug>-<rest>` is a name of the slug's, too.
    """
    separator = "-" if chart_names else "--"
    return Policy(
        name="autoscalers",
        groups=("autoscaling",),
        resources=("horizontalpodautoscalers",),
        operations=("CREATE", "UPDATE"),
        variables={**SLUG_VARIABLES, "scaled": "object.spec.scaleTargetRef.name"},
        rules=(
            Rule(
                name="scale-target",
                holds="variables.scaled == variables.stem || "
                f"variables.scaled.startsWith(variables.stem + {text(separator)})",
                because='"a HorizontalPodAutoscaler scales a workload of its own branch, not " + variables.scaled',
                fix="write the workload's name in scaleTargetRef.name",
            ),
            Rule(
                name="scale-limit",
                holds=f"object.spec.maxReplicas <= {max_replicas}",
                because=f'"a workload has at most {max_replicas} pods at a time, not " + '
                "string(object.spec.maxReplicas)",
                fix="lower maxReplicas, or let the platform team raise isolation.maxReplicas of the app",
            ),
        ),
    )


def disruption_budgets_policy() -> Policy:
    """Return the policy for PodDisruptionBudgets."""
    labels = "object.spec.?selector.?matchLabels"
    return Policy(
        name="disruption-budgets",
        groups=("policy",),
        resources=("poddisruptionbudgets",),
        operations=("CREATE", "UPDATE"),
        variables=SLUG_VARIABLES,
        rules=(
            Rule(
                name="budget-selector",
                holds=f'{labels}[?{text(INSTANCE_LABEL)}].orValue("") in [variables.slug, variables.stem]'
                f' || {labels}[?{text(SLUG_LABEL)}].orValue("") == variables.slug',
                because="\"a branch's PodDisruptionBudget selects the branch's own pods\" + "
                '", as it would keep the nodes of others from being emptied"',
                fix=f"select by {INSTANCE_LABEL} or {SLUG_LABEL} in matchLabels, with the slug",
            ),
        ),
    )
