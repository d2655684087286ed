"""How an environment is: from its pods, from who works on it, and from what its stack says."""

from enum import StrEnum

from branchenv.inventory.endings import Ending, Removal, is_here
from branchenv.inventory.join import Known
from branchenv.inventory.world import World
from branchenv.model.records import ClusterRecord, StackRecord
from core.contract import Base
from core.route_kinds import route_kind

_MAY_BE_ON_ITS_WAY = (Removal.EMPTY, Removal.NO_OBJECTS)
"""What is so for a moment in every deploy."""


class State(StrEnum):
    """How an environment is. docs/operations.md lists these."""

    READY = "ready"
    """Every pod that it should have is ready."""
    DEPLOYING = "deploying"
    """Its first pods are on their way."""
    FAILING = "failing"
    ASLEEP = "asleep"
    """No pods; the URL says how to wake it."""
    STALE = "stale"
    """Every pod is ready, but the base stack was changed since its deploy: its URL may no longer be served."""
    EXPIRED = "expired"
    """Its end has come: a sweep removes it."""
    STOPPING = "stopping"
    ORPHAN = "orphan"
    """Nobody needs it any more: a sweep removes it."""
    UNKNOWN = "unknown"
    """The cluster was not seen."""


def state(known: Known, world: World, ending: Ending | None) -> tuple[State, str]:
    """Say how an environment is, and what a person should know of that, in one line.

    Args:
        known: what the sources have of it.
        world: what else they answered.
        ending: why it is to be removed, if so.
    """
    stack, cluster, entry = known.stack, known.cluster, known.gitlab
    if (cluster and cluster.leaving) or (entry and entry.state == "stopping"):
        return State.STOPPING, "it is being removed"
    if ending and not (ending.held and ending.rule in _MAY_BE_ON_ITS_WAY):
        return State.EXPIRED if ending.rule is Removal.EXPIRED else State.ORPHAN, ending.why
    if stack and stack.damaged:
        return State.FAILING, f"its stack's state is damaged: {stack.damaged}"
    if stack and stack.tags.asleep:
        return State.ASLEEP, "; ".join(each for each in (_half_asleep(cluster), changed(known, world)) if each)
    if unseen := _unseen(known, world):
        return State.UNKNOWN, unseen
    busy = _busy(stack, world)
    if cluster is None:
        if busy:
            return State.DEPLOYING, busy
        return State.FAILING, "it has no objects in the cluster: its deploy failed, or never began"
    return _running(cluster, stack, busy, changed(known, world))


def url_now(known: Known, world: World) -> str:
    """Return the URL that the base stack would give an environment now; empty if that is the one that it has."""
    if known.stack is None or world.base is None or not _is_of_base(known, world.base):
        return ""
    now = world.base.url(known.app, known.slug)
    return now if known.stack.url not in ("", now) else ""


def changed(known: Known, world: World) -> str:
    """Say what the base stack gives otherwise since an environment was deployed; empty if nothing.

    In the same words for all of an app's branches: it is one piece of news.
    """
    base, stack = world.base, known.stack
    if stack is None or base is None or not _is_of_base(known, base):
        return ""
    found = []
    if url_now(known, world):
        found.append(f"URLs are {base.url(known.app, '<branch>')}")
    if stack.outputs.get("gateway", base.gateway) != base.gateway:
        found.append(f"the gateway is {base.gateway}")
    if "gateway" in stack.outputs and bool(stack.outputs.get("gatewayApi")) != base.gateway_api:
        found.append(f"routes are {route_kind(gateway_api=base.gateway_api).kind}s")
    app = base.apps[known.app]
    if stack.outputs.get("namespace", home := app.namespace_of(known.slug)) != home:
        found.append(f"the namespace is {app.namespace_of('<branch>')}")
    if not found:
        return ""
    return f"{base.name} was changed: now {' and '.join(found)}; push the branch again, or run `branchenv up`"


def _is_of_base(known: Known, base: Base) -> bool:
    return known.stack is not None and known.stack.base == base.name and known.app in base.apps


def _unseen(known: Known, world: World) -> str:
    """Say why its pods were not seen; empty if they were."""
    if world.base and known.stack and known.stack.base and not is_here(known, world):
        return f"it is in the cluster of {known.stack.base}, which was not seen"
    if world.objects is None:
        return "the cluster was not seen"
    if world.cluster_is_doubtful and known.cluster is None:
        return "the cluster that was seen has no environment at all"
    if world.base is None and known.cluster is None:
        return "its base stack was not seen, so whether this is its cluster is not known"
    if world.base and known.stack is None and known.app not in world.base.apps:
        return f"neither a stack nor {world.base.name} knows app {known.app}"
    return ""


def _half_asleep(cluster: ClusterRecord | None) -> str:
    """Say that its pods run all the same: a command that was killed switched the page on, or not yet off."""
    if cluster is None or not cluster.wanted:
        return ""
    return f"{cluster.wanted} pods run behind its page: `branchenv sleep` or `wake`, run again, finishes what was begun"


def _running(cluster: ClusterRecord, stack: StackRecord | None, busy: str, news: str) -> tuple[State, str]:
    if cluster.ready < cluster.wanted:
        if not cluster.problems and busy:
            return State.DEPLOYING, busy
        count = f"{cluster.ready} of {cluster.wanted} pods are ready"
        return State.FAILING, "; ".join((count, *cluster.problems))
    if cluster.wanted == 0:
        if busy:
            return State.DEPLOYING, busy
        return State.FAILING, "it has no pods, though it is not asleep"
    if news:
        return State.STALE, news
    if stack and stack.pending and not busy:
        return State.READY, "its last deploy was interrupted; the next one repairs it"
    return State.READY, busy


def _busy(stack: StackRecord | None, world: World) -> str:
    """Say who is at work on it."""
    locks = [lock for lock in (stack.locks if stack else ()) if lock.key not in world.dead_locks]
    return f"{locks[0].user}@{locks[0].host} is at work on it" if locks else ""
