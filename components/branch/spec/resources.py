"""Resource requests and limits of a container."""

from typing import Self

from pydantic import Field, model_validator

from components.branch.spec.quantity import Quantity, Size
from components.strict import Strict, broken
from core.quantity import parse_quantity


class Amounts(Strict):
    """Amounts of processor, memory and disk, as Kubernetes writes them."""

    cpu: Quantity | None = Field(None, examples=["50m", "1"])
    """Processor cores."""
    memory: Size | None = Field(None, examples=["64Mi", "1Gi"])
    """Memory."""
    ephemeral_storage: Size | None = Field(None, examples=["1Gi"])
    """Disk space of the container itself."""


class Resources(Strict):
    """What the container asks for and what it may use. A limit left out grows with its request."""

    requests: Amounts = Amounts()
    """What the scheduler reserves. Default: 50m cpu, 64Mi memory."""
    limits: Amounts = Amounts()
    """What the container may use. Default: 1 cpu, 512Mi memory."""

    @model_validator(mode="after")
    def _request_within_limit(self) -> Self:
        for what in Amounts.model_fields:
            request, limit = getattr(self.requests, what), getattr(self.limits, what)
            if request is not None and limit is not None and parse_quantity(request) > parse_quantity(limit):
                raise broken(
                    f"the {what} request {request} is above its limit {limit}",
                    "raise the limit or lower the request",
                    at="requests",
                )
        return self
