"""ValidatingAdmissionPolicy for how long what `isolation.kinds` adds lives: as long as its branch."""

from collections.abc import Collection

from components.admission.policy import SLUG_VARIABLES, Policy, Rule, texts
from core.kinds import GROUPS, Kind

# Set by the API server and by Kubernetes' own controllers.
_FINALIZERS = ("kubernetes.io/pvc-protection", "batch.kubernetes.io/job-tracking", "foregroundDeletion", "orphan")


def lifetime_policy(kinds: Collection[Kind]) -> Policy:
    """Return the policy.

    A branch ends when its anchor is deleted, and Kubernetes deletes what that owns. The sweep finds Deployments and
    pods that have lost theirs by their labels, but asks for no CronJob that goes on making pods, and for no volume.

    Args:
        kinds: that branches may make beside what every branch is made of.
    """
    return Policy(
        name="lifetime",
        groups=tuple(sorted({GROUPS[kind] for kind in kinds})),
        resources=tuple(sorted(f"{kind.lower()}s" for kind in kinds)),
        operations=("CREATE", "UPDATE"),
        variables={
            **SLUG_VARIABLES,
            "owners": "object.metadata.?ownerReferences.orValue([])",
            "kept": f'{texts(_FINALIZERS)} + (request.operation == "UPDATE" ? '
            "oldObject.metadata.?finalizers.orValue([]) : [])",
        },
        rules=(
            Rule(
                name="owner",
                holds="""
size(variables.owners) > 0 && variables.owners.all(o,
  o.apiVersion == "v1" && o.kind == "ConfigMap" && o.name == variables.stem
)
""",
                because='request.kind.kind + " " + object.metadata.name + " is owned by the ConfigMap " + '
                'variables.stem + ", the branch\'s anchor, and by nothing else: it goes when the branch goes"',
                fix="deploy with pulumi up of the branch's stack, which sets ownerReferences; take a chart's own out",
            ),
            Rule(
                name="finalizers",
                holds="object.metadata.?finalizers.orValue([]).all(f, f in variables.kept)",
                because='request.kind.kind + " " + object.metadata.name + " has finalizers, and would stay when the '
                'branch goes"',
                fix="take metadata.finalizers out",
            ),
        ),
    )
