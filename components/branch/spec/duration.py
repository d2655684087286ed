"""A duration, as Istio writes it."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

Duration = Annotated[str, Field(pattern=r"^(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h))+$", examples=["10s", "500ms"])]


def length(duration: Duration) -> timedelta:
    """Return how long it is."""
    # Imported here: few environments say one that is to be written in another way.
    import durationpy

    found: timedelta = durationpy.from_str(duration)
    return found
