"""Unpacks a chart, which somebody else has packed: nothing of it gets out of its folder, and it has an end."""

import gzip
import io
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from stacks.branch.published_chart.refusal import damaged

MOST = 100 << 20
"""Bytes that it may have when unpacked: what Helm takes as well."""
_MOST_FILES = 10_000
_ASK = "ask its publisher; `helm lint` of the chart says more"


def unpack(packed: bytes, folder: Path) -> Path:
    """Write a chart's files below a folder, and return the folder that holds its Chart.yaml.

    Only plain files are written, with rights of our own: charts consist of nothing else. The library's own filter for
    archives of others came with Python 3.11.4, and Debian 12 has 3.11.2.

    Args:
        packed: as `helm package` makes it.
        folder: which is empty.

    Raises:
        ChartError: it is no chart, or would write outside of it.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(_unzipped(packed)), mode="r:") as archive:
            names = _written(archive, folder)
    except tarfile.TarError as e:
        raise damaged(f"it cannot be unpacked ({e})", _ASK) from e
    if len(names) != 1 or not (folder / min(names) / "Chart.yaml").is_file():
        raise damaged("it has to be one folder that holds Chart.yaml", _ASK)
    return folder / min(names)


def _written(archive: tarfile.TarFile, folder: Path) -> set[str]:
    """Write the files of an archive, and return the names of the folders that they are in."""
    names: set[str] = set()
    for count, member in enumerate(archive):
        if count >= _MOST_FILES:
            raise damaged(f"it has more than {_MOST_FILES} files", _ASK)
        if member.isdir():
            continue
        path = PurePosixPath(member.name)
        if not member.isfile() or path.is_absolute() or ".." in path.parts or "\\" in member.name:
            raise damaged(f"{member.name!r} in it is no plain file in the chart's folder", _ASK)
        content = archive.extractfile(member)
        names.add(path.parts[0])
        target = folder.joinpath(*path.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.read() if content else b"")
    return names


def _unzipped(packed: bytes) -> bytes:
    # As a whole, and first: what its headers say of sizes need not be true.
    try:
        with gzip.open(io.BytesIO(packed)) as opened:
            found = opened.read(MOST + 1)
    except (OSError, EOFError, zlib.error) as e:
        raise damaged(f"it cannot be unpacked ({e})", _ASK) from e
    if len(found) > MOST:
        raise damaged(f"unpacked it has more than {MOST >> 20} MiB", _ASK)
    return found
