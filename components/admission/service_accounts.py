"""ValidatingAdmissionPolicy for a ServiceAccount that an app's deployer makes: it is for its branch alone."""

import json
from collections.abc import Sequence

from components.admission.policy import SLUG_VARIABLES, Policy, Rule
from components.identity.aws_iam import ROLE_ANNOTATION

# Under these, annotations bind a ServiceAccount to an identity of AWS's or Google's, or say how.
_BINDING = ("eks.amazonaws.com/", "iam.gke.io/")


def account_policy(*, role_prefix: str, image_pull_secrets: Sequence[str]) -> Policy:
    """Return the policy for ServiceAccounts.

    Args:
        role_prefix: ARN of a branch's IAM role but for the branch's name, with which it ends. Empty: none may be named.
        image_pull_secrets: Secrets that an account may name.
    """
    unbound = " && ".join(f"!k.startsWith({json.dumps(prefix)})" for prefix in _BINDING)
    own_role = f"{json.dumps(role_prefix)} + variables.stem"
    bound = f"k == {json.dumps(ROLE_ANNOTATION)} && object.metadata.annotations[k] == {own_role}"
    allowed = f"({unbound}) || ({bound})" if role_prefix else unbound
    allowed_secrets = json.dumps([f"image/{each}" for each in image_pull_secrets])
    return Policy(
        name="accounts",
        groups=("",),
        resources=("serviceaccounts",),
        operations=("CREATE", "UPDATE"),
        variables={
            **SLUG_VARIABLES,
            # Some clusters add Secrets of their own to every account.
            "given": 'request.operation == "CREATE" ? [] : ' + _secrets_of("oldObject"),
            "secrets": f"({_secrets_of('object')}).filter(s, !(s in variables.given || s in {allowed_secrets}))",
        },
        rules=(
            Rule(
                name="own-account",
                holds='object.metadata.?name.orValue("") == variables.stem',
                because='"a branch has one ServiceAccount, called " + variables.stem + ", not " + request.name',
                fix="leave it to the branch's stack, and let a chart make none: it is given the name at "
                "valuePaths.serviceAccount",
            ),
            Rule(
                name="account-identity",
                holds=f"object.metadata.?annotations.orValue({{}}).all(k, {allowed})",
                because='"the ServiceAccount " + variables.stem + " takes no cloud identity but its branch\'s own'
                + (f', " + {own_role}' if role_prefix else '"'),
                fix=f"remove annotations that begin with {' or '.join(_BINDING)}; the branch's stack sets its own",
            ),
            Rule(
                name="account-secrets",
                holds="size(variables.secrets) == 0",
                because='"the ServiceAccount " + variables.stem + " names no Secret but those of the app\'s '
                'identity.imagePullSecrets, not " + variables.secrets.join(", ")',
                fix="remove secrets and imagePullSecrets, or let the platform team add the Secret there",
            ),
        ),
    )


def _secrets_of(account: str) -> str:
    """Write the names of the Secrets that an account names, those for images apart."""
    plain = f'{account}.?secrets.orValue([]).map(s, s.?name.orValue(""))'
    return f'{plain} + {account}.?imagePullSecrets.orValue([]).map(s, "image/" + s.?name.orValue(""))'
