"""Control groups that containers leave behind when they are killed with their namespace."""

from contextlib import suppress
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")


def remove(containers: list[str], root: Path = _ROOT) -> None:
    """Remove the groups of these containers in every hierarchy (cgroup v1) or the one (v2).

    A group that still holds a process is left for the next try. The parent `k8s.io` goes only when
    it is empty: another containerd's containers may live there too.
    """
    for parent in [*root.glob("k8s.io"), *root.glob("*/k8s.io")]:
        for container in containers:
            group = parent / container
            if not group.is_dir():
                continue
            for folder in sorted(group.rglob("*/"), reverse=True):
                if folder.is_dir():
                    _remove_empty(folder)
            _remove_empty(group)
        _remove_empty(parent)


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()
