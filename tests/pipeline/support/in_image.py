"""The shell that jobs' scripts run in: in what the jobs' image has, and in nothing else of this machine."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from local.images import jobs as jobs_image

_SCRIPT = Path(__file__).with_suffix(".sh")


def shell(folder: Path, *, shared: Sequence[Path]) -> Path:
    """Make the `bash` that gitlab-ci-local starts, and give the folder for the beginning of its PATH.

    gitlab-ci-local runs a job's script by `bash` without arguments; what it does for itself, by others.

    Args:
        folder: to make it in, and for what jobs write outside of their checkouts.
        shared: paths of this machine that jobs see as well.
    """
    programs = folder / "bin"
    programs.mkdir(parents=True)
    container = [jobs_image.root(), folder, ":".join(map(str, shared)), *jobs_image.config()["Env"]]
    bash = programs / "bash"
    bash.write_text(
        f'#!/bin/sh\n[ $# -eq 0 ] || exec /bin/bash "$@"\nexec {shlex.join(map(str, [_SCRIPT, *container]))}\n'
    )
    bash.chmod(0o755)
    return programs
