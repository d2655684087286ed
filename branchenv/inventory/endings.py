"""Which environments are no longer needed, and why: decided here alone, for those who list and those who remove them.

Nothing rests on a source that was not seen. A person's work is left alone: what was deployed by hand ends when it
expires, not because git knows no such branch.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache

from branchenv.console import moment
from branchenv.inventory.join import Known
from branchenv.inventory.world import World
from branchenv.model.records import MergeRequest, StackRecord, Tags
from core.contract import App, Base
from core.names import RESERVED_SLUGS, BranchNameError, slug

FINISHED = ("closed", "merged")
"""States of a merge request that is over."""


class Removal(StrEnum):
    """Why an environment is no longer needed. docs/operations.md lists these, word for word."""

    BRANCH_DELETED = "its branch was deleted"
    MERGE_REQUEST_DONE = "its merge request is closed or merged"
    APP_REMOVED = "the base stack no longer has its app"
    EXPIRED = "it has expired"
    EMPTY = "its stack is empty"
    NO_OBJECTS = "its stack has resources, but the cluster has none of its objects"
    NO_STACK = "leftover objects without a stack"
    NOTHING_LEFT = "GitLab lists it, but it has no stack and no objects"


@dataclass(frozen=True, kw_only=True)
class Ending:
    """Why an environment is to be removed."""

    rule: Removal
    why: str
    """The rule with its particulars: which branch, since when."""
    held: str = ""
    """Why it is left alone for now, e.g. as somebody works on it; empty if the next sweep may remove it."""
    branch_deleted: bool = False
    """Whether git no longer has its branch, so that nothing comes back to its entry in GitLab."""


def is_swept(known: Known, world: World) -> bool:
    """Whether a sweep of this base stack may touch it at all: it is in this cluster, and not protected."""
    if world.base is None:
        return False
    app = world.base.apps.get(known.app)
    if app is None:
        # For a removed app, only the base stack's name in the state says which cluster it belongs to.
        ours = known.stack is not None and known.stack.base == world.base.name and not is_elsewhere(known, world.base)
        return ours and known.slug not in RESERVED_SLUGS
    return not is_protected(known, app) and is_here(known, world)


def is_here(known: Known, world: World) -> bool:
    """Whether it is in this base stack's cluster: destroyed from here, another cluster's objects would stay."""
    if known.stack is None or world.base is None:
        return True
    if is_elsewhere(known, world.base):
        return False
    if known.stack.base:
        return known.stack.base == world.base.name
    return known.cluster is not None or known.stack.resources == 0 or world.has_one_base


def is_elsewhere(known: Known, base: Base) -> bool:
    """Whether its stack has noted another cluster than the base stack's."""
    return known.stack is not None and known.stack.cluster not in ("", base.cluster)


def is_protected(known: Known, app: App) -> bool:
    """Whether nobody removes it: the default branch, reserved slugs, and what the app's policy protects.

    An environment's branch is known by several names where its sources disagree; one protected name is enough.
    """
    if known.slug in RESERVED_SLUGS or known.slug in app.reserved_slugs:
        return True
    names = {known.branch, known.slug}
    names |= {known.stack.tags.branch, known.stack.branch} if known.stack else set()
    names |= {known.cluster.branch} if known.cluster else set()
    patterns = (app.default_branch, *RESERVED_SLUGS)
    return bool(names & set(patterns)) or any(
        fnmatchcase(name, _as_glob(pattern)) for name in names if name for pattern in app.lifecycle.protected
    )


def _as_glob(pattern: str) -> str:
    # Only the star is special in a policy: `[` and `?` stand for themselves.
    return pattern.replace("[", "[[]").replace("?", "[?]")


def ending(known: Known, world: World, now: datetime) -> Ending | None:
    """Say why an environment is no longer needed; None if it may be.

    Args:
        known: what the sources have of it.
        world: what else they answered.
        now: with a time zone.
    """
    if not is_swept(known, world):
        return None
    found = _by_stack(known, known.stack, world, now) if known.stack else _without_stack(known, world)
    if found is None:
        return None
    rule, why = found
    return Ending(rule=rule, why=why, held=_held(known, world, now), branch_deleted=_branch_is_deleted(known, world))


