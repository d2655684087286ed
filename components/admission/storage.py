"""ValidatingAdmissionPolicies for what keeps something: volume claims and Secrets."""

from components.admission.policy import Policy, Rule, texts

_TOKENS = ("kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token")


def claim_templates_policy() -> Policy:
    """Return the policy for StatefulSets where branches make no volume claims.

    The claims of a StatefulSet are made by its controller, which needs no right of the deployer's, and stay when it is
    deleted.
    """
    return Policy(
        name="claim-templates",
        groups=("apps",),
        resources=("statefulsets",),
        operations=("CREATE", "UPDATE"),
        variables={},
        rules=(
            Rule(
                name="claim-templates",
                holds="size(object.spec.?volumeClaimTemplates.orValue([])) == 0",
                because='"a StatefulSet of a branch has no volumeClaimTemplates: their volumes would outlive it"',
                fix="use an emptyDir, or let the platform team set isolation.namespacePerBranch of the app and add "
                "PersistentVolumeClaim to isolation.kinds",
            ),
        ),
    )


def claims_policy() -> Policy:
    """Return the policy for PersistentVolumeClaims, which are in a branch's own namespace."""
    return Policy(
        name="claims",
        groups=("",),
        resources=("persistentvolumeclaims",),
        operations=("CREATE", "UPDATE"),
        variables={
            "before": "request.operation == 'CREATE' ? '' : oldObject.spec.?volumeName.orValue('')",
        },
        rules=(
            Rule(
                name="claim-volume",
                # Once a volume was made for it, its name stands there.
                holds='object.spec.?volumeName.orValue("") == variables.before && '
                '(request.operation != "CREATE" || !has(object.spec.selector))',
                because='"a claim of a branch gets a new volume: one that is there may hold data of others"',
                fix="take volumeName and selector out of the claim",
            ),
        ),
    )


def secrets_policy() -> Policy:
    """Return the policy for Secrets, which are in a branch's own namespace."""
    return Policy(
        name="secrets",
        groups=("",),
        resources=("secrets",),
        operations=("CREATE", "UPDATE"),
        variables={},
        rules=(
            Rule(
                name="secret-type",
                holds=f'!(object.?type.orValue("Opaque") in {texts(_TOKENS)})',
                because='"a Secret of type " + object.type + " is a way into the cluster that does not expire"',
                fix="leave the type out; a pod gets a token of the Kubernetes API by automountServiceAccountToken",
            ),
        ),
    )
