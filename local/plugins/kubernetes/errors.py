"""How the API server says no. Apart from the client, so that telling errors apart costs no import of it."""

from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
    """The API server refused a request. `reason` is its one word for why, such as `NotFound` or `AlreadyExists`."""

    def __init__(self, code: int, status: Mapping[str, Any]) -> None:
        self.code = code
        self.reason = str(status.get("reason") or "")
        self.status = status
        super().__init__(str(status.get("message") or f"the API server answered {code}"))

    @property
    def causes(self) -> list[dict[str, Any]]:
        """The single fields that were refused, if the server named them."""
        return list((self.status.get("details") or {}).get("causes") or [])


class UnknownKindError(Exception):
    """The API server serves no such kind, most often because its CustomResourceDefinition is not there (yet)."""

    def __init__(self, api_version: str, kind: str) -> None:
        super().__init__(f"no matches for kind {kind!r} in version {api_version!r}")


class UnreachableError(Exception):
    """No answer from the API server at all."""
