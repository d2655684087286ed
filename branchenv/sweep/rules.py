"""What a sweep would do with each environment, and why: a pure function of what was seen.

A sweep trusts nobody, itself included. It acts on what it has seen, never on what it has not: where a source could not
be read, or answered with suspicious emptiness, the rules that rest on it do not apply (`Sight`). A person's work is
left alone: what was deployed by hand goes when it expires, not because git knows no such branch.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from branchenv.model.base import App, Base
from branchenv.model.records import MergeRequest, StackRecord, Tags
from branchenv.sweep.plan import Action, Known, Left, Plan, Rule, Sight, Verb
from core.names import RESERVED_SLUGS, BranchNameError, slug

_FINISHED = ("closed", "merged")


@dataclass(frozen=True, kw_only=True)
class _Looking:
    """What the rules look at, for one app."""

    app: App
    sight: Sight
    now: datetime
    slugs: frozenset[str]
    """Of all branches."""


def plan(environments: Iterable[Known], sight: Sight, base: Base, now: datetime) -> Plan:
    """Say what is to be done, and why.

    Args:
        environments: of any app and any cluster; what is not of this base stack is left out.
        sight: what was seen beside them.
        base: whose cluster is swept, with the policies of its apps.
        now: with a time zone.
    """
    actions: list[Action] = []
    left: list[Left] = []
    views = {name: _Looking(app=app, sight=sight, now=now, slugs=_slugs(app, sight)) for name, app in base.apps.items()}
    for environment in sorted(environments, key=lambda each: (each.app, each.slug)):
        view = views.get(environment.app)
        if view is None or is_protected(environment, view.app) or not _is_of(environment, base, sight):
            continue
        found = list(_actions(environment, view))
        reason = _left_alone(environment, view)
        if not reason:
            actions += found
        elif told := [action for action in found if action.verb != Verb.NOTE]:
            left.append(Left(name=told[0].name, branch=environment.branch, why=f"{told[0].why}, but {reason}"))
    return Plan(actions=tuple(actions), left=tuple(left))


def is_protected(environment: Known, app: App) -> bool:
    """Whether a sweep never touches it: the default branch, reserved slugs, and what the policy protects.

    An environment's branch is known by several names where its sources disagree; one protected name is enough.
    """
    if environment.slug in RESERVED_SLUGS or environment.slug in app.reserved_slugs:
        return True
    names = {environment.branch, environment.slug}
    names |= {environment.stack.tags.branch, environment.stack.branch} if environment.stack else set()
    names |= {environment.cluster.branch} if environment.cluster else set()
    patterns = (app.default_branch, *RESERVED_SLUGS)
    return bool(names & set(patterns)) or any(
        fnmatchcase(name, _as_glob(pattern)) for name in names if name for pattern in app.policy.protected
    )


def _as_glob(pattern: str) -> str:
    # Only the star is special in a policy: `[` and `?` stand for themselves.
    return pattern.replace("[", "[[]").replace("?", "[?]")


def _is_of(environment: Known, base: Base, sight: Sight) -> bool:
    """Whether it is in this base stack's cluster: destroying another cluster's from here would only lose its state."""
    stack = environment.stack
    if stack is None:
        return True
    named = str(stack.outputs.get("base", "")).rpartition("/")[2]
    if named:
        return named == base.name
    return environment.cluster is not None or stack.resources == 0 or sight.alone


def _slugs(app: App, sight: Sight) -> frozenset[str]:
    made = set()
    for branch in sight.branches or ():
        # git has names that no environment can have, such as another tool's.
        with suppress(BranchNameError):
            made.add(slug(branch, app.reserved_slugs))
    return frozenset(made)


def _left_alone(environment: Known, view: _Looking) -> str:
    """Say why an environment is not to be touched just now; empty if it may be."""
    stack, cluster = environment.stack, environment.cluster
    if stack is None:
        if cluster is None:
            return ""
        if not (cluster.anchor or cluster.own_namespace):
            return "they have no anchor: Kubernetes is about to collect them, or somebody made them by hand"
        young = cluster.created is None or view.now - cluster.created < view.sight.grace
        return "they have just been made" if young else ""
    if held := [lock for lock in stack.locks if lock.key not in view.sight.gone]:
        return f"its stack is locked by {held[0].user}@{held[0].host}"
    if stack.damaged:
        return f"its stack's state is damaged: {stack.damaged}"
    touched = [moment for moment in (stack.last_update, stack.tags.created) if moment]
    return "it has just been updated" if touched and view.now - max(touched) < view.sight.grace else ""


def _actions(environment: Known, view: _Looking) -> Iterator[Action]:
    ending = _ending(environment, view)
    if ending:
        rule, why = ending
        if environment.stack:
            yield _action(Verb.DESTROY, rule, why, environment)
        elif environment.cluster:
            yield _action(Verb.DELETE, rule, why, environment)
        yield from _in_gitlab(environment, rule, why, view)
    elif environment.stack:
        yield from _warning(environment, environment.stack.tags, view)
        if not environment.stack.tags.asleep:
            yield from _use(environment, environment.stack, view)


def _ending(environment: Known, view: _Looking) -> tuple[Rule, str] | None:
    """Say by which rule an environment ends, if by any."""
    stack, sight = environment.stack, view.sight
    if stack is None:
        return _ending_without_stack(environment, view)
    tags = stack.tags
    if _by_pipeline(tags, sight):
        if _gone(environment, view):
            return Rule.BRANCH_GONE, f"its branch {tags.branch} is gone"
        if done := _finished(tags, sight):
            return Rule.MERGE_REQUEST_DONE, f"its merge request !{done.iid} is {done.state}"
    if tags.expires and tags.expires <= view.now:
        return Rule.EXPIRED, f"it has expired at {_told(tags.expires)}"
    # What a person made without branchenv, empty or not, may be what they are at work on.
    if not tags.branch:
        return None
    if stack.resources == 0 and not stack.pending and (stack.last_update or tags.created):
        return Rule.EMPTY, Rule.EMPTY.value
    # Outputs: an `up` has ended well since, so that there should be objects.
    if stack.resources and stack.outputs and environment.cluster is None and sight.cluster:
        return Rule.NO_OBJECTS, Rule.NO_OBJECTS.value
    return None


def _ending_without_stack(environment: Known, view: _Looking) -> tuple[Rule, str] | None:
    if environment.cluster:
        return None if environment.cluster.leaving else (Rule.NO_STACK, Rule.NO_STACK.value)
    if environment.gitlab and view.sight.cluster and _gone(environment, view):
        return Rule.NOTHING_LEFT, Rule.NOTHING_LEFT.value
    return None


def _in_gitlab(environment: Known, rule: Rule, why: str, view: _Looking) -> Iterator[Action]:
    """Stop its entry in GitLab; delete that too, if its branch can no longer come back to it."""
    entry = environment.gitlab
    if entry is None:
        return
    if entry.state != "stopped":
        yield _action(Verb.STOP, rule, why, environment)
    if _gone(environment, view):
        yield _action(Verb.FORGET, rule, why, environment)


def _use(environment: Known, stack: StackRecord, view: _Looking) -> Iterator[Action]:
    """Note that it was asked for, or put it to sleep if nobody has for long."""
    idle_after, tags = view.app.policy.idle_after, stack.tags
    count = (view.sight.requests or {}).get((environment.app, environment.slug))
    if idle_after is None or count is None or not tags.branch:
        return
    if count != tags.requests:
        before = "not counted before" if tags.requests is None else f"{tags.requests} before"
        yield _action(Verb.NOTE, Rule.USED, f"{count} requests at the gateway, {before}", environment, requests=count)
        return
    used = max((moment for moment in (tags.active, tags.updated, stack.last_update) if moment), default=None)
    if used and view.now - used >= idle_after:
        yield _action(Verb.SLEEP, Rule.IDLE, f"nobody asked for it since {_told(used)}", environment)


def _warning(environment: Known, tags: Tags, view: _Looking) -> Iterator[Action]:
    before = view.app.policy.warn_before
    if not before or tags.expires is None or tags.expires - view.now > before or tags.warned == tags.expires:
        return
    if (iid := told_where(tags, view.sight)) is not None:
        yield _action(Verb.WARN, Rule.EXPIRES_SOON, f"it expires at {_told(tags.expires)}: !{iid} is told", environment)


def told_where(tags: Tags, sight: Sight) -> int | None:
    """Give the open merge request of an environment, which is where people hear of it."""
    if not tags.project or tags.project != sight.project:
        return None
    found = [each.iid for each in (sight.merge_requests or {}).values() if _is_open(each, tags.branch)]
    return tags.merge_request if tags.merge_request in found else min(found, default=None)


def _by_pipeline(tags: Tags, sight: Sight) -> bool:
    """Whether a pipeline of this project made it: a person's branch may never have been pushed."""
    return bool(tags.branch and tags.pipeline and tags.project and tags.project == sight.project)


