"""Looks at the four sources. One that cannot be read, or is suspiciously empty, is said to be so, and not relied on."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from branchenv.clients.backend import Backend
from branchenv.inventory.classify import Environment, Scope, Sources, join
from branchenv.model.base import Base, homes, read_base
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import ClusterRecord, MergeRequest, StackRecord
from branchenv.operations import locks
from branchenv.sweep.plan import Sight

if TYPE_CHECKING:
    from branchenv.clients.gitlab import GitLab

_Seen = TypeVar("_Seen")


@dataclass(frozen=True, kw_only=True)
class View:
    """What was seen."""

    base: Base
    environments: Sequence[Environment]
    sight: Sight
    unseen: tuple[str, ...]
    """What could not be relied on and why, a line each."""


def look(
    backend: Backend,
    *,
    base: str,
    app: str = "",
    project: str = "",
    grace: timedelta,
    environ: Mapping[str, str] = os.environ,
) -> View:
    """Look at all sources.

    Args:
        backend: where the stacks are; nothing can be said without it.
        base: name of the base stack.
        app: only this one's environments; empty for all apps of the base stack.
        project: GitLab project, as <group>/<name>; empty for none.
        grace: how long an environment is left alone after its last update.
        environ: GitLab's variables are read from it.

    Raises:
        BranchenvError: the backend cannot be read, there is no such base stack, or it has no such app.
    """
    unseen: list[str] = []
    with ThreadPoolExecutor(3) as pool:
        # The cluster first: a stack is there before its objects are, so none of these is taken for an orphan.
        objects = pool.submit(_asked, "cluster", lambda: _cluster(backend, base, app), unseen)
        gitlab = pool.submit(_asked, "GitLab", lambda: _gitlab(project, environ), unseen)
        records = objects.result()
        stacks = backend.stacks()
        seen = gitlab.result()
    found = _base(stacks, base)
    if app:
        found.app(app)
    told = _gitlab_sources(seen, found, app, stacks, project, unseen) if seen else Sources()
    sources = Sources(
        stacks=stacks,
        cluster=records,
        branches=told.branches,
        merge_requests=told.merge_requests,
        environments=told.environments,
    )
    reserved = {name: each.reserved_slugs for name, each in found.apps.items()}
    requests = None
    if any(each.policy.idle_after for name, each in found.apps.items() if app in ("", name)):
        from branchenv.clients import gateway_metrics

        requests = _asked(
            "requests at the gateway",
            lambda: {(key.app, key.slug): count for key, count in gateway_metrics.read(found, app).items()},
            unseen,
        )
    sight = Sight(
        project=project,
        branches=told.branches,
        merge_requests=None if told.merge_requests is None else {each.iid: each for each in told.merge_requests},
        cluster=_believable(records, stacks, found, unseen),
        requests=requests,
        gone=_gone(stacks, app),
        grace=grace,
        alone=sum(each.name.startswith("base-") for each in stacks) == 1,
    )
    scope = Scope(app=app, project=project, base=base, reserved=reserved)
    return View(base=found, environments=join(sources, scope), sight=sight, unseen=tuple(unseen))


def _asked(what: str, ask: Callable[[], _Seen], unseen: list[str]) -> _Seen | None:
    try:
        return ask()
    except BranchenvError as e:
        unseen.append(f"{what}: {e.rule}")
        return None


def _cluster(backend: Backend, base: str, app: str) -> list[ClusterRecord]:
    from branchenv.clients.kubernetes import Cluster

    return Cluster.connect(lambda: homes(backend.stack(base), base)).environments(app or None)


def _gitlab(project: str, environ: Mapping[str, str]) -> "GitLab":
    from branchenv.clients.gitlab import GitLab

    found = GitLab.from_environment(environ, project or None)
    if found is None:
        raise BranchenvError("no project or token is given", fix="set BRANCHENV_GITLAB_TOKEN and --project")
    return found


def _gitlab_sources(
    gitlab: "GitLab", base: Base, app: str, stacks: Sequence[StackRecord], project: str, unseen: list[str]
) -> Sources:
    branches = _asked("branches", lambda: frozenset(gitlab.branches()), unseen)
    defaults = {each.default_branch for name, each in base.apps.items() if app in ("", name)}
    if branches is not None and not branches & defaults:
        unseen.append(f"branches: {project} has none called {' or '.join(sorted(defaults))}; is it the right project?")
        branches = None
    named = {each.tags.merge_request for each in stacks if each.tags.project == project} - {None}
    return Sources(
        branches=branches,
        merge_requests=_asked("merge requests", lambda: _merge_requests(gitlab, named), unseen),
        environments=_asked("GitLab's environments", lambda: list(gitlab.environments()), unseen),
    )


def _merge_requests(gitlab: "GitLab", named: set[int | None]) -> list[MergeRequest]:
    """Give all open ones, and of the others those that stacks name: only those are known to be over."""
    found = {each.iid: each for each in gitlab.merge_requests("opened")}
    if missing := sorted(iid for iid in named - found.keys() if iid is not None):
        found.update({each.iid: each for each in gitlab.merge_requests("all", iids=missing)})
    return list(found.values())


def _base(stacks: Sequence[StackRecord], name: str) -> Base:
    record = next((each for each in stacks if each.name == name), None)
    if record is None:
        raise BranchenvError(
            "there is no such base stack in this backend",
            fix="name another with --base, or look at PULUMI_BACKEND_URL",
            code=ExitCode.BASE,
            field="base",
            value=name,
        )
    return read_base(record.outputs, name)


def _believable(
    records: Sequence[ClusterRecord] | None, stacks: Sequence[StackRecord], base: Base, unseen: list[str]
) -> bool:
    """Whether missing objects are missing: a cluster that shows none at all is more likely to be the wrong one."""
    if records is None:
        return False
    expected = [each for each in stacks if each.slug and each.resources and each.outputs.get("base") == base.name]
    if expected and not records:
        unseen.append(f"cluster: it has nothing of {len(expected)} environments; is KUBECONFIG that of {base.name}?")
        return False
    return True


def _gone(stacks: Sequence[StackRecord], app: str) -> frozenset[str]:
    """Give the keys of the locks whose owner is known to be gone."""
    locked = [each for each in stacks if each.locks and each.slug and app in ("", each.app)]
    return frozenset(
        lock.key
        for each in locked
        for lock in each.locks
        if locks.judge(lock, job=each.tags.job, job_ended=locks.asks_gitlab(each.tags.project)).gone
    )
