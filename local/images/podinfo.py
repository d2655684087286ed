"""Somebody else's app with its own chart, for tests: podinfo, as its module has both."""

from pathlib import Path

from local.images import archive
from local.toolchain import go

NAME = "podinfo.local/podinfo:6.9.2"


def chart() -> Path:
    """Return the folder of its chart, as it is published."""
    return go.folder(go.PODINFO) / "chart"


def archived() -> Path:
    """Make its image's archive from the programs that were built, unless it is there.

    The chart calls `./podinfo`, and its probes call `podcli`.
    """
    path = go.folder(go.PODINFO) / "image.tar"
    if not path.exists():
        programs = {name: go.binaries(go.PODINFO) / name for name in go.PODINFO.programs}
        archive(path, name=NAME, files=programs, entrypoint=["/podinfo"], environment={"PATH": "/"})
    return path
