"""Names that no other test run on this machine uses at the same time.

A slot is a number with a lock file, held for as long as its process lives. The objects of a slot that nobody holds
were left by a run that was killed.
"""

import fcntl
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import IO

from core import publication
from tests.cluster.support.cluster import Cluster

_PREFIX = "test-"


@contextmanager
def slot(cluster: Cluster) -> Iterator[str]:
    """Take the first free slot, remove what dead runs left, and give the name of the app to use."""
    held: IO[str] | None = None
    for number in count():
        held = _take(number)
        if held:
            break
    try:
        remove(cluster, number)
        for leftover in _leftovers(cluster) - {number}:
            if dead := _take(leftover):
                with dead:
                    remove(cluster, leftover)
        yield _name(number)
    finally:
        if held:
            held.close()


def remove(cluster: Cluster, number: int) -> None:
    """Remove all that a slot's run can have left in the cluster."""
    name = _name(number)
    own = f"--selector=branch-environments/app={name}"
    # Those of its branches with it.
    cluster.kubectl("delete", "namespaces", own)
    cluster.kubectl("delete", "namespace", name, publication.namespace(f"base-{name}"), "--ignore-not-found")
    cluster.kubectl("delete", "gateways.networking.istio.io", name, "--namespace=istio-system", "--ignore-not-found")
    cluster.kubectl("delete", "virtualservices.networking.istio.io", own, "--namespace=istio-system")
    rules = "validatingadmissionpolicies,validatingadmissionpolicybindings,clusterroles,clusterrolebindings"
    cluster.kubectl("delete", rules, own)


def _name(number: int) -> str:
    return f"{_PREFIX}{number}"


def _leftovers(cluster: Cluster) -> set[int]:
    names = cluster.kubectl("get", "namespaces", "--output=name").split()
    return {int(found[1]) for name in names if (found := re.fullmatch(rf"namespace/{_PREFIX}(\d+)", name))}


def _take(number: int) -> IO[str] | None:
    folder = Path(tempfile.gettempdir()) / "branch-environments-test-slots"
    folder.mkdir(exist_ok=True)
    lock = (folder / str(number)).open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock
