"""What a bootstrap stack's config may say."""

from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from components.strict import Strict
from stacks.settings.cluster import digits
from stacks.settings.fields import LABEL, MAX_APP, Domain

Url = Annotated[str, StringConstraints(pattern=r"^https://[^\s/]+(/\S*[^\s/])?$")]


class BootstrapAppSettings(Strict):
    """An app whose jobs deploy."""

    name: Annotated[str, Field(pattern=rf"^{LABEL}$", max_length=MAX_APP, examples=["shop"])]
    """Name of the app, as base stacks have it."""
    project: Annotated[str, Field(pattern=r"^[\w.-]+(/[\w.-]+)+$", examples=["apps/shop"])]
    """Path of its project in GitLab, whose branches' jobs get its role or account."""


class EksClusterSettings(Strict):
    """A cluster of EKS that jobs deploy to."""

    name: str = Field(pattern=r"^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$", examples=["dev"])
    """Name of the cluster."""
    oidc_issuer: Url | None = Field(None, examples=["https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE"])
    """Its OIDC issuer, which IAM then trusts, for IRSA. Default: IAM knows it already, or nobody needs it."""


class AwsBootstrapSettings(Strict):
    """An AWS account."""

    region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$", examples=["eu-west-1"])
    """Region of backend, keys and clusters."""
    account_id: Annotated[str, BeforeValidator(digits), Field(pattern=r"^\d{12}$", examples=["123456789012"])]
    """The account. Credentials of another one are refused."""
    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", examples=["acme-pulumi"])
    """Name of the backend's bucket, which no other bucket in the world has."""
    clusters: tuple[EksClusterSettings, ...] = ()
    """Clusters that jobs deploy to."""
    zones: tuple[Domain, ...] = Field((), examples=[["dev.example.com"]])
    """Domains to make hosted zones for. Default: they are there already."""


class GoogleBootstrapSettings(Strict):
    """A Google Cloud project."""

    project: str = Field(pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$", examples=["my-project"])
    """The project."""
    project_number: Annotated[str, BeforeValidator(digits), Field(pattern=r"^\d+$", examples=["123456789012"])]
    """Its number: `gcloud projects describe <project>`."""
    location: str = Field(pattern=r"^[a-z]+(-[a-z]+\d+)?$", examples=["europe-west1"])
    """Location of bucket and keys."""
    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$", examples=["acme-pulumi"])
    """Name of the backend's bucket, which no other bucket in the world has."""


class BootstrapSettings(Strict):
    """What is to be there before the first base stack."""

    gitlab: Url = Field(examples=["https://gitlab.example.com"])
    """URL of GitLab. The cloud must reach it."""
    audience: str | None = Field(None, min_length=1)
    """Audience (aud) of the jobs' ID tokens, the component's input `oidc-audience`. Default: GitLab's URL."""
    apps: tuple[BootstrapAppSettings, ...] = Field(min_length=1)
    """The apps whose jobs deploy."""
    aws: AwsBootstrapSettings | None = None
    """The AWS account, for a stack bootstrap-aws."""
    google: GoogleBootstrapSettings | None = None
    """The Google Cloud project, for a stack bootstrap-google."""


class BootstrapConfig(Strict):
    """The config of a bootstrap stack."""

    bootstrap: BootstrapSettings
    """GitLab, the apps, and the one cloud that the stack is for."""
