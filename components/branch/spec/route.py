"""Which requests to a host reach a workload."""

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from components.branch.spec.cors import Cors
from components.branch.spec.duration import Duration
from components.branch.spec.name import WorkloadName
from components.branch.spec.retries import Retries
from components.strict import Strict, broken


def _route_path(path: str) -> str:
    if not re.fullmatch(r"/[A-Za-z0-9._~!$&'()+,;=:@%/-]*", path) or "//" in path:
        raise broken(
            "a path is a prefix that starts with a slash, without wildcard, query or fragment",
            "write the prefix alone, e.g. /api",
        )
    # /api and /api/ claim the same requests.
    return path.rstrip("/") or "/"


RoutePath = Annotated[str, BeforeValidator(_route_path), WithJsonSchema({"type": "string", "pattern": "^/"})]


class Route(Strict):
    """Requests whose path starts with a prefix, whole segments at a time: /api takes /api/x and not /apiary."""

    host: WorkloadName | None = Field(None, examples=["admin"])
    """Answer at another host than the environment's own: `admin` is `<slug>--admin.<domain of the app>`, whose URL
    every container has as BRANCH_ADMIN_URL."""
    path: RoutePath = "/"
    """Path prefix."""
    rewrite: RoutePath | None = None
    """Prefix that the workload sees in its place; `/` strips it."""
    retries: Retries = Retries()
    """Retries."""
    timeout: Duration | None = None
    """Time for the whole request. None by default."""
    cors: Cors | None = None
    """Cross-origin requests."""

    @property
    def claim(self) -> str:
        """What no other route may have: the path, and the host if it is not the environment's own."""
        return f"the path {self.path}" + (f" of the host {self.host}" if self.host else "")


def claimed_twice(routes: Iterable[Route]) -> str:
    """Return what two routes claim; empty if there is no such thing."""
    claims = [route.claim for route in routes]
    return next((each for each in sorted(claims) if claims.count(each) > 1), "")
