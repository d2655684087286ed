"""What a branch stack's config may say."""

from typing import Self

from pydantic import Field, model_validator

from components.strict import Strict, broken
from components.workload import Image, WorkloadName


class BranchSettings(Strict):
    """The few values that CI (or a person) gives a branch stack, `<app>.<slug>`."""

    base: str = Field("base-local", min_length=1, examples=["base-local"])
    """Base stack whose cluster the environment goes to. Default: base-local."""
    branch: str | None = Field(None, examples=["feature/login"])
    """Full name of the branch. Default: the slug in the stack's name."""
    image: Image | None = None
    """Container image. On its own it is a whole environment; beside a file or chart it sets the image there."""
    images: dict[WorkloadName, Image] = Field({}, examples=[{"web": "registry.example.com/web:1.0"}])
    """Container images by workload, for an environment file that declares several."""
    environment: str | None = Field(None, examples=["environment.yaml"])
    """Path of the environment file (schemas/environment.schema.json), seen from the project's folder."""
    chart: str | None = Field(None, examples=["chart"])
    """Path of the app's Helm chart, seen from the project's folder."""
    ready_timeout_seconds: int = Field(120, ge=5, le=3600, examples=[120])
    """Seconds that `pulumi up` waits for the pods to be ready before it fails and says why. Default: 120."""

    @model_validator(mode="after")
    def _something_to_run(self) -> Self:
        if self.environment and self.chart:
            raise broken(
                "environment and chart are two ways to say what runs",
                "keep one; an environment file may name a chart itself, with its values",
                at="chart",
            )
        if not (self.image or self.environment or self.chart):
            raise broken(
                "there is no image, and neither an environment file nor a chart",
                "name the image: pulumi config set image registry.example.com/shop:1.0",
                at="image",
            )
        return self
