"""Asks backend, cluster and GitLab at once. A source that cannot be read, or is hardly the right one, is named."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from branchenv import locks
from branchenv.clients.backend import Backend
from branchenv.clients.base_contract import base_of
from branchenv.inventory import gitlab_answers
from branchenv.inventory.gitlab_answers import GitLabAnswers
from branchenv.inventory.world import GRACE, Reach, SourceStatus, World
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import ClusterRecord, StackRecord
from branchenv.model.unknown_names import unknown_base
from core.contract import Base
from core.defaults import DEFAULT_BASE

_BASE_FIX = "name the base stack of this cluster with --base"


@dataclass(frozen=True, kw_only=True)
class InventoryQuery:
    """What is asked for."""

    app: str = ""
    """This app's environments only; empty for all."""
    project: str = ""
    """GitLab project, as <group>/<name>; empty for none, or the job's own."""
    base: str = DEFAULT_BASE
    """Base stack of the cluster."""
    stopped: bool = False
    """Also GitLab's entries that are stopped, which are kept for good, by the thousand."""
    requests: bool = False
    """Also the requests at the gateway, where an app's environments sleep for want of them."""
    grace: timedelta = GRACE
    """How long an environment is left alone after its last update."""


def collect(wanted: InventoryQuery, environ: Mapping[str, str] = os.environ) -> World:
    """Ask backend, cluster and GitLab.

    Args:
        wanted: what is asked for.
        environ: addresses and credentials are read from it.

    Returns:
        What they answered. No failure of a source is an error here: `World.errors` has it.
    """
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(_stacks, environ)
        cluster = pool.submit(_objects, wanted.app, wanted.base)
        promised = pool.submit(base_of, wanted.base)
        gitlab = pool.submit(
            lambda: gitlab_answers.ask(environ, wanted.project, lambda: _listed(first), stopped=wanted.stopped)
        )
        # A stack that came into being after stacks were listed may have made objects since.
        stacks = pool.submit(_stacks, environ) if _has_objects_without_stack(cluster, first) else first
    asked: tuple[tuple[str, Future[Any]], ...] = (("backend", stacks), ("cluster", cluster), ("gitlab", gitlab))
    errors = {name: error for name, future in asked if (error := _error(future))}
    records = None if "backend" in errors else stacks.result()
    objects = None if "cluster" in errors else cluster.result()
    base = None
    if error := _error(promised):
        errors["base"] = unknown_base(error, wanted.base, (each.name for each in records or ()))
    else:
        base = promised.result()
    answers = None if "gitlab" in errors else gitlab.result()
    if answers and answers.missing:
        errors["gitlab"] = next(iter(answers.missing.values()))
    sources = [
        _source("backend", errors),
        _cluster_source(objects, records, wanted, errors),
        _gitlab_source(answers, base, wanted, errors),
    ]
    return World(
        app=wanted.app,
        project=wanted.project,
        base=base,
        stacks=records,
        objects=objects,
        branches=answers.branches if answers else None,
        merge_requests=answers.merge_requests if answers else None,
        entries=answers.entries if answers else None,
        requests=_requests(base, wanted, sources) if wanted.requests and base else None,
        dead_locks=_dead_locks(records or [], wanted.app),
        sources=tuple(sources),
        errors=errors,
        grace=wanted.grace,
    )


def _stacks(environ: Mapping[str, str]) -> list[StackRecord]:
    from branchenv.clients.backend import open_backend

    backend: Backend = open_backend(environ=environ)
    return backend.stacks()


def _objects(app: str, base: str) -> list[ClusterRecord]:
    from branchenv.clients.kubernetes import Cluster
    from branchenv.inventory.cluster_records import environments

    return environments(Cluster.connect(base), app or None)


def _listed(stacks: "Future[list[StackRecord]]") -> list[StackRecord]:
    """Wait for the stacks; none where they could not be read."""
    return [] if stacks.exception() else stacks.result()