def _gone(environment: Known, view: _Looking) -> bool:
    """Whether git no longer has the branch. A fork's is never in this project: its open merge request stands for it."""
    sight, branch = view.sight, environment.branch
    if not branch or sight.branches is None or sight.merge_requests is None:
        return False
    # By slug as well: what GitLab or the cluster tells of a branch may be its slug alone.
    there = branch in sight.branches or environment.slug in view.slugs
    return not there and not any(_is_open(each, branch) for each in sight.merge_requests.values())


def _finished(tags: Tags, sight: Sight) -> MergeRequest | None:
    """Give its merge request if that is known to be over, and no other one is open for the branch."""
    found = (sight.merge_requests or {}).get(tags.merge_request or 0)
    if found is None or found.state not in _FINISHED:
        return None
    return None if any(_is_open(each, tags.branch) for each in (sight.merge_requests or {}).values()) else found


def _is_open(merge_request: MergeRequest, branch: str) -> bool:
    return merge_request.branch == branch and merge_request.state not in _FINISHED


def _action(verb: Verb, rule: Rule, why: str, environment: Known, requests: int | None = None) -> Action:
    return Action(
        verb=verb,
        rule=rule,
        app=environment.app,
        slug=environment.slug,
        branch=environment.branch,
        why=why,
        environment=environment,
        requests=requests,
    )


def _told(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
