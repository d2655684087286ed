"""A duration, as Istio writes it."""

from typing import Annotated

from pydantic import Field

Duration = Annotated[str, Field(pattern=r"^(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h))+$", examples=["10s", "500ms"])]
