"""`branchenv open`: a branch's URL in the browser."""

import os
import sys

from branchenv import console
from branchenv.cli import options


def command(branch: options.BranchArgument = "", app: options.App = "", base: options.Base = "") -> None:
    """Open a branch's URL in the browser; print it as well, and only print it where there is no display."""
    import webbrowser

    from branchenv.clients.backend import open_backend
    from branchenv.model.base import read_base
    from branchenv.model.context import target
    from branchenv.model.errors import BranchenvError

    wanted = target(app=app, branch=branch, base=base)
    backend = open_backend()
    if (found := backend.stack(wanted.base)) and found.outputs:
        wanted = wanted.reserving(read_base(found.outputs, wanted.base).app(wanted.app).reserved_slugs)
    stack = backend.stack(wanted.stack)
    if stack is None or not stack.url:
        state = "has no URL yet: its first deploy has not ended" if stack else "has no environment"
        raise BranchenvError(f"branch {wanted.branch} of {wanted.app} {state}", fix="branchenv up, or branchenv list")
    console.data(stack.url)
    if not stack.url.startswith(("http://", "https://")):
        return
    if sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(stack.url)