def _by_stack(known: Known, stack: StackRecord, world: World, now: datetime) -> tuple[Removal, str] | None:
    tags = stack.tags
    if _by_pipeline(tags, world):
        if _branch_is_deleted(known, world):
            return Removal.BRANCH_DELETED, f"its branch {tags.branch} was deleted"
        if done := _finished(tags, world):
            return Removal.MERGE_REQUEST_DONE, f"its merge request !{done.iid} is {done.state}"
    if tags.branch and world.base and known.app not in world.base.apps:
        return Removal.APP_REMOVED, f"{world.base.name} no longer has app {known.app}"
    if tags.expires and tags.expires <= now:
        return Removal.EXPIRED, f"it has expired at {moment(tags.expires)}"
    # What a person made without branchenv, empty or not, may be what they are at work on.
    if not tags.branch:
        return None
    if stack.resources == 0 and not stack.pending and (stack.last_update or tags.created):
        return Removal.EMPTY, Removal.EMPTY.value
    # Outputs: an `up` has ended well since, so that there should be objects.
    missing = world.objects is not None and not world.cluster_is_doubtful and known.cluster is None
    if stack.resources and stack.outputs and missing:
        return Removal.NO_OBJECTS, Removal.NO_OBJECTS.value
    return None


def _without_stack(known: Known, world: World) -> tuple[Removal, str] | None:
    if world.stacks is None:
        return None
    if known.cluster:
        return None if known.cluster.leaving else (Removal.NO_STACK, Removal.NO_STACK.value)
    # A job may be about to make what a branch's entry stands for.
    if world.objects is not None and not world.cluster_is_doubtful and _branch_is_deleted(known, world):
        return Removal.NOTHING_LEFT, Removal.NOTHING_LEFT.value
    return None


def _held(known: Known, world: World, now: datetime) -> str:
    """Say why an environment is not to be touched just now; empty if it may be."""
    stack, cluster = known.stack, known.cluster
    if stack is None:
        if cluster is None:
            return ""
        if not (cluster.anchor or cluster.branch_namespace):
            return "they have no anchor: Kubernetes is about to collect them, or somebody made them by hand"
        young = cluster.created is None or now - cluster.created < world.grace
        return "they have just been made" if young else ""
    return held_stack(stack, world, now)


def held_stack(stack: StackRecord, world: World, now: datetime) -> str:
    """Say why a stack is not to be touched just now; empty if it may be."""
    if working := [lock for lock in stack.locks if lock.key not in world.dead_locks]:
        return f"its stack is locked by {working[0].user}@{working[0].host}"
    if stack.damaged:
        return f"its stack's state is damaged: {stack.damaged}"
    touched = [each for each in (stack.last_update, stack.tags.created) if each]
    return "it has just been updated" if touched and now - max(touched) < world.grace else ""


def _branch_is_deleted(known: Known, world: World) -> bool:
    """Whether git no longer has the branch. A fork's is never in this project: its open merge request stands for it."""
    branch = known.branch
    if not branch or world.branches is None or world.merge_requests is None:
        return False
    reserved = world.base.apps[known.app].reserved_slugs if world.base and known.app in world.base.apps else ()
    # By slug as well: what GitLab or the cluster tells of a branch may be its slug alone.
    there = branch in world.branches or known.slug in _slugs(world.branches, tuple(reserved))
    return not there and not any(is_open(each, branch) for each in world.merge_requests)


@lru_cache(maxsize=64)
def _slugs(branches: frozenset[str], reserved: tuple[str, ...]) -> frozenset[str]:
    made = set()
    for branch in branches:
        # git has names that no environment can have, such as another tool's.
        with suppress(BranchNameError):
            made.add(slug(branch, reserved))
    return frozenset(made)


def _by_pipeline(tags: Tags, world: World) -> bool:
    """Whether a pipeline of this project made it: a person's branch may never have been pushed."""
    return bool(tags.branch and tags.pipeline and tags.project and tags.project == world.project)


def _finished(tags: Tags, world: World) -> MergeRequest | None:
    """Return its merge request if that is known to be over, and no other one is open for the branch."""
    requests = world.merge_requests or ()
    found = next((each for each in requests if each.iid == tags.merge_request), None)
    if found is None or found.state not in FINISHED:
        return None
    return None if any(is_open(each, tags.branch) for each in requests) else found


def is_open(request: MergeRequest, branch: str) -> bool:
    """Whether this is an open merge request of the branch."""
    return request.branch == branch and request.state not in FINISHED
