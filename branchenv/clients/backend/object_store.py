"""Pulumi's own backends, file://, s3://, gs:// and azblob://, read where they keep their files.

The layout is that of the CLI's project-scoped state (`.pulumi/meta.yaml`, version 1).
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import obstore
from obstore.exceptions import BaseError

from branchenv.clients.backend.checkpoint import read_lock, read_stack, read_tags, write_tags
from branchenv.clients.backend.protocol import is_branch
from branchenv.model import tags as tag_texts
from branchenv.model.context import PULUMI_PROJECT
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import Lock, StackRecord, Tags

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_STACKS = f".pulumi/stacks/{PULUMI_PROJECT}"
_LOCKS = f".pulumi/locks/organization/{PULUMI_PROJECT}"
_TAGS = ".pulumi-tags"
_STATES = (".json", ".json.gz", ".json.zst")
_CONNECTIONS = 32


class _Entry(NamedTuple):
    path: str
    written: datetime


class ObjectStoreBackend:
    """Reads many small objects at once: what takes the CLI a process per stack takes one listing here."""

    def __init__(self, url: str, store: "ObjectStore") -> None:
        """Use a store.

        Args:
            url: as Pulumi has it, for messages.
            store: where `.pulumi` lies.
        """
        self._url = url
        self._store = store

    @property
    def url(self) -> str:
        """As Pulumi has it."""
        return self._url

    def stacks(self) -> list[StackRecord]:
        """Return every stack of the project, by name; of base stacks the name alone."""
        with self._asked(), ThreadPoolExecutor(_CONNECTIONS) as pool:
            listed, locked = pool.map(self._list, (_STACKS, _LOCKS))
            locks: dict[str, list[Lock]] = {}
            for entry, lock in zip(locked, pool.map(self._lock, locked), strict=True):
                if lock:
                    locks.setdefault(entry.path.split("/")[-2], []).append(lock)
            files = {entry.path for entry in listed}
            names = sorted({name for path in files if (name := _stack_of(path))})
            found = pool.map(
                lambda name: (
                    self._record(name, files, tuple(locks.get(name, ()))) if is_branch(name) else StackRecord(name=name)
                ),
                names,
            )
            return [record for record in found if record]

    def stack(self, name: str) -> StackRecord | None:
        """Return one stack; None if there is none."""
        with self._asked(), ThreadPoolExecutor(2) as pool:
            locks = pool.submit(self._locks, name)
            return self._record(name, None, locks.result())

    def locks(self, name: str) -> tuple[Lock, ...]:
        """Return the locks of a stack, also of one that is not there."""
        with self._asked():
            return self._locks(name)

    def tags(self, name: str) -> Tags:
        """Return the tags of a stack, also of one that is not there."""
        with self._asked():
            return tag_texts.decode(read_tags(self._get(f"{_STACKS}/{name}{_TAGS}") or b""))

    def write_tags(self, name: str, tags: Tags) -> None:
        """Set all of our tags of a stack at once; those of others stay."""
        path = f"{_STACKS}/{name}{_TAGS}"
        with self._asked():
            present = read_tags(self._get(path) or b"")
            obstore.put(self._store, path, write_tags(tag_texts.merge(present, tags)))

    def break_locks(self, name: str, locks: Iterable[Lock]) -> None:
        """Remove locks of any owner."""
        with self._asked():
            for lock in locks:
                if not lock.key.startswith(f"{_LOCKS}/{name}/"):
                    raise ValueError(f"{lock.key} is no lock of {name}")
                self._delete(lock.key)

    def forget(self, name: str) -> None:
        """Remove the tags that a stack left which is no longer there."""
        with self._asked():
            self._delete(f"{_STACKS}/{name}{_TAGS}")

    def _record(self, name: str, files: set[str] | None, locks: tuple[Lock, ...]) -> StackRecord | None:
        """Read one stack.

        Args:
            name: of the stack.
            files: what is known to be there; None if that has to be tried.
            locks: of the stack.
        """
        paths = [f"{_STACKS}/{name}{ending}" for ending in _STATES]
        reads = (self._get(path) for path in paths if files is None or path in files)
        content = next((each for each in reads if each is not None), None)
        if content is None:
            return None
        noted = f"{_STACKS}/{name}{_TAGS}"
        tags = read_tags((self._get(noted) if files is None or noted in files else None) or b"")
        return read_stack(name, content, tags=tag_texts.decode(tags), locks=locks)

    def _locks(self, name: str) -> tuple[Lock, ...]:
        return tuple(lock for entry in self._list(f"{_LOCKS}/{name}") if (lock := self._lock(entry)))

    def _lock(self, entry: _Entry) -> Lock | None:
        content = self._get(entry.path) if entry.path.endswith(".json") else None
        # None: it was given back meanwhile.
        return None if content is None else read_lock(entry.path, content, entry.written)

    def _list(self, folder: str) -> list[_Entry]:
        # A prefix is a folder here: `shop.a` does not find `shop.ab`.
        batches = obstore.list(self._store, prefix=folder, chunk_size=1000)
        return [_Entry(each["path"], each["last_modified"]) for batch in batches for each in batch]

    def _get(self, path: str) -> bytes | None:
        try:
            return bytes(obstore.get(self._store, path).bytes())
        except FileNotFoundError:
            return None

    def _delete(self, path: str) -> None:
        try:
            obstore.delete(self._store, path)
        except FileNotFoundError:
            return

    @contextmanager
    def _asked(self) -> Iterator[None]:
        try:
            yield
        except (BaseError, OSError) as e:
            raise unreachable(self._url, e) from e


def unreachable(url: str, error: Exception) -> BranchenvError:
    """Say that a backend cannot be used, in its own words' first line: the rest is for its programmers."""
    message = str(error).strip().partition("\n")[0]
    return BranchenvError(
        f"Pulumi's backend cannot be used: {message}",
        fix="look at PULUMI_BACKEND_URL (`pulumi whoami -v` shows it), at the network and at the credentials for it",
        code=ExitCode.BACKEND,
        field="backend",
        value=url,
    )


def _stack_of(path: str) -> str:
    """Return the stack's name of a state file; empty for any other file."""
    folder, _, name = path.rpartition("/")
    if folder != _STACKS:
        return ""
    return next((name.removesuffix(ending) for ending in _STATES if name.endswith(ending)), "")
