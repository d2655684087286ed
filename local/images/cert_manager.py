"""cert-manager's images, as its chart asks for them."""

from pathlib import Path

from local.images import archive
from local.toolchain import go

PARTS = {
    "controller": "cert-manager",
    "webhook": "webhook",
    "cainjector": "cainjector",
    "startupapicheck": "startupapicheck",
}
"""The program in each image."""


def repository(part: str) -> str:
    """Return an image's name without its tag."""
    return f"cert-manager.local/{part}"


def tag() -> str:
    """Return the images' tag, by what is in them: another content has another."""
    return go.folder(go.CERT_MANAGER_PODS).name.rpartition("-")[2]


def archives() -> dict[str, Path]:
    """Make the archives from programs that are built, unless they are there; give them by the images' names."""
    folder = go.folder(go.CERT_MANAGER_PODS)
    made = {}
    for part, program in PARTS.items():
        name, path = f"{repository(part)}:{tag()}", folder / f"{part}.tar"
        if not path.exists():
            files = {f"usr/bin/{program}": go.binaries(go.CERT_MANAGER_PODS) / program}
            archive(path, name=name, files=files, entrypoint=[f"/usr/bin/{program}"])
        made[name] = path
    return made
