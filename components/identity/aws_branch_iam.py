"""What AWS needs where each branch has an identity of its own: policy documents and tags, as pure functions."""

from collections.abc import Mapping, Sequence
from typing import Any

from components.identity.aws_iam import POLICY_VERSION, allow
from core.labels import APP_LABEL, SLUG_LABEL

SESSION_TAG = "${aws:PrincipalTag/kubernetes-service-account}"
"""What AWS replaces by the name of the ServiceAccount that EKS Pod Identity gave credentials to."""
_POD_IDENTITY = "pods.eks.amazonaws.com"


def association_tags(app: str, slug: str = "") -> dict[str, str]:
    """Tag an association with its app, and with the branch that it is of: CI may change none without a branch."""
    return {APP_LABEL: app, **({SLUG_LABEL: slug} if slug else {})}


def boundary(limit: Mapping[str, Any], *, provider_arn: str) -> dict[str, Any]:
    """Make the permissions boundary of the roles that CI makes.

    CI writes a role's trust policy, and IAM has no condition for what is in it. So the boundary takes all rights from
    anybody who assumes the role in another way than as one of the cluster's ServiceAccounts.

    Args:
        limit: policy document of the most that any branch may ever do.
        provider_arn: the cluster's IAM OIDC provider.
    """
    statements = limit["Statement"]
    return {
        "Version": limit["Version"],
        "Statement": [
            *(statements if isinstance(statements, list | tuple) else [statements]),
            {
                "Effect": "Deny",
                "Action": "*",
                "Resource": "*",
                "Condition": {
                    # True as well where the session has no such key.
                    "StringNotEquals": {"aws:FederatedProvider": provider_arn},
                    # What a service does for the session was asked for by a request that this has let through.
                    "Bool": {"aws:ViaAWSService": "false"},
                },
            },
        ],
    }


def role_policy(*, roles: str, boundary_arn: str, own_arn: str, managed_policies: Sequence[str]) -> dict[str, Any]:
    """Let CI make the branches' roles, each within the boundary, and nothing that is not a branch's.

    Args:
        roles: ARN of a branch's role, with `*` for the branch's name.
        boundary_arn: of the boundary that each of them must have.
        own_arn: of this policy.
        managed_policies: ARNs of those that may be attached.
    """
    within = {"iam:PermissionsBoundary": boundary_arn}
    attached = allow(
        ["iam:AttachRolePolicy", "iam:DetachRolePolicy"],
        roles,
        {"ArnEquals": {**within, "iam:PolicyARN": sorted(managed_policies)}},
    )
    return {
        "Version": POLICY_VERSION,
        "Statement": [
            allow([f"iam:{action}" for action in _MAKING], roles, {"ArnEquals": within}),
            *([attached] if managed_policies else []),
            # Every role of this path and name was made within the boundary.
            allow([f"iam:{action}" for action in _ON_MADE], roles),
            {"Effect": "Deny", "Action": [f"iam:{action}" for action in _UNBINDING], "Resource": "*"},
            {
                "Effect": "Deny",
                "Action": [f"iam:{action}" for action in _REWRITING],
                "Resource": [boundary_arn, own_arn],
            },
        ],
    }


def association_policy(*, app: str, cluster_arn: str, role_arn: str) -> dict[str, Any]:
    """Let CI associate ServiceAccounts of the cluster with the app's one role, and end what it associated.

    An association is known by its tags, as its ARN says nothing. EKS asks for the right to tag when one is made with
    tags, so CI can tag what carries no tag `branch-environments/app`: whatever else is associated in the cluster is
    kept from it by that tag, with any other value.

    Args:
        app: whose branches.
        cluster_arn: of the cluster.
        role_arn: of the role that the branches share.
    """
    associations = cluster_arn.replace(":cluster/", ":podidentityassociation/") + "/*"
    asked = {"StringEquals": {f"aws:RequestTag/{APP_LABEL}": app}}
    a_branchs = {
        "StringEquals": {f"aws:ResourceTag/{APP_LABEL}": app},
        "StringLike": {f"aws:ResourceTag/{SLUG_LABEL}": "?*"},
    }
    return {
        "Version": POLICY_VERSION,
        "Statement": [
            allow(["eks:CreatePodIdentityAssociation"], cluster_arn, asked),
            allow(["eks:TagResource"], associations, {**asked, "Null": {f"aws:ResourceTag/{APP_LABEL}": "true"}}),
            allow(
                [
                    "eks:DeletePodIdentityAssociation",
                    "eks:DescribePodIdentityAssociation",
                    "eks:ListTagsForResource",
                    "eks:UpdatePodIdentityAssociation",
                ],
                associations,
                a_branchs,
            ),
            allow(["iam:GetRole"], role_arn),
            allow(["iam:PassRole"], role_arn, {"StringEquals": {"iam:PassedToService": _POD_IDENTITY}}),
        ],
    }


_MAKING = ("CreateRole", "DeleteRolePolicy", "PutRolePolicy")
_ON_MADE = (
    "DeleteRole",
    "GetRole",
    "GetRolePolicy",
    "ListAttachedRolePolicies",
    "ListInstanceProfilesForRole",
    "ListRolePolicies",
    "UpdateAssumeRolePolicy",
)
# Another boundary is none.
_UNBINDING = ("DeleteRolePermissionsBoundary", "PutRolePermissionsBoundary")
_REWRITING = ("CreatePolicyVersion", "DeletePolicy", "DeletePolicyVersion", "SetDefaultPolicyVersion")
