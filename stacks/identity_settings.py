"""Which cloud identity an app's pods have, together or each branch for itself."""

from typing import Any, Literal

from pydantic import Field

from components.strict import Strict
from stacks.fields import Name, PolicyArn, RoleArn


class IdentitySettings(Strict):
    """A cloud identity: none, or one of three kinds."""

    kind: Literal["none", "irsa", "pod-identity", "workload-identity"] = "none"
    """none; on EKS irsa or pod-identity; on GKE workload-identity."""
    per_branch: bool = False
    """Whether each branch has a ServiceAccount of its own, and of the cloud's identities one that no other branch has.
    In policies and conditions, `${branch}` is then the ServiceAccount's name (docs/identity.md)."""
    image_pull_secrets: tuple[Name, ...] = Field((), examples=[["registry"]])
    """With `perBranch`: Secrets of the namespace with the registries' credentials, which the branches' ServiceAccounts
    name."""
    role_arn: RoleArn | None = Field(None, examples=["arn:aws:iam::123456789012:role/shop"])
    """EKS: a role that is there already. Default: one is made."""
    role_path: str = Field("/", pattern=r"^/([\w+=,.@-]+/)*$", examples=["/branches/"])
    """EKS: path of the role that is made."""
    permissions_boundary: PolicyArn | None = Field(None, examples=["arn:aws:iam::123456789012:policy/boundary"])
    """EKS: the most that the role that is made can ever be allowed."""
    managed_policies: tuple[PolicyArn, ...] = Field((), examples=[["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"]])
    """EKS: ARNs of policies of the role that is made."""
    inline_policies: dict[str, dict[str, Any]] = Field(
        {}, examples=[{"queue": {"Version": "2012-10-17", "Statement": []}}]
    )
    """EKS: policy documents of the role that is made, by name."""
    account: str | None = Field(
        None,
        pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]@[a-z0-9.:-]+\.iam\.gserviceaccount\.com$",
        examples=["shop@my-project.iam.gserviceaccount.com"],
    )
    """GKE: a Google service account that is there already. Default: one is made."""
    direct: bool = False
    """GKE: give the roles to the Kubernetes ServiceAccount itself, without a Google service account."""
    project_roles: tuple[str, ...] = Field((), examples=[["roles/cloudsql.client"]])
    """GKE: roles in the project, added to whatever the identity has."""
