"""The jobs' image (ci/image/Dockerfile), built as a user builds it, and how large it is.

What cannot be had here comes in by the Dockerfile's own arguments: the image that it begins with, and the releases of
the CLI and the Kubernetes provider, which were built from their modules and are laid out as the releases are. It is
kept by what it is made of; after a change in the program's files only the last layer is built again.
"""

import hashlib
import json
import os
import re
import shutil
import tarfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from local.paths import CACHE, REPOSITORY
from local.progress import Detail
from local.toolchain import containers, debian, go
from local.toolchain.pins import BUILDAH_PACKAGES

DOCKERFILE = REPOSITORY / "ci" / "image" / "Dockerfile"
BUILDS = (go.PULUMI, go.PULUMI_KUBERNETES)
"""What it needs to have been built."""
_COPIED = ("Pulumi.yaml", "__main__.py", "branchenv", "components", "core", "stacks", "ci/image")
_CLI = ("pulumi", "pulumi-language-python", "pulumi-language-python-exec")
_PROVIDER = ("pulumi-resource-kubernetes", "schema.json")
# Of this checkout, and of another one that is worked on at the same time.
_KEPT = 2
# gzip's own level, with which images are pushed.
_LEVEL = 6
_CHUNK = 1 << 20
_PARTS = {
    "opt/pulumi/plugins/": "Kubernetes provider",
    "opt/pulumi/bin/": "Pulumi CLI, Python language host",
    "opt/branch-environments/.venv/": "Python packages",
    "opt/branch-environments/": "program",
    "": "git",
}
"""What a layer is, by where its largest file lies; the first one is what the image begins with."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One layer of the image."""

    name: str
    layer: str
    """What it holds, as a digest."""
    size: int
    """Bytes on a node's disk."""
    compressed: int
    """Bytes that a runner pulls."""


