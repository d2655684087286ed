"""Container images without a registry: made here, loaded straight into the cluster's containerd.

The format is the Docker archive (`docker save`): a config, one layer, a manifest.
Specification: https://github.com/moby/docker-image-spec
"""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping
from pathlib import Path

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def archive(
    path: Path,
    *,
    name: str,
    files: Mapping[str, Path],
    entrypoint: list[str],
    environment: Mapping[str, str] | None = None,
    user: str = "65532:65532",
) -> None:
    """Write an image of a few files to `path`, whole or not at all.

    Args:
        path: the archive to write.
        name: the image's full name with tag.
        files: path inside the image (no leading slash) -> file on this machine; all executable.
        entrypoint: the command.
        environment: the image's environment.
        user: who the container runs as, unless the pod says otherwise; not root.
    """
    layer = _tar({inside: source.read_bytes() for inside, source in files.items()}, mode=0o755)
    config = json.dumps(
        {
            "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": {
                "Entrypoint": entrypoint,
                "Env": [f"{key}={value}" for key, value in sorted((environment or {}).items())],
                "User": user,
                "WorkingDir": "/",
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{_digest(layer)}"]},
            "history": [{"created_by": "branch-environments"}],
        },
        sort_keys=True,
    ).encode()
    config_name = f"{_digest(config)}.json"
    manifest = json.dumps([{"Config": config_name, "RepoTags": [name], "Layers": ["layer.tar"]}])
    partial = path.with_suffix(".partial")
    partial.write_bytes(_tar({config_name: config, "layer.tar": layer, "manifest.json": manifest.encode()}))
    partial.rename(path)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _tar(files: Mapping[str, bytes], mode: int = 0o644) -> bytes:
    """A tar with fixed times and owners: the same files give the same digest."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        folders = sorted({str(parent) for name in files for parent in Path(name).parents} - {"."})
        for folder in folders:
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for name, data in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), mode
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
