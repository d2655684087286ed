"""Asks all sources at once and joins what they tell; one that cannot be reached is named, and the rest is shown."""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from branchenv.inventory.classify import Environment, Scope, Sources, join
from branchenv.model.base import Base, Home, read_base
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import ClusterRecord, StackRecord
from core.defaults import DEFAULT_BASE


class Reach(StrEnum):
    """Whether a source was seen."""

    SEEN = "seen"
    MISSING = "missing"
    """It could not be reached, or refused."""
    NOT_ASKED = "not asked"
    """Nothing says where it is."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """What became of asking one source."""

    name: str
    """backend, cluster or gitlab."""
    reach: Reach
    why: str = ""
    """Why it was not seen."""
    fix: str = ""


@dataclass(frozen=True, kw_only=True)
class Survey:
    """Every environment that was seen, and what was not seen."""

    environments: list[Environment]
    sources: tuple[Source, ...]
    base: Base | None
    """None where the base stack was not found."""


def survey(*, app: str = "", project: str = "", base: str = "", environ: Mapping[str, str] = os.environ) -> Survey:
    """Ask backend, cluster and GitLab at once.

    Args:
        app: this app's environments only; empty for all.
        project: GitLab project, for its branches and merge requests; empty: GitLab is not asked.
        base: base stack of the cluster; empty for the usual one.
        environ: addresses and credentials are read from it.

    Raises:
        BranchenvError: neither the backend nor the cluster can be reached: there is nothing to show.
    """
    with ThreadPoolExecutor(3) as pool:
        stacks = pool.submit(_stacks, environ)
        cluster = pool.submit(_cluster, app, lambda: _homes(stacks.result(), base or DEFAULT_BASE))
        gitlab = pool.submit(_gitlab, project, environ)
    failures = {
        name: _failure(future) for name, future in (("backend", stacks), ("cluster", cluster), ("gitlab", gitlab))
    }
    if (nothing := failures["backend"]) and failures["cluster"]:
        raise nothing
    found_stacks = None if failures["backend"] else stacks.result()
    told = {} if failures["gitlab"] else gitlab.result()
    found_base = _base(found_stacks or [], base or DEFAULT_BASE)
    scope = Scope(
        app=app,
        project=project,
        base=found_base.name if found_base else "",
        prices=found_base.prices if found_base else None,
        reserved={name: each.reserved_slugs for name, each in found_base.apps.items()} if found_base else {},
    )
    sources = Sources(stacks=found_stacks, cluster=None if failures["cluster"] else cluster.result(), **(told or {}))
    return Survey(
        environments=join(sources, scope),
        sources=tuple(_source(name, failure, asked=told is not None) for name, failure in failures.items()),
        base=found_base,
    )


def _stacks(environ: Mapping[str, str]) -> list[StackRecord]:
    from branchenv.clients.backend import open_backend

    return open_backend(environ=environ).stacks()


def _cluster(app: str, homes: Callable[[], Mapping[str, Home]]) -> list[ClusterRecord]:
    from branchenv.clients.kubernetes import Cluster

    return Cluster.connect(homes).environments(app or None)


def _gitlab(project: str, environ: Mapping[str, str]) -> dict[str, Any] | None:
    """Ask GitLab; None where nothing says where it is."""
    if not project:
        return None
    from branchenv.clients.gitlab import GitLab

    found = GitLab.from_environment(environ, project)
    if found is None:
        return None
    return {
        "merge_requests": list(found.merge_requests("opened")),
        "branches": frozenset(found.branches()),
        # Stopped ones are kept for good, by the thousand.
        "environments": [each for state in ("available", "stopping") for each in found.environments(state)],
    }


def _base(stacks: list[StackRecord], name: str) -> Base | None:
    record = next((each for each in stacks if each.name == name), None)
    try:
        return read_base(record.outputs, name) if record else None
    except BranchenvError:
        # Environments are shown without what it would add: prices, reserved slugs.
        return None


def _homes(stacks: list[StackRecord], base: str) -> Mapping[str, Home]:
    found = _base(stacks, base)
    return {name: each.home for name, each in found.apps.items()} if found else {}


def _failure(future: Future[Any]) -> BranchenvError | None:
    error = future.exception()
    if error is None or isinstance(error, BranchenvError):
        return error
    if isinstance(error, Exception):
        # What a source answers must not hide what the others know.
        made = BranchenvError(f"{type(error).__name__}: {error}", fix="run it again with --debug", code=ExitCode.FAILED)
        made.__cause__ = error
        return made
    raise error


def _source(name: str, failure: BranchenvError | None, *, asked: bool) -> Source:
    if failure:
        return Source(name=name, reach=Reach.MISSING, why=failure.rule, fix=failure.fix)
    return Source(name=name, reach=Reach.SEEN if asked or name != "gitlab" else Reach.NOT_ASKED)
