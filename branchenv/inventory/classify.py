"""Every environment, joined from what the sources tell: the stacks, the cluster, git and merge requests, GitLab.

A source that was not seen proves nothing: what rests on it is left open, never guessed.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from branchenv.model.records import ClusterRecord, GitLabEnvironment, MergeRequest, Prices, StackRecord
from core.names import BranchNameError, slug

_FINISHED = ("closed", "merged")
_HOURS_A_DAY = 24
_GIB = 2**30


class State(StrEnum):
    """How an environment is. docs/operations.md lists these."""

    READY = "ready"
    """Every pod that it should have is ready."""
    DEPLOYING = "deploying"
    """Its first pods are on their way."""
    FAILING = "failing"
    ASLEEP = "asleep"
    """No pods; the URL says how to wake it."""
    STOPPING = "stopping"
    ORPHAN = "orphan"
    """Its branch or its stack is gone, or it has nothing left but its entry."""
    UNKNOWN = "unknown"
    """The cluster was not seen."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What the resources that an environment's pods request cost."""

    per_hour: float
    per_day: float
    currency: str


@dataclass(frozen=True, kw_only=True)
class Environment:
    """One branch environment, by all that is known of it."""

    app: str
    slug: str
    branch: str
    """Full name of the branch, as far as it is known."""
    state: State
    why: str = ""
    """What a person should know of the state, in one line; empty where there is nothing to say."""
    url: str = ""
    owner: str = ""
    project: str = ""
    """GitLab project, as <group>/<name>."""
    merge_request: int | None = None
    merge_request_url: str = ""
    commit: str = ""
    created: datetime | None = None
    updated: datetime | None = None
    expires: datetime | None = None
    cost: Cost | None = None
    stack: StackRecord | None = field(default=None, repr=False)
    cluster: ClusterRecord | None = field(default=None, repr=False)
    gitlab: GitLabEnvironment | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """<app>.<slug>, which is its stack's name, too."""
        return f"{self.app}.{self.slug}"


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What each source told. None: it was not seen."""

    stacks: Sequence[StackRecord] | None = None
    """Base stacks among them are left out by `join`."""
    cluster: Sequence[ClusterRecord] | None = None
    branches: frozenset[str] | None = None
    """Of the GitLab project."""
    merge_requests: Sequence[MergeRequest] | None = None
    """Of the project: all open ones at least."""
    environments: Sequence[GitLabEnvironment] | None = None
    """Of the project, called <app>/<branch>."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Whose environments are joined."""

    app: str = ""
    """This app's only; empty for all."""
    project: str = ""
    """The GitLab project that branches, merge requests and environments are of."""
    base: str = ""
    """The base stack of the cluster that was seen; empty if it does not matter."""
    prices: Prices | None = None
    reserved: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Reserved slugs by app."""


@dataclass(frozen=True)
class _Known:
    """What the sources have of one environment."""

    stack: StackRecord | None
    cluster: ClusterRecord | None
    gitlab: GitLabEnvironment | None
    branch: str


def join(sources: Sources, scope: Scope) -> list[Environment]:
    """Bring together what the sources told.

    Args:
        sources: what was seen.
        scope: whose environments are wanted.

    Returns:
        One entry for each environment that any source knows, by app and slug. A stopped environment in GitLab, of which
        nothing else is left, is history and no entry.
    """
    stacks = {(each.app, each.slug): each for each in sources.stacks or () if each.slug}
    objects = {(each.app, each.slug): each for each in sources.cluster or ()}
    entries = _by_slug(sources.environments or (), scope)
    live = stacks.keys() | objects.keys()
    # An app that nobody knows is another tool's environment.
    apps = {app for app, _ in live} | scope.reserved.keys() | {scope.app}
    keys = live | {key for key, (_, entry) in entries.items() if entry.state != "stopped" and key[0] in apps}
    made = []
    for app, own in sorted(keys):
        if scope.app and app != scope.app:
            continue
        branch, entry = entries.get((app, own), ("", None))
        stack, cluster = stacks.get((app, own)), objects.get((app, own))
        known = _Known(stack, cluster, entry, _branch(stack, cluster, branch, own))
        made.append(_environment(app, own, known, sources, scope))
    return made


def _environment(app: str, own: str, known: _Known, sources: Sources, scope: Scope) -> Environment:
    stack, cluster = known.stack, known.cluster
    tags = stack.tags if stack else None
    project = tags.project if tags else ""
    ours = not project or project == scope.project
    request = _merge_request(known, sources.merge_requests if ours else None)
    iid = request.iid if request else (tags.merge_request if tags else None)
    state, why = _state(known, sources, scope, request)
    return Environment(
        app=app,
        slug=own,
        branch=known.branch,
        state=state,
        why=why,
        url=(stack.url if stack else "")
        or (cluster.url if cluster else "")
        or (known.gitlab.url if known.gitlab else ""),
        owner=(tags.owner if tags else "") or (request.author if request else ""),
        project=project,
        merge_request=iid,
        merge_request_url=request.url if request else "",
        commit=tags.commit if tags else "",
        created=(tags.created if tags else None) or (cluster.created if cluster else None),
        updated=_latest(stack),
        expires=tags.expires if tags else None,
        cost=cost(cluster, scope.prices),
        stack=stack,
        cluster=cluster,
        gitlab=known.gitlab,
    )


def cost(cluster: ClusterRecord | None, prices: Prices | None) -> Cost | None:
    """Price what an environment's pods request; None where either is not known."""
    if cluster is None or prices is None:
        return None
    hour = cluster.cpu * prices.cpu_hour + cluster.memory / _GIB * prices.memory_gib_hour
    return Cost(per_hour=round(hour, 6), per_day=round(hour * _HOURS_A_DAY, 4), currency=prices.currency)


