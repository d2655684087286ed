"""What a sweep would do with each environment: a pure function of how they are classified, and of what was seen.

Which environments are no longer needed is decided in `inventory/endings.py`, for `branchenv list` as well. As long as
one source is unreachable, nothing is deleted.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from branchenv.console import moment
from branchenv.inventory.classify import Environment
from branchenv.inventory.endings import Ending, Removal, held_stack, is_open
from branchenv.inventory.world import World
from branchenv.model.records import StackRecord, Tags
from branchenv.sweep.plan import Action, Left, SweepPlan, Upkeep, Verb
from core.contract import App


def plan(environments: Iterable[Environment], world: World, now: datetime) -> SweepPlan:
    """Say what is to be done, and why.

    Args:
        environments: as `classify` gives them; what is protected, or in another cluster, is left out.
        world: what the sources answered.
        now: with a time zone.
    """
    actions: list[Action] = []
    left: list[Left] = []
    silent = " and ".join(each.name for each in world.unreliable)
    unreachable = f"{silent} was not seen, so that nothing is deleted" if silent else ""
    for each in sorted(environments, key=lambda found: (found.app, found.slug)):
        if not each.swept:
            continue
        if each.ending:
            if reason := each.ending.held or unreachable:
                left.append(Left(name=each.name, branch=each.branch, why=f"{each.ending.why}, but {reason}"))
            else:
                actions += _removal(each, each.ending)
            continue
        app = world.base.apps.get(each.app) if world.base else None
        if app is None or each.stack is None:
            continue
        found = list(_upkeep(each, each.stack, app, world, now))
        reason = held_stack(each.stack, world, now)
        if not reason:
            actions += found
        elif held := [action for action in found if action.verb != Verb.NOTE]:
            left.append(Left(name=each.name, branch=each.branch, why=f"{held[0].why}, but {reason}"))
    return SweepPlan(actions=tuple(actions), left=tuple(left))


def _removal(each: Environment, ending: Ending) -> Iterator[Action]:
    """Remove it from backend and cluster; stop its entry in GitLab, and delete that if its branch cannot come back."""
    if each.stack:
        yield _action(Verb.DESTROY, ending.rule, ending.why, each)
    elif each.cluster:
        yield _action(Verb.DELETE, ending.rule, ending.why, each)
    if each.gitlab:
        if each.gitlab.state != "stopped":
            yield _action(Verb.STOP, ending.rule, ending.why, each)
        if ending.branch_deleted:
            yield _action(Verb.FORGET, ending.rule, ending.why, each)


def _upkeep(each: Environment, stack: StackRecord, app: App, world: World, now: datetime) -> Iterator[Action]:
    yield from _warning(each, stack.tags, app, world, now)
    if not stack.tags.asleep:
        yield from _use(each, stack, app, world, now)


def _use(each: Environment, stack: StackRecord, app: App, world: World, now: datetime) -> Iterator[Action]:
    """Note that it was asked for, or put it to sleep if nobody has for long."""
    idle_after, tags = app.lifecycle.idle_after, stack.tags
    count = (world.requests or {}).get((each.app, each.slug))
    if idle_after is None or count is None or not tags.branch:
        return
    if count != tags.requests:
        before = "not counted before" if tags.requests is None else f"{tags.requests} before"
        yield _action(Verb.NOTE, Upkeep.USED, f"{count} requests at the gateway, {before}", each, requests=count)
        return
    used = max((time for time in (tags.active, tags.updated, stack.last_update) if time), default=None)
    if used and now - used >= idle_after:
        yield _action(Verb.SLEEP, Upkeep.IDLE, f"nobody asked for it since {moment(used)}", each)


def _warning(each: Environment, tags: Tags, app: App, world: World, now: datetime) -> Iterator[Action]:
    before = app.lifecycle.warn_before
    if not before or tags.expires is None or tags.expires - now > before or tags.warned == tags.expires:
        return
    if (iid := merge_request_of(tags, world)) is not None:
        yield _action(
            Verb.WARN, Upkeep.EXPIRES_SOON, f"it expires at {moment(tags.expires)}: !{iid} gets a warning", each
        )


def merge_request_of(tags: Tags, world: World) -> int | None:
    """Return the open merge request of an environment, which is where people hear of it."""
    if not tags.project or tags.project != world.project:
        return None
    found = [each.iid for each in world.merge_requests or () if is_open(each, tags.branch)]
    return tags.merge_request if tags.merge_request in found else min(found, default=None)


def _action(verb: Verb, rule: Removal | Upkeep, why: str, each: Environment, requests: int | None = None) -> Action:
    return Action(
        verb=verb,
        rule=rule,
        app=each.app,
        slug=each.slug,
        branch=each.branch,
        why=why,
        environment=each,
        requests=requests,
    )
