"""The sample app: one static binary, two image versions of it."""

import hashlib
from pathlib import Path

from local.images import archive
from local.paths import CACHE, REPOSITORY
from local.toolchain import go
from local.toolchain.run import run

SOURCE = REPOSITORY / "examples" / "shop" / "app"
NAME = "shop.local/shop"
VERSIONS = ("1.0", "2.0")


def image_archives() -> list[Path]:
    """The images' archives, by the app's source: as `docker save` would write them."""
    digest = hashlib.sha256()
    for source in sorted(SOURCE.glob("*.*")):
        digest.update(source.read_bytes())
    folder = CACHE / f"shop-{digest.hexdigest()[:12]}"
    return [folder / f"shop-{version}.tar" for version in reversed(VERSIONS)]


def build_images() -> None:
    """Compile the app and write both archives. The last one written tells that all are there."""
    archives = dict(zip(reversed(VERSIONS), image_archives(), strict=True))
    folder = archives[VERSIONS[0]].parent
    folder.mkdir(parents=True, exist_ok=True)
    binary = folder / "shop"
    run(
        ["go", "build", *go.flags({}), "-o", str(binary), "."],
        what="sample app",
        fix="run the command again",
        folder=SOURCE,
        environment={**go.ENVIRONMENT, "GOOS": "linux"},
    )
    for version in VERSIONS:
        archive(
            archives[version],
            name=f"{NAME}:{version}",
            files={"shop": binary},
            entrypoint=["/shop"],
            environment={"VERSION": version},
        )
