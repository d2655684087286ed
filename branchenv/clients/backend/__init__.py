"""Pulumi's backend, read directly: hundreds of stacks in one go, with their tags, outputs and locks."""

from branchenv.clients.backend.opening import backend_url, open_backend
from branchenv.clients.backend.protocol import Backend

__all__ = ["Backend", "backend_url", "open_backend"]
