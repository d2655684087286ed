"""The sweep in the cluster."""

from pydantic import Field

from components.branch.spec.image import Image
from components.strict import Strict
from stacks.settings.fields import Name, Namespace


class SweepSettings(Strict):
    """A CronJob that runs `branchenv sweep` for all apps of the cluster."""

    image: Image = Field(examples=["registry.example.com/branch-environments:1.0"])
    """The CI image, in which branchenv, the Pulumi CLI and its plugins are."""
    secret: Name = "branchenv-sweep"  # noqa: S105 - its name
    """Secret of its namespace with its variables: PULUMI_BACKEND_URL and what that needs, BRANCHENV_GITLAB_TOKEN."""
    namespace: Namespace = "branch-environments"
    """Namespace that is made for it."""
    schedule: str = Field("*/30 * * * *", pattern=r"^\S+( \S+){4}$")
    """When it runs, as in cron."""
    gitlab_url: str = Field("https://gitlab.com", pattern=r"^https?://[^\s/]+$")
    """GitLab's address."""
    apply: bool = False
    """Whether it acts. Before you switch it on, read in its log what it would do."""
