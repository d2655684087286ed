"""The images of the example with a database (examples/guestbook): the app, and PostgreSQL of Debian."""

import hashlib
from pathlib import Path

from local.images import archive
from local.paths import CACHE, REPOSITORY
from local.progress import Detail
from local.toolchain import containers, go
from local.toolchain.run import run

_SOURCE = REPOSITORY / "examples" / "guestbook"
NAMES = ("guestbook.local/guestbook:1.0", "guestbook.local/postgres:15")


def archives() -> list[Path]:
    """Return the images' archives, by their sources: as `docker save` would write them."""
    digest = hashlib.sha256(" ".join(go.flags({})).encode())
    for source in sorted(
        each for part in ("app", "postgres") for each in (_SOURCE / part).rglob("*") if each.is_file()
    ):
        digest.update(source.read_bytes())
    folder = CACHE / f"guestbook-{digest.hexdigest()[:12]}"
    return [folder / f"{name.partition('/')[2].partition(':')[0]}.tar" for name in NAMES]


def build(detail: Detail) -> None:
    """Build both. An archive that is there is whole.

    Raises:
        LocalError: a step failed; says how to go on.
    """
    app, server = archives()
    app.parent.mkdir(parents=True, exist_ok=True)
    if not app.exists():
        detail.text = "the app from its Go module"
        program = app.with_suffix("")
        run(
            ["go", "build", *go.flags({}), "-o", str(program), "."],
            what="guestbook",
            fix="run the command again",
            folder=_SOURCE / "app",
            environment={**go.ENVIRONMENT, "GOOS": "linux"},
        )
        archive(app, name=NAMES[0], files={"guestbook": program}, entrypoint=["/guestbook"])
    if not server.exists():
        detail.text = "buildah from Debian packages"
        containers.get()
        detail.text = "Debian with Python"
        base = containers.python_base()
        detail.text = "PostgreSQL from Debian packages"
        containers.build(
            _SOURCE / "postgres" / "Dockerfile",
            _SOURCE / "postgres",
            name=NAMES[1],
            arguments={"BASE": base},
            what="PostgreSQL",
        )
        containers.write_archive(NAMES[1], server)
