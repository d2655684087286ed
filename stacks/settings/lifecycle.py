"""How long environments live, how many there may be, and what they cost."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from components.strict import Strict
from stacks.settings.fields import Duration, DurationOrNever


class LifecycleSettings(Strict):
    """The life of an app's branch environments. `branchenv` acts on it; `pulumi up` and `pulumi destroy` do not."""

    lifetime: DurationOrNever = "7d"
    """How long an environment stays after its last push. `never`: it has no end."""
    max_lifetime: DurationOrNever = "30d"
    """How far from now `branchenv extend` may put the end. `never`: as far as one likes."""
    warn_before: Duration = "1d"
    """How long before its end the merge request gets a warning. `0`: it gets none."""
    idle_after: DurationOrNever = "never"
    """How long without a request at the gateway until a sweep puts it to sleep. `never`: nothing sleeps by itself."""
    max_environments: int = Field(0, ge=0)
    """Environments of the app that may be awake at a time. `0`: any number."""
    on_limit: Literal["refuse", "sleep"] = "refuse"
    """When there are as many: `refuse` a new one, or put the least recently updated one to `sleep`."""
    protected: tuple[Annotated[str, StringConstraints(min_length=1)], ...] = Field((), examples=[["release/*"]])
    """Branches whose environments a sweep leaves alone; `*` stands for any text."""


class PriceSettings(Strict):
    """What a cluster's resources cost, for the costs that `branchenv list` shows."""

    cpu_hour: float = Field(ge=0, examples=[0.034])
    """One core, requested for one hour."""
    memory_gib_hour: float = Field(ge=0, examples=[0.0038])
    """One GiB of memory, requested for one hour."""
    currency: str = Field("USD", pattern=r"^[A-Z]{3}$", examples=["EUR"])
    """What both are in, by its code of ISO 4217."""
