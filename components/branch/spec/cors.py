"""Cross-origin requests."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from components.branch.spec.duration import Duration
from components.strict import Strict, broken


def _origin(origin: str) -> str:
    """Refuse what no browser sends: an origin is compared as a whole."""
    if origin in {"*", "null"}:
        return origin
    scheme, separator, rest = origin.rpartition("://")
    host, _, tail = rest.partition("/")
    host = host.lower()
    scheme = scheme.lower() or "https"
    default = {"http": ":80", "https": ":443"}.get(scheme)
    right = f"{scheme}://{host.removesuffix(default) if default else host}"
    if not re.fullmatch(r"[a-z][a-z0-9+.-]*://(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*(?::(?:[0-9]+|\*))?", right):
        raise broken(
            "an origin is scheme://host[:port]; `*.` before the host stands for any names, `*` as port for any",
            "write it as the browser's Origin header has it, e.g. https://app.example.com or https://*.example.com",
        )
    if not separator or tail or origin != right:
        raise broken(
            "browsers send an origin as scheme://host[:port]: in lower case, without path, slash or the scheme's own "
            "port, so this would never match",
            f"write {right}",
        )
    return origin


def _method(method: str) -> str:
    if method != method.upper():
        raise broken(
            "browsers compare methods as they are written, so this would never match", f"write {method.upper()}"
        )
    return method


class Cors(Strict):
    """Which other sites' pages may call this route."""

    allow_origins: tuple[Annotated[str, AfterValidator(_origin)], ...] = Field(
        min_length=1, examples=[["https://app.example.com", "https://*.example.com"]]
    )
    """Origins as browsers send them; `*.` before a host for every name below it, `*` alone for all."""
    allow_methods: tuple[Annotated[str, AfterValidator(_method)], ...] = (
        "GET",
        "HEAD",
        "POST",
        "PUT",
        "PATCH",
        "DELETE",
        "OPTIONS",
    )
    """HTTP methods."""
    allow_headers: tuple[str, ...] = ()
    """Request headers."""
    expose_headers: tuple[str, ...] = ()
    """Response headers that the page may read."""
    max_age: Duration | None = None
    """How long a browser may remember this."""
    allow_credentials: bool = False
    """Allow cookies and authorization headers."""

    @model_validator(mode="after")
    def _no_credentials_for_all(self) -> Self:
        if self.allow_credentials and "*" in self.allow_origins:
            raise broken(
                "allowCredentials with origin * would let every site act for the user",
                "list the origins, or turn allowCredentials off",
                at="allowCredentials",
            )
        return self