def _state(
    known: _Known,
    sources: Sources,
    scope: Scope,
    request: MergeRequest | None,
) -> tuple[State, str]:
    stack, cluster, entry = known.stack, known.cluster, known.gitlab
    if (cluster and cluster.leaving) or (entry and entry.state == "stopping"):
        return State.STOPPING, "it is being removed"
    if why := _orphaned(known, sources, scope, request):
        return State.ORPHAN, why
    if stack and stack.damaged:
        return State.FAILING, f"its stack's state is damaged: {stack.damaged}"
    elsewhere = _elsewhere(stack, scope)
    if stack and stack.tags.asleep:
        return State.ASLEEP, ""
    if elsewhere or sources.cluster is None:
        return State.UNKNOWN, elsewhere or "the cluster was not seen"
    busy = _busy(stack)
    if cluster is None:
        if busy:
            return State.DEPLOYING, busy
        return State.FAILING, "nothing of it is in the cluster: its deploy has not ended well, or never began"
    return _running(cluster, stack, busy)


def _running(cluster: ClusterRecord, stack: StackRecord | None, busy: str) -> tuple[State, str]:
    if cluster.ready < cluster.wanted:
        if not cluster.problems and busy:
            return State.DEPLOYING, busy
        count = f"{cluster.ready} of {cluster.wanted} pods are ready"
        return State.FAILING, "; ".join((count, *cluster.problems))
    if cluster.wanted == 0:
        if busy:
            return State.DEPLOYING, busy
        return State.FAILING, "it has no pods, though it is not asleep"
    if stack and stack.pending and not stack.locks:
        return State.READY, "its last deploy was interrupted; the next one repairs it"
    return State.READY, busy


def _orphaned(known: _Known, sources: Sources, scope: Scope, request: MergeRequest | None) -> str:
    """Say why nobody would miss it; empty if somebody might."""
    stack, cluster = known.stack, known.cluster
    if stack is None and cluster is None:
        return "GitLab lists it, but there is nothing of it" if None not in (sources.stacks, sources.cluster) else ""
    if stack is None:
        return "no stack knows its objects" if sources.stacks is not None else ""
    # A person's branch may never have been pushed: only what a pipeline of this project made is judged by git.
    tags = stack.tags
    if not (tags.pipeline and tags.project and tags.project == scope.project):
        return ""
    if request and request.state not in _FINISHED:
        return ""
    if request:
        return f"its merge request !{request.iid} is {request.state}"
    if sources.branches is None or sources.merge_requests is None or known.branch in sources.branches:
        return ""
    return f"its branch {known.branch} is gone"


def _elsewhere(stack: StackRecord | None, scope: Scope) -> str:
    named = str(stack.outputs.get("base", "")).rpartition("/")[2] if stack else ""
    return f"it is in the cluster of {named}, which was not seen" if named and scope.base not in ("", named) else ""


def _busy(stack: StackRecord | None) -> str:
    """Say who is at work on it."""
    return f"{stack.locks[0].user}@{stack.locks[0].host} is at work on it" if stack and stack.locks else ""


def _merge_request(known: _Known, requests: Sequence[MergeRequest] | None) -> MergeRequest | None:
    """Give the open merge request of the branch, the noted one first; else the noted one as it ended."""
    noted = known.stack.tags.merge_request if known.stack else None
    own = [each for each in requests or () if each.branch == known.branch or each.iid == noted]
    return min(own, key=lambda each: (each.state in _FINISHED, each.iid != noted, -each.iid), default=None)


def _branch(stack: StackRecord | None, cluster: ClusterRecord | None, branch: str, own: str) -> str:
    told = [stack.tags.branch, str(stack.outputs.get("branch", ""))] if stack else []
    told += [cluster.branch if cluster else "", branch]
    return next((each for each in told if each), own)


def _latest(stack: StackRecord | None) -> datetime | None:
    moments = (stack.tags.updated, stack.last_update) if stack else ()
    return max((moment for moment in moments if moment), default=None)


def _by_slug(
    entries: Iterable[GitLabEnvironment], scope: Scope
) -> dict[tuple[str, str], tuple[str, GitLabEnvironment]]:
    """Find out which branch each entry is of; entries that are none of ours are left out."""
    found: dict[tuple[str, str], tuple[str, GitLabEnvironment]] = {}
    for entry in sorted(entries, key=lambda each: each.id):
        app, _, branch = entry.name.partition("/")
        with suppress(BranchNameError):
            found[app, slug(branch, scope.reserved.get(app, ()))] = (branch, entry)
    return found