@cache
def name() -> str:
    """What the image is called in the local cluster. Another content has another name."""
    digest = hashlib.sha256()
    files = [Path(__file__), Path(containers.__file__)]
    for copied in _COPIED:
        path = REPOSITORY / copied
        files += [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    for file in sorted(file for file in files if "__pycache__" not in file.parts):
        digest.update(f"{file.relative_to(REPOSITORY)}\0".encode())
        digest.update(file.read_bytes())
    made_by = [debian.folder(BUILDAH_PACKAGES), *(go.folder(build) for build in BUILDS)]
    digest.update(" ".join(folder.name for folder in made_by).encode())
    return f"branch-environments.local/jobs:{digest.hexdigest()[:12]}"


def archive() -> Path:
    """The image, as `docker save` writes it."""
    return _folder() / "image.tar"


def root() -> Path:
    """The files of a container of it that has just been made."""
    return _folder() / "root"


def config() -> dict[str, Any]:
    """What its containers run with: `Env`, `User`, `WorkingDir` as Docker names them."""
    with tarfile.open(archive()) as tar:
        found: dict[str, Any] = json.loads(_read(tar, _manifest(tar)["Config"]))["config"]
    return found


def parts() -> list[Part]:
    """Its layers, as a runner pulls them."""
    return [Part(**each) for each in json.loads((_folder() / "parts.json").read_text())]


def ready() -> bool:
    """Whether it is built of what this checkout has."""
    return (_folder() / "complete").exists()


def build(detail: Detail) -> None:
    """Build it, from programs that are built.

    Args:
        detail: where to say what is being done.

    Raises:
        LocalError: a step failed; the message has the fix.
    """
    folder = _folder()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    detail.text = "buildah from Debian packages"
    containers.get()
    detail.text = "Debian with Python"
    base = containers.python_base()
    detail.text = "the releases of Pulumi"
    releases = _releases()
    detail.text = "the Dockerfile"
    containers.build(
        DOCKERFILE,
        REPOSITORY,
        name=name(),
        arguments={"BASE": base, "RELEASES": f"file:///mnt/{releases.name}"},
        mounts={releases.parent: "/mnt"},
        what="jobs image",
    )
    detail.text = "its files"
    containers.export(name(), archive=archive(), root=root())
    detail.text = "its size"
    (folder / "parts.json").write_text(json.dumps([asdict(part) for part in _measured()]))
    (folder / "complete").touch()
    detail.text = ""
    for old in sorted(CACHE.glob("jobs-image-*"), key=lambda each: each.stat().st_mtime)[:-_KEPT]:
        shutil.rmtree(old)


def _folder() -> Path:
    return CACHE / f"jobs-image-{name().rpartition(':')[2]}"


def _argument(wanted: str) -> str:
    found = re.search(rf"^ARG {wanted}=(\S+)$", DOCKERFILE.read_text(), re.MULTILINE)
    assert found, f"the Dockerfile has an argument {wanted}"
    return found[1]


def _releases() -> Path:
    """Lay out the programs that were built here as their releases are; the folder that stands for GitHub's.

    It is called by what it is made of, so that other programs are another argument, and their layers are built again.
    """
    cli, provider = _argument("PULUMI_VERSION"), _argument("KUBERNETES_PLUGIN_VERSION")
    made_of = " ".join([cli, provider, *(go.folder(build).name for build in BUILDS)])
    folder = containers.STORE / "releases" / hashlib.sha256(made_of.encode()).hexdigest()[:12]
    if folder.exists():
        return folder
    shutil.rmtree(folder.parent, ignore_errors=True)
    partial = folder.with_suffix(".partial")
    cpu, of_cli = {"x86_64": ("amd64", "x64")}.get(os.uname().machine, ("arm64", "arm64"))
    files = go.binaries(go.PULUMI), go.binaries(go.PULUMI_KUBERNETES)
    _release(
        partial / f"pulumi/releases/download/v{cli}/pulumi-v{cli}-linux-{of_cli}.tar.gz",
        {f"pulumi/{each}": files[0] / each for each in _CLI},
        checksums=f"pulumi-{cli}-checksums.txt",
    )
    _release(
        partial
        / f"pulumi-kubernetes/releases/download/v{provider}"
        / f"pulumi-resource-kubernetes-v{provider}-linux-{cpu}.tar.gz",
        {each: files[1] / each for each in _PROVIDER},
        checksums=f"pulumi-kubernetes_{provider}_checksums.txt",
    )
    return partial.rename(folder)


def _release(to: Path, files: dict[str, Path], *, checksums: str) -> None:
    to.parent.mkdir(parents=True)
    with tarfile.open(to, "w:gz", compresslevel=1) as tar:
        for inside, file in files.items():
            tar.add(file, inside)
    with to.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    (to.parent / checksums).write_text(f"{found}  {to.name}\n")


def _measured() -> list[Part]:
    known: dict[str, Part] = {}
    for file in CACHE.glob("jobs-image-*/parts.json"):
        written = [each for each in json.loads(file.read_text()) if each.keys() == Part.__annotations__.keys()]
        known.update({each["layer"]: Part(**each) for each in written})
    with tarfile.open(archive()) as tar:
        layers = _manifest(tar)["Layers"]
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda layer: known.get(layer) or _layer(layer, first=layer == layers[0]), layers))


def _layer(layer: str, *, first: bool) -> Part:
    """Compress a layer, as pushing it would."""
    with tarfile.open(archive()) as tar:
        with tarfile.open(fileobj=tar.extractfile(layer)) as inside:
            largest = max(inside, key=lambda file: file.size).name.removeprefix("./")
        named = next(what for prefix, what in _PARTS.items() if largest.startswith(prefix))
        opened = tar.extractfile(layer)
        assert opened is not None, "a layer is a file"
        compressor, size, compressed = zlib.compressobj(_LEVEL), 0, 0
        while chunk := opened.read(_CHUNK):
            size += len(chunk)
            compressed += len(compressor.compress(chunk))
        compressed += len(compressor.flush())
    return Part(name="Debian with Python" if first else named, layer=layer, size=size, compressed=compressed)


def _manifest(tar: tarfile.TarFile) -> dict[str, Any]:
    found: list[dict[str, Any]] = json.loads(_read(tar, "manifest.json"))
    return found[0]


def _read(tar: tarfile.TarFile, member: str) -> bytes:
    opened = tar.extractfile(member)
    assert opened is not None, f"the archive has {member}"
    return opened.read()
