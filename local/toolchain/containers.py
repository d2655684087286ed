"""Builds a container image from its Dockerfile, as root, without a container engine: buildah, from Debian packages.

Nothing of it is installed (unpacked.sh), and what it keeps stands in the cache. A Dockerfile's instructions run in a
chroot with the machine's network, and trust the authorities that the machine trusts.
"""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from local.paths import CACHE
from local.toolchain import debian
from local.toolchain.pins import BUILDAH_PACKAGES
from local.toolchain.run import run

STORE = CACHE / "buildah"
"""Images and their layers. A layer of which nothing has changed is not built again."""

_COMMAND = ("buildah", f"--root={STORE}/storage", f"--runroot={STORE}/run", "--storage-driver=overlay")
_HERE = Path(__file__).resolve().parent
_FIX = "run the command again: what was built is kept. Needs a Debian mirror and a package index for Python"
_TRUSTED = ("/etc/ssl/certs", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates")
_PYTHON = ("ca-certificates", "python-is-python3", "python3", "python3-venv", "usr-is-merged")
# What Debian's own slim images leave out, and what was only needed to make this one.
_LEFT_OUT = ("doc", "info", "locale", "man")
_PURGED = ("usrmerge", "libfile-find-rule-perl", "perl", "perl-modules-5*", "libperl5*")


def get() -> None:
    """Fetch buildah, unless it is there."""
    if not debian.ready(BUILDAH_PACKAGES):
        debian.get(BUILDAH_PACKAGES)


def python_base() -> str:
    """Make an image of the machine's Debian with its own Python, and return its name.

    It replaces `python:<version>-slim-<release>`, which no registry here carries: the same Debian without
    documentation and Perl, but with Debian's Python in /usr/bin, where that image has one of its own in /usr/local/bin.
    """
    image = f"localhost/python:{debian.folder(BUILDAH_PACKAGES).name}"
    context = STORE / "base"
    if (context / "complete").exists():
        return image
    context.mkdir(parents=True, exist_ok=True)
    files, sources = context / "files.tar", debian.sources()
    release = sources[0].split()[2]
    _run(
        *("mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(_PYTHON)}"),
        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _LEFT_OUT),
        f'--customize-hook=chroot "$1" apt-get -qq --yes purge {" ".join(map(repr, _PURGED))}',
        *(release, str(files), *sources),
        what="Debian with Python",
    )
    (context / "Dockerfile").write_text('FROM scratch\nADD files.tar /\nCMD ["python3"]\n')
    _buildah("build", f"--tag={image}", str(context), what="image of Debian with Python")
    files.unlink()
    (context / "complete").touch()
    return image


def build(
    dockerfile: Path,
    context: Path,
    *,
    name: str,
    arguments: Mapping[str, str],
    mounts: Mapping[Path, str] | None = None,
    what: str,
) -> Path:
    """Build an image as `docker build` would; the log, which has what the build printed.

    Args:
        dockerfile: with its list of what is left out of the context beside it, if there is one, as Docker names it.
        context: the folder that it copies from.
        name: of the image.
        arguments: build arguments.
        mounts: folders of the machine that its instructions can read while they run -> where; none gets into the image.
            The machine's own authorities are among them, so what installs certificates cannot be given any: None.
        what: what is built, for messages.

    Raises:
        LocalError: an instruction failed; shows the log's end.
    """
    seen = {Path(folder): folder for folder in _TRUSTED if Path(folder).is_dir()} if mounts is not None else {}
    if mounts is not None and (index := os.environ.get("PIP_INDEX_URL")):
        # Not as an argument or in the environment: the image would tell it, and it may hold a password.
        (STORE / "pip.conf").touch(mode=0o600)
        (STORE / "pip.conf").write_text(f"[global]\nindex-url = {index}\n")
        seen[STORE / "pip.conf"] = "/etc/pip.conf"
    return _buildah(
        *("build", "--layers", "--pull=never", "--isolation=chroot", "--network=host"),
        *(f"--volume={folder}:{inside}:ro" for folder, inside in {**seen, **(mounts or {})}.items()),
        *(f"--build-arg={key}={value}" for key, value in arguments.items()),
        *((f"--ignorefile={ignored}",) if (ignored := Path(f"{dockerfile}.dockerignore")).exists() else ()),
        *(f"--file={dockerfile}", f"--tag={name}", str(context)),
        what=what,
    )


def export(name: str, *, archive: Path, root: Path) -> None:
    """Write an image as `docker save` does, and the files of its containers into a folder."""
    write_archive(name, archive)
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    script = """
        image="$1" folder="$2"
        shift 2
        made="$("$@" from --quiet --pull=never "$image")"
        cp --archive "$("$@" mount "$made")/." "$folder"
        "$@" rm "$made"
    """
    _run("sh", "-eu", "-c", script, "sh", name, str(root), *_COMMAND, what="files of the image")


def write_archive(name: str, archive: Path) -> None:
    """Write an image as `docker save` does, whole or not at all."""
    partial = archive.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    _buildah("push", "--quiet", name, f"docker-archive:{partial}:{name}", what="archive of the image")
    partial.rename(archive)


def _buildah(command: str, *arguments: str, what: str) -> Path:
    return _run(*_COMMAND, command, f"--signature-policy={_policy()}", *arguments, what=what)


def _policy() -> Path:
    """Say that an image needs no signature: all of them are made here."""
    STORE.mkdir(parents=True, exist_ok=True)
    policy = STORE / "policy.json"
    policy.write_text(json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
    return policy


def _run(*command: str, what: str) -> Path:
    return run([str(_HERE / "unpacked.sh"), str(debian.folder(BUILDAH_PACKAGES)), *command], what=what, fix=_FIX)
