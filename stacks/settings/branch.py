"""What a branch stack's config may say."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from components.branch.spec.image import Image
from components.branch.spec.name import WorkloadName
from components.strict import Strict, broken
from core.defaults import DEFAULT_BASE

Digest = Annotated[str, StringConstraints(pattern=r"^(sha256:[0-9a-f]{64}|commit:[0-9a-f]{7,64})$")]
"""What tells an image apart from others of the same tag."""


class Source(Strict):
    """What `branchenv` notes of a deploy, for `branchenv rollback` and `sleep`. Nothing is made from it."""

    commit: str = ""
    """Commit that is deployed."""
    root: str = ""
    """Top folder of its checkout: the paths of files lie below it."""
    rollback: bool = False
    """Whether it is one that was deployed before, and brought back."""


class BranchSettings(Strict):
    """The few values that CI (or a person) gives a branch stack, `<app>.<slug>`."""

    base: str = Field(DEFAULT_BASE, min_length=1, examples=["base-local"])
    """Base stack whose cluster the environment goes to. Default: base-local."""
    branch: str | None = Field(None, examples=["feature/login"])
    """Full name of the branch. Default: the slug in the stack's name."""
    image: Image | None = None
    """Container image. On its own it is a whole environment; beside a file or chart it sets the image there."""
    images: dict[WorkloadName, Image] = Field({}, examples=[{"web": "registry.example.com/web:1.0"}])
    """Container images by workload, for an environment file that declares several."""
    digests: dict[Image, Digest] = Field({}, examples=[{"registry.example.com/shop:main": f"sha256:{'0' * 64}"}])
    """By image, what tells it apart from others of its tag: its digest, which the pods then run, or `commit:<commit>`,
    for which they are replaced. `branchenv` notes them."""
    data: Annotated[str, StringConstraints(pattern=r"^[0-9a-z]{1,8}$")] = Field("0", examples=["t5k2xa"])
    """Name of the branch's data: its pods have it as BRANCH_DATA. `branchenv` gives each new environment another one,
    and so does `branchenv reset-data`. Default: 0."""
    environment: str | None = Field(None, examples=["environment.yaml"])
    """Path of the environment file (schemas/environment.schema.json), seen from the project's folder."""
    chart: str | None = Field(None, examples=["chart"])
    """Path of the app's Helm chart, seen from the project's folder."""
    ready_timeout_seconds: int = Field(120, ge=5, le=3600, examples=[120])
    """Seconds that `pulumi up` waits for the pods to be ready before it fails and says why. Default: 120."""
    asleep: bool = False
    """Whether the environment sleeps: no pod runs, and its URL answers a page that says how to wake it."""
    asleep_reason: str = Field("", max_length=200, examples=["nobody used it for 2 days"])
    """What that page gives as the reason."""
    asleep_link: Annotated[str, StringConstraints(pattern=r"^(https?://[^\s\"'<>]+)?$")] = Field(
        "", max_length=500, examples=["https://gitlab.com/acme/shop/-/merge_requests/1"]
    )
    """Where that page sends people, e.g. the merge request."""
    source: Source = Source()
    """What `branchenv` notes of the deploy: commit, root, rollback."""
    waking: bool = False
    """Beside `asleep`: the pods run again, but the page still answers. `branchenv wake` sets it until they are up."""

    @model_validator(mode="after")
    def _something_to_run(self) -> Self:
        if self.environment and self.chart:
            raise broken(
                "environment and chart are two ways to say what runs",
                "keep one; an environment file may name a chart itself, with its values",
                at="chart",
            )
        if self.waking and not self.asleep:
            raise broken("only what is asleep can wake", "set asleep to true as well, or take waking out", at="waking")
        if not (self.image or self.environment or self.chart):
            raise broken(
                "there is no image, and neither an environment file nor a chart",
                "name the image: branchenv up --image <image>; with pulumi alone: pulumi config set image <image>",
                at="image",
            )
        return self
