"""The image of oauth2-proxy, called as the base stack calls it by default."""

from pathlib import Path

from local.images import archive
from local.toolchain import go

NAME = "quay.io/oauth2-proxy/oauth2-proxy:v7.15.4"
"""As stacks/settings/access.py has it; a test keeps them alike."""


def archived() -> Path:
    """Make its archive from the program that was built, unless it is there.

    It trusts no authority: a provider of OpenID Connect that it is to speak to here is asked by HTTP.
    """
    path = go.folder(go.OAUTH2_PROXY) / "image.tar"
    if not path.exists():
        program = go.binaries(go.OAUTH2_PROXY) / "oauth2-proxy"
        archive(path, name=NAME, files={"bin/oauth2-proxy": program}, entrypoint=["/bin/oauth2-proxy"])
    return path