def _has_objects_without_stack(cluster: "Future[list[ClusterRecord]]", stacks: "Future[list[StackRecord]]") -> bool:
    if cluster.exception() or stacks.exception():
        return False
    known = {(each.app, each.slug) for each in _listed(stacks)}
    return any((each.app, each.slug) not in known for each in cluster.result())


def _source(name: str, errors: Mapping[str, BranchenvError]) -> SourceStatus:
    if error := errors.get(name):
        return SourceStatus(name=name, reach=Reach.MISSING, why=error.rule, fix=error.fix)
    return SourceStatus(name=name, reach=Reach.SEEN)


def _cluster_source(
    objects: Sequence[ClusterRecord] | None,
    stacks: Sequence[StackRecord] | None,
    wanted: InventoryQuery,
    errors: Mapping[str, BranchenvError],
) -> SourceStatus:
    """Say whether missing objects are missing: a cluster that shows none at all is more likely to be the wrong one."""
    if objects == []:
        own = [each for each in stacks or () if each.slug and each.resources and each.base == wanted.base]
        if expected := [each for each in own if wanted.app in ("", each.app)]:
            why = f"it has nothing of {len(expected)} environments; is KUBECONFIG that of {wanted.base}?"
            return SourceStatus(name="cluster", reach=Reach.DOUBTFUL, why=why, fix=_BASE_FIX)
    return _source("cluster", errors)


def _gitlab_source(
    answers: GitLabAnswers | None, base: Base | None, wanted: InventoryQuery, errors: Mapping[str, BranchenvError]
) -> SourceStatus:
    if "gitlab" in errors:
        return _source("gitlab", errors)
    if answers is None:
        why = "no address, project or token of it is given"
        return SourceStatus(
            name="gitlab", reach=Reach.NOT_ASKED, why=why, fix="set BRANCHENV_GITLAB_TOKEN and --project"
        )
    if base and answers.branches is not None:
        defaults = {each.default_branch for name, each in base.apps.items() if wanted.app in ("", name)}
        if defaults and not answers.branches & defaults:
            answers.branches = None
            names = " or ".join(sorted(defaults))
            why = f"{wanted.project} has no branch called {names}; is it the right project?"
            return SourceStatus(
                name="gitlab", reach=Reach.DOUBTFUL, why=why, fix="name the app's project with --project"
            )
    if answers.hidden:
        why = f"a job's own token may not read {' and '.join(answers.hidden)}"
        return SourceStatus(name="gitlab", reach=Reach.SEEN, why=why, fix="set BRANCHENV_GITLAB_TOKEN")
    return SourceStatus(name="gitlab", reach=Reach.SEEN)


def _requests(base: Base, wanted: InventoryQuery, sources: list[SourceStatus]) -> Mapping[tuple[str, str], int] | None:
    """Return the requests at the gateway, where an app wants to know; without them nothing is put to sleep."""
    if not any(each.lifecycle.idle_after for name, each in base.apps.items() if wanted.app in ("", name)):
        return None
    from branchenv.clients import gateway_metrics

    try:
        return {(key.app, key.slug): count for key, count in gateway_metrics.read(base, wanted.app).items()}
    except BranchenvError as e:
        sources.append(SourceStatus(name="gateway", reach=Reach.MISSING, why=e.rule, fix=e.fix))
        return None


def _dead_locks(stacks: Sequence[StackRecord], app: str) -> frozenset[str]:
    """Return the keys of the locks whose owner is known to have ended."""
    locked = [each for each in stacks if each.locks and each.slug and app in ("", each.app)]
    return frozenset(
        lock.key
        for each in locked
        for lock in each.locks
        if locks.judge(lock, job=each.tags.job, job_ended=locks.asks_gitlab(each.tags.project)).ended
    )


def _error(future: Future[Any]) -> BranchenvError | None:
    error = future.exception()
    if error is None or isinstance(error, BranchenvError):
        return error
    if isinstance(error, Exception):
        # What one source answers must not hide what the others know.
        made = BranchenvError(f"{type(error).__name__}: {error}", fix="run it again with --debug", code=ExitCode.FAILED)
        made.__cause__ = error
        return made
    raise error
