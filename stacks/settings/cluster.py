"""Which cluster a base stack is for."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from components.strict import Strict, broken


def digits(value: object) -> object:
    """Refuse a number of an account or project that is written without quotes."""
    # YAML reads an account's number as a number, and drops a zero in front of it.
    if isinstance(value, int) and not isinstance(value, bool):
        raise broken(f"{value} without quotes is a number, and loses leading zeros", f'put it in quotes: "{value}"')
    return value


class EksSettings(Strict):
    """An EKS cluster, and how IAM knows its pods' identities."""

    cluster_name: str = Field(pattern=r"^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$", examples=["dev"])
    """Name of the cluster."""
    region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$", examples=["eu-west-1"])
    """AWS region of the cluster and its load balancer."""
    account_id: Annotated[str, BeforeValidator(digits), Field(pattern=r"^\d{12}$", examples=["123456789012"])]
    """AWS account of the cluster. Credentials of another account are refused."""
    oidc_provider: str | None = Field(
        None,
        min_length=1,
        examples=["arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE"],
    )
    """The cluster's IAM OIDC provider: its ARN, or the issuer that `aws eks describe-cluster` prints. For IRSA."""
    vpc_id: str | None = Field(None, pattern=r"^vpc-[0-9a-f]+$", examples=["vpc-0123456789abcdef0"])
    """The cluster's VPC. The add-on aws-load-balancer-controller needs it."""
    auto_mode: bool = False
    """Whether EKS Auto Mode makes the load balancer. Its nodes then come with a controller of its own."""


class GkeSettings(Strict):
    """A GKE cluster."""

    cluster_name: str = Field(pattern=r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$", examples=["dev"])
    """Name of the cluster."""
    project: str = Field(pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$", examples=["my-project"])
    """Google Cloud project of the cluster, its identities and its DNS zones."""
    project_number: Annotated[str, BeforeValidator(digits), Field(pattern=r"^\d+$", examples=["123456789012"])]
    """Number of that project, which principals are named with: `gcloud projects describe <project>`."""
