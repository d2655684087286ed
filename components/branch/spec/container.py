"""What workloads, jobs and schedules have in common: one container image, and how it runs."""

from typing import Literal, Self

from pydantic import Field, model_validator

from components.branch.spec.folder import FolderPath
from components.branch.spec.image import Image
from components.branch.spec.quantity import Size
from components.branch.spec.resources import Resources
from components.branch.spec.security import AS_ROOT, Security
from components.branch.spec.text import PlainText
from components.branch.spec.variables import Variables
from components.strict import Strict, broken


class Container(Strict):
    """One container image, and how it runs: what workloads, jobs and schedules have in common."""

    image: Image | None = None
    """Container image. May be left out where the stack's config gives it."""
    command: tuple[PlainText, ...] | None = Field(None, min_length=1)
    """Replaces the image's entrypoint."""
    args: tuple[PlainText, ...] | None = Field(None, min_length=1)
    """Replaces the image's command."""
    env: Variables = Field({}, examples=[{"LOG_LEVEL": "debug"}])
    """Environment variables, beside BRANCH, BRANCH_SLUG, BRANCH_URL and the siblings' <WORKLOAD>_URL; where a sibling
    speaks something else than http, its <WORKLOAD>_HOST and <WORKLOAD>_PORT as well."""
    resources: Resources = Resources()
    """Processor and memory."""
    scratch: dict[FolderPath, Size] = Field({}, examples=[{"/var/cache/app": "1Gi"}])
    """Folders that it may write to, each with the size that they may grow to; empty in every new pod."""
    run_as: Literal["root"] | None = None
    """`root` for images that must begin as root, as the official nginx does; the base stack allows it for an app by
    `isolation.runAsRoot`. They get the capabilities to own files, to become another user and to bind any port."""
    security: Security = Security()
    """What the container may do."""
    service_account: str | None = Field(None, min_length=1)
    """ServiceAccount. Default: the app's own."""
    automount_service_account_token: bool = False
    """Mount in the container a token of the Kubernetes API. Cloud identities work without it."""
    image_pull_policy: Literal["IfNotPresent", "Always", "Never"] = "IfNotPresent"
    """When to pull the image."""

    @property
    def secured(self) -> Security:
        """What the container may do, `runAs` included."""
        if self.run_as is None:
            return self.security
        given = {name: getattr(self.security, name) for name in self.security.model_fields_set}
        return Security().model_copy(update=AS_ROOT | given)

    @model_validator(mode="after")
    def _one_user(self) -> Self:
        given = self.security.model_fields_set & {"run_as_user", "run_as_group", "run_as_non_root"}
        if self.run_as and given:
            named = ", ".join(Security.model_fields[name].alias or name for name in sorted(given))
            raise broken(
                f"runAs says who the container is, and security says it again with {named}",
                f"keep runAs, and take {named} out of security",
                at="runAs",
            )
        return self
