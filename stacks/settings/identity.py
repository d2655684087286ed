"""Which cloud identity an app's pods have, together or each branch for itself."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from components.strict import Strict
from stacks.settings.fields import Name, PolicyArn, RoleArn


class BucketGrantSettings(Strict):
    """What each branch may do in a Cloud Storage bucket."""

    bucket: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$")]
    """Name of the bucket, which has uniform bucket-level access and holds nothing but what branches may have."""
    role: Annotated[str, StringConstraints(pattern=r"^((projects|organizations)/[\w.:-]+/)?roles/[\w.]+$")]
    """Role that the branch gets there."""
    condition: Annotated[str, StringConstraints(min_length=1)]
    """Where it gets it: a condition of IAM, in CEL, with `${branch}` in it."""


class IdentitySettings(Strict):
    """A cloud identity: none, or one of three kinds."""

    kind: Literal["none", "irsa", "pod-identity", "workload-identity"] = "none"
    """none; on EKS irsa or pod-identity; on GKE workload-identity."""
    per_branch: bool = False
    """Whether each branch has a ServiceAccount of its own, and of the cloud's identities one that no other branch has.
    In policies and conditions, `${branch}` is then the ServiceAccount's name (docs/identity.md)."""
    image_pull_secrets: tuple[Name, ...] = Field((), examples=[["registry"]])
    """Secrets of the namespace with the registries' credentials, which the app's ServiceAccount names; with `perBranch`
    each branch's own as well. Another tool brings them there."""
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
    """GKE: roles in the project, added to whatever the identity has. With `perBranch`, all pods of the namespace get
    them."""
    permissions_boundary_policy: dict[str, Any] | None = Field(
        None, examples=[{"Version": "2012-10-17", "Statement": []}]
    )
    """EKS, irsa with `perBranch`: policy document of the most that any branch can ever be allowed. It becomes the
    permissions boundary that every role of a branch must have."""
    grants: tuple[BucketGrantSettings, ...] = ()
    """GKE with `perBranch`: what each branch may do in which bucket."""
    ci: str | None = Field(None, examples=["arn:aws:iam::123456789012:role/gitlab-shop"])
    """With `perBranch`: who CI is in the cloud: ARN of an IAM role, or a principal of Google's, e.g.
    serviceAccount:<address>. It gets the right to make the branches' identities. Default: nobody gets it."""
