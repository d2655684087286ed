"""Pulumi's backend, read directly: hundreds of stacks in one go, with their tags, outputs and locks."""

from branchenv.backend.opening import backend_url, open_backend
from branchenv.backend.protocol import Backend

__all__ = ["Backend", "backend_url", "open_backend"]
