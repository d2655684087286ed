"""Retries of requests by the gateway."""

import difflib
import re
from typing import Annotated

from pydantic import AfterValidator, Field

from components.branch.spec.duration import Duration
from components.strict import Strict, broken

# https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter#x-envoy-retry-on
_RETRY_ON = frozenset(
    {
        "5xx",
        "cancelled",
        "connect-failure",
        "deadline-exceeded",
        "envoy-ratelimited",
        "gateway-error",
        "http3-post-connect-failure",
        "internal",
        "refused-stream",
        "reset",
        "reset-before-request",
        "resource-exhausted",
        "retriable-4xx",
        "unavailable",
    }
)


def _retry_on(conditions: str) -> str:
    given = [each.strip() for each in conditions.split(",")]
    unknown = [each for each in given if each not in _RETRY_ON and not re.fullmatch(r"[1-5][0-9]{2}", each)]
    if unknown:
        close = difflib.get_close_matches(unknown[0], sorted(_RETRY_ON), n=1)
        raise broken(
            f"Envoy has no retry condition {unknown[0]!r}, so it would never hold",
            f"write {close[0]}" if close else f"write some of {', '.join(sorted(_RETRY_ON))}, or a status, e.g. 503",
        )
    return ",".join(given)


class Retries(Strict):
    """What the gateway does when an attempt to reach the workload fails."""

    attempts: int = Field(2, ge=0, le=10)
    """Attempts after the first; 0 turns retries off."""
    per_try_timeout: Duration | None = None
    """Time for one attempt."""
    retry_on: Annotated[str, AfterValidator(_retry_on)] = Field(
        "connect-failure,refused-stream",
        min_length=1,
        examples=["connect-failure,refused-stream,503"],
    )
    """Envoy's retry conditions. By default only failures in which the app has surely not seen the request."""
