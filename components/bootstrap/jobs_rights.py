"""What an app's jobs may do in their cloud: use the backend for their own stacks. Documents and conditions, purely."""

from collections.abc import Sequence
from typing import Any

from components.identity.aws_iam import POLICY_VERSION, issuer_of, web_identity_trust

PROJECT = "branch-environments"
_BASE = "base-"
_STATES = f".pulumi/stacks/{PROJECT}/"
_LOCKS = f".pulumi/locks/organization/{PROJECT}/"
_HISTORY = f".pulumi/history/{PROJECT}/"
_BACKUPS = f".pulumi/backups/{PROJECT}/"
_FOLDERS = (_STATES, _LOCKS, _HISTORY, _BACKUPS)
# Where a base stack's secrets are, encrypted with a key that no job has. Its locks tell nothing.
_SECRET = (_STATES, _HISTORY, _BACKUPS)
_ASSOCIATIONS = ("Create", "Describe", "Update", "Delete")
_ROLE_ACTIONS = (
    "CreateRole",
    "GetRole",
    "TagRole",
    "UpdateRole",
    "UpdateAssumeRolePolicy",
    "DeleteRole",
    "PutRolePolicy",
    "GetRolePolicy",
    "DeleteRolePolicy",
    "AttachRolePolicy",
    "DetachRolePolicy",
    "ListRolePolicies",
    "ListAttachedRolePolicies",
    "ListInstanceProfilesForRole",
)


def gitlab_trust(*, provider_arn: str, project: str, audience: str) -> dict[str, Any]:
    """Make the trust policy of a role for the jobs of a project's branches: neither of its tags nor of a fork.

    Args:
        provider_arn: of IAM's OIDC provider for GitLab.
        project: path in GitLab.
        audience: of the jobs' ID tokens.
    """
    issuer = issuer_of(provider_arn)
    return web_identity_trust(
        provider_arn,
        {
            "StringEquals": {f"{issuer}:aud": audience},
            "StringLike": {f"{issuer}:sub": f"project_path:{project}:ref_type:branch:ref:*"},
        },
    )


def aws_jobs_policy(*, bucket_arn: str, key_arn: str, app: str, cluster_arns: Sequence[str]) -> dict[str, Any]:
    """Write what the jobs of one app may do.

    Args:
        bucket_arn: of the backend.
        key_arn: of the key for branch stacks.
        app: whose stacks they write.
        cluster_arns: of the EKS clusters that they deploy to.
    """
    clusters = [{"Effect": "Allow", "Action": "eks:DescribeCluster", "Resource": list(cluster_arns)}]
    return {
        "Version": POLICY_VERSION,
        "Statement": [
            {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": bucket_arn},
            {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{bucket_arn}/.pulumi/*"},
            {
                "Effect": "Deny",
                "Action": "s3:GetObject",
                "Resource": [f"{bucket_arn}/{folder}{_BASE}*" for folder in _SECRET],
            },
            {
                "Effect": "Allow",
                "Action": ["s3:PutObject", "s3:DeleteObject"],
                "Resource": [f"{bucket_arn}/{folder}{app}.*" for folder in _FOLDERS],
            },
            {"Effect": "Allow", "Action": ["kms:Encrypt", "kms:Decrypt"], "Resource": key_arn},
            *(clusters if cluster_arns else []),
        ],
    }


def aws_jobs_boundary(*, partition: str, account: str, bucket_arn: str, key_arn: str) -> dict[str, Any]:
    """Write the most that any app's jobs can ever be allowed: the above, and branches' identities (docs/identity.md).

    Args:
        partition: of AWS.
        account: that it is for.
        bucket_arn: of the backend.
        key_arn: of the key for branch stacks.
    """
    role, eks = f"arn:{partition}:iam::{account}:role", f"arn:{partition}:eks:*:{account}"
    return {
        "Version": POLICY_VERSION,
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
                "Resource": [bucket_arn, f"{bucket_arn}/.pulumi/*"],
            },
            {"Effect": "Allow", "Action": ["kms:Encrypt", "kms:Decrypt"], "Resource": key_arn},
            {
                "Effect": "Allow",
                "Action": [
                    "eks:DescribeCluster",
                    "eks:TagResource",
                    *(f"eks:{each}PodIdentityAssociation" for each in _ASSOCIATIONS),
                ],
                "Resource": [f"{eks}:cluster/*", f"{eks}:podidentityassociation/*"],
            },
            {
                "Effect": "Allow",
                "Action": [f"iam:{each}" for each in _ROLE_ACTIONS],
                "Resource": f"{role}/{PROJECT}/*",
            },
            {"Effect": "Allow", "Action": ["iam:GetRole", "iam:PassRole"], "Resource": f"{role}/*"},
        ],
    }


def google_reading(bucket: str) -> str:
    """Write the condition, in CEL, under which jobs read in the backend's bucket: all but the base stacks' states."""
    secret = [f"!{_begins(bucket, f'{folder}{_BASE}')}" for folder in _SECRET]
    return " && ".join(secret)


def google_writing(bucket: str, app: str) -> str:
    """Write the condition under which the jobs of one app write there: their own stacks."""
    return " || ".join(_begins(bucket, f"{folder}{app}.") for folder in _FOLDERS)


def google_subject() -> dict[str, str]:
    """Return what Google makes of an ID token. A subject has at most 127 bytes, so no branch's name is in it."""
    return {
        "google.subject": '"project:" + assertion.project_id + ":job:" + assertion.job_id',
        "attribute.project_path": "assertion.project_path",
    }


def google_admission(projects: Sequence[str]) -> str:
    """Write the condition under which Google takes an ID token at all: of a branch of one of these projects."""
    listed = ", ".join(f'"{each}"' for each in sorted(set(projects)))
    return f'assertion.project_path in [{listed}] && assertion.ref_type == "branch"'


def _begins(bucket: str, prefix: str) -> str:
    return f'resource.name.startsWith("projects/_/buckets/{bucket}/objects/{prefix}")'
