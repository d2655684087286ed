"""`branchenv open`: a branch's URL in the browser."""

import os
import sys

from branchenv import console
from branchenv.cli import options


def command(which: options.Which) -> None:
    """Open a branch's URL in the browser; print it as well, and only print it where there is no display."""
    import webbrowser

    from branchenv.clients.backend import open_backend
    from branchenv.operations import lookup

    backend = open_backend()
    _, _, target = lookup.resolve(backend, which.target())
    url = lookup.deployed(backend, target).url
    console.data(url)
    if not url.startswith(("http://", "https://")):
        return
    if sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(url)
