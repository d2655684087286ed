"""What a sweep would do, and above all what it would not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from branchenv.inventory.classify import classify
from branchenv.inventory.endings import Removal, is_protected
from branchenv.inventory.join import Known
from branchenv.inventory.world import GRACE, Reach, SourceStatus, World
from branchenv.model.records import ClusterRecord, GitLabEnvironment, Lock, MergeRequest, StackRecord, Tags
from branchenv.sweep.plan import Action, SweepPlan, Verb
from branchenv.sweep.rules import plan
from core.contract import App, Base, Lifecycle
from core.names import slug
from tests.unit import bases

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=3)
PROJECT = "team/shop"
POLICY = Lifecycle(
    warn_before=timedelta(days=1), idle_after=timedelta(hours=4), protected=("release/*", "demo"), lifetime=None
)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the sources said beside the environments; None: not seen."""

    project: str = ""
    branches: frozenset[str] | None = None
    merge_requests: dict[int, MergeRequest] | None = None
    cluster: bool = False
    requests: dict[tuple[str, str], int] | None = None
    dead: frozenset[str] = frozenset()
    one_base: bool = False
    sources: tuple[SourceStatus, ...] = ()


def base(policy: Lifecycle = POLICY) -> Base:
    """Return a base stack with one app."""
    app = App(
        namespace="shop",
        domain="shop.localhost",
        service_account="shop",
        default_branch="trunk",
        reserved_slugs=("main", "docs"),
        lifecycle=policy,
    )
    return bases.base(app)


def tags(branch: str, **more: Any) -> Tags:
    """Return what a pipeline notes on a stack."""
    given = {"branch": branch, "app": "shop", "project": PROJECT, "pipeline": "https://gitlab/1", "created": LONG_AGO}
    return Tags(**{**given, "updated": LONG_AGO, **more})


def environment(branch: str, *, without: str = "", state: str = "available", **more: Any) -> Known:
    """Return an environment that all sources know of, but for those that are left out."""
    own = slug(branch, ("docs",))
    stack = StackRecord(
        name=f"shop.{own}",
        tags=more.pop("tags", tags(branch)),
        outputs=more.pop("outputs", {"base": "base-local", "branch": branch}),
        resources=more.pop("resources", 6),
        last_update=more.pop("last_update", LONG_AGO),
        **more,
    )
    objects = ClusterRecord(app="shop", slug=own, branch=branch, namespace="shop", anchor=own, created=LONG_AGO)
    entry = GitLabEnvironment(id=1, name=f"shop/{branch}", state=state)
    return Known(
        app="shop",
        slug=own,
        branch=branch,
        stack=None if "stack" in without else stack,
        cluster=None if "cluster" in without else objects,
        gitlab=None if "gitlab" in without else entry,
    )


def seen(*branches: str, **more: Any) -> Seen:
    """Return sources that were all seen, with these branches beside the default one."""
    given = {"project": PROJECT, "branches": frozenset({"trunk", *branches}), "merge_requests": {}, "cluster": True}
    return Seen(**{**given, **more})


def verbs(found: SweepPlan) -> list[Verb]:
    """Return what is done."""
    return [action.verb for action in found.actions]


def world_of(environments: Iterable[Known], answers: Seen, policy: Lifecycle = POLICY) -> World:
    """Return the world that has these environments."""
    found = list(environments)
    bases = ("base-local",) if answers.one_base else ("base-local", "base-other")
    return World(
        project=answers.project,
        base=base(policy),
        stacks=[*(StackRecord(name=name) for name in bases), *(each.stack for each in found if each.stack)],
        objects=[each.cluster for each in found if each.cluster] if answers.cluster else None,
        branches=answers.branches,
        merge_requests=None if answers.merge_requests is None else list(answers.merge_requests.values()),
        entries=[each.gitlab for each in found if each.gitlab],
        requests=answers.requests,
        dead_locks=answers.dead,
        sources=answers.sources,
    )


def plan_for(environments: Iterable[Known], answers: Seen, policy: Lifecycle = POLICY) -> SweepPlan:
    """Plan for these environments."""
    world = world_of(environments, answers, policy)
    return plan(classify(world, NOW), world, NOW)


def planned(*environments: Known, answers: Seen | None = None, policy: Lifecycle = POLICY) -> SweepPlan:
    """Plan for these environments; unless told otherwise, all was seen and none of their branches is left."""
    return plan_for(environments, answers or seen(), policy)


def test_a_branch_that_is_gone_takes_its_environment_with_it_everywhere() -> None:
    found = planned(environment("feature/x"))
    assert verbs(found) == [Verb.DESTROY, Verb.STOP, Verb.FORGET], "nothing of it stays in backend, cluster or GitLab"
    assert {action.rule for action in found.actions} == {Removal.BRANCH_DELETED}, "one reason for all three"
    assert "feature/x" in found.actions[0].why, "a person is told which branch"


def test_a_branch_that_is_there_keeps_its_environment() -> None:
    assert planned(environment("feature/x"), answers=seen("feature/x")) == SweepPlan(), "nothing is wrong with it"


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param(seen(branches=None), id="no_branches"),
        pytest.param(seen(merge_requests=None), id="no_merge_requests"),
        pytest.param(seen(project="team/other"), id="the_branches_of_another_project"),
        pytest.param(Seen(), id="nothing_at_all"),
    ],
)
def test_nothing_goes_because_a_source_was_silent(answers: Seen) -> None:
    left_overs = [environment("a"), environment("b", without="cluster")]
    # Its project is the world's own: where it was listed, its branches are those that were listed.
    left_overs += [] if answers.branches else [environment("c", without="stack cluster")]
    found = [action for action in planned(*left_overs, answers=answers).actions if action.rule != Removal.NO_OBJECTS]
    assert not found, "what was not seen is no reason to remove anything"


@pytest.mark.parametrize("reach", [Reach.MISSING, Reach.DOUBTFUL])
@pytest.mark.parametrize("name", ["backend", "cluster", "gitlab"])
def test_as_long_as_a_source_is_unreachable_nothing_is_deleted(name: str, reach: Reach) -> None:
    world = [
        environment("gone"),
        environment("late", tags=tags("late", expires=LONG_AGO)),
        environment("empty", without="cluster", resources=0),
        environment("lost", without="stack"),
        environment("idle", tags=tags("idle", requests=5, active=LONG_AGO)),
    ]
    answers = seen("late", "empty", "idle", requests={("shop", "idle"): 5})
    assert {action.verb for action in planned(*world, answers=answers).actions} >= {Verb.DESTROY, Verb.DELETE}, "else"
    silent = replace(answers, sources=(SourceStatus(name=name, reach=reach, why="no route to host"),))
    found = planned(*world, answers=silent)
    assert verbs(found) == [Verb.SLEEP], "what can be taken back is done"
    assert len(found.left) == 4, "a person is told what waits"
    assert all(f"{name} was not seen" in each.why for each in found.left), "and for what"


def test_a_source_that_nothing_is_deleted_for_the_sake_of_may_be_missing() -> None:
    gateway = SourceStatus(name="gateway", reach=Reach.MISSING, why="its counts cannot be read")
    late = environment("x", tags=tags("x", expires=LONG_AGO))
    found = planned(late, answers=seen("x", sources=(gateway,)))
    assert verbs(found)[0] == Verb.DESTROY, "only sleep rests on the gateway's counts"
    unasked = SourceStatus(name="gitlab", reach=Reach.NOT_ASKED, why="no token is given")
    found = planned(late, answers=Seen(cluster=True, sources=(unasked,)))
    assert verbs(found)[0] == Verb.DESTROY, "without GitLab, an expiry is an expiry"


def test_a_stack_of_an_app_that_the_base_stack_no_longer_has_goes() -> None:
    stack = environment("x").stack
    assert stack is not None
    old = replace(stack, name="old.x", tags=replace(stack.tags, app="old"))
    left = Known(app="old", slug="x", branch="x", stack=old)
    found = planned(left, answers=seen("x"))
    assert [(each.verb, each.rule) for each in found.actions] == [(Verb.DESTROY, Removal.APP_REMOVED)], (
        "nobody else would"
    )
    assert "base-local no longer has app old" in found.actions[0].why, "and a person can tell that it was meant"
    for kept in (
        replace(old, outputs={"base": "org/p/base-other"}),
        replace(old, outputs={}),
        replace(old, tags=Tags()),
    ):
        assert planned(replace(left, stack=kept), answers=seen("x", one_base=True)) == SweepPlan(), (
            "another cluster's, one that names no base stack, and one that a person made by hand are not ours"
        )


def test_objects_are_not_missing_where_the_cluster_was_not_seen() -> None:
    found = planned(environment("a", without="cluster"), answers=seen("a", cluster=False))
    assert found == SweepPlan(), "the wrong cluster, or none, shows no objects either"


def test_an_open_merge_request_of_a_fork_keeps_an_environment_whose_branch_is_not_in_the_project() -> None:
    request = MergeRequest(iid=3, branch="feature/x", state="opened", url="", from_fork=True)
    assert planned(environment("feature/x"), answers=seen(merge_requests={3: request})) == SweepPlan(), (
        "it is in the fork"
    )


@pytest.mark.parametrize("state", ["closed", "merged"])
def test_a_merge_request_that_is_over_takes_the_environment_with_it(state: str) -> None:
    request = MergeRequest(iid=3, branch="x", state=state, url="")
    answers = seen("x", merge_requests={3: request})
    found = planned(environment("x", tags=tags("x", merge_request=3)), answers=answers)
    assert verbs(found) == [Verb.DESTROY, Verb.STOP], "its branch may come back, so GitLab keeps its history"
    again = replace(answers, merge_requests={3: request, 4: replace(request, iid=4, state="opened")})
    assert planned(environment("x", tags=tags("x", merge_request=3)), answers=again) == SweepPlan(), (
        "another one is open"
    )
    assert planned(environment("x"), answers=answers) == SweepPlan(), (
        "a stack that names no merge request has outlived none"
    )


def test_what_has_expired_goes_though_its_branch_is_there() -> None:
    found = planned(environment("x", tags=tags("x", expires=NOW)), answers=seen("x"))
    assert verbs(found) == [Verb.DESTROY, Verb.STOP], "an expiry is a promise"


@pytest.mark.parametrize("made_by", [{"pipeline": ""}, {"project": ""}])
def test_what_a_person_deployed_goes_when_it_expires_and_not_before(made_by: dict[str, str]) -> None:
    by_hand = environment("x", tags=tags("x", **made_by))
    assert planned(by_hand) == SweepPlan(), "a person's branch may never have been pushed"
    late = environment("x", tags=tags("x", expires=LONG_AGO, **made_by))
    assert verbs(planned(late))[0] == Verb.DESTROY, "unless it has expired"


@pytest.mark.parametrize("made_by", [{"pipeline": ""}, {"project": ""}, {"project": "team/other"}])
def test_what_a_person_or_another_project_deployed_goes_when_nothing_is_left_of_it(made_by: dict[str, str]) -> None:
    empty = environment("x", tags=tags("x", **made_by), resources=0, without="cluster gitlab")
    assert [action.rule for action in planned(empty).actions] == [Removal.EMPTY], "there is nothing to lose"
    lost = environment("x", tags=tags("x", **made_by), without="cluster gitlab")
    assert [action.rule for action in planned(lost).actions] == [Removal.NO_OBJECTS], "its state speaks of nothing"
    request = MergeRequest(iid=3, branch="x", state="merged", url="")
    whole = environment("x", tags=tags("x", merge_request=3, **made_by))
    assert planned(whole, answers=seen(merge_requests={3: request})) == SweepPlan(), "git and GitLab do not judge it"


def test_a_stack_without_tags_is_left_alone() -> None:
    for without in ("", "cluster"):
        found = planned(environment("x", tags=Tags(), without=f"gitlab {without}"))
        assert found == SweepPlan(), "whoever made it by hand removes it by hand"
    assert planned(environment("x", tags=Tags(), resources=0, without="gitlab")) == SweepPlan(), "empty or not"


def test_objects_that_no_stack_knows_are_deleted() -> None:
    found = planned(environment("x", without="stack gitlab"), answers=seen("x"))
    assert verbs(found) == [Verb.DELETE], "Pulumi can no longer do it"


def test_objects_that_are_just_being_made_are_not() -> None:
    fresh = environment("x", without="stack gitlab")
    assert fresh.cluster is not None
    for created in (NOW - GRACE / 2, None):
        young = replace(fresh, cluster=replace(fresh.cluster, created=created))
        found = planned(young)
        assert not found.actions, "their stack may have come into being after stacks were listed"
        assert len(found.left) == 1, "and a person is told"


def test_a_stack_whose_objects_are_gone_goes() -> None:
    assert verbs(planned(environment("x", without="cluster gitlab"), answers=seen("x"))) == [Verb.DESTROY]


def test_an_empty_stack_goes() -> None:
    found = planned(environment("x", without="cluster gitlab", resources=0), answers=seen("x"))
    assert [action.rule for action in found.actions] == [Removal.EMPTY]


def test_an_empty_stack_with_pending_operations_stays_for_the_next_up() -> None:
    found = planned(environment("x", without="cluster gitlab", resources=0, pending=("urn",)), answers=seen("x"))
    assert found == SweepPlan(), "what it was about to make may be there"


@pytest.mark.parametrize(
    ("state", "expected"),
    [("available", [Verb.STOP, Verb.FORGET]), ("stopping", [Verb.STOP, Verb.FORGET]), ("stopped", [])],
)
def test_an_entry_in_gitlab_that_nothing_stands_behind_goes(state: str, expected: list[Verb]) -> None:
    nothing = environment("x", without="stack cluster", state=state)
    assert verbs(planned(nothing)) == expected, "stopped before deleted; one that was stopped already is history"
    assert planned(nothing, answers=seen("x")) == SweepPlan(), "a job may be about to make what it stands for"


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        (Removal.MERGE_REQUEST_DONE, environment("x", tags=tags("x", merge_request=3))),
        (Removal.EXPIRED, environment("x", tags=tags("x", expires=LONG_AGO, pipeline=""))),
        (Removal.EMPTY, environment("x", tags=tags("x", pipeline=""), resources=0, without="cluster")),
        (Removal.NO_OBJECTS, environment("x", tags=tags("x", pipeline=""), without="cluster")),
        (Removal.NO_STACK, environment("x", without="stack")),
    ],
)
def test_whatever_goes_is_stopped_in_gitlab_and_deleted_there_if_its_branch_is_deleted(
    rule: Removal, left: Known
) -> None:
    over = {3: MergeRequest(iid=3, branch="x", state="merged", url="")}
    there = planned(left, answers=seen("x", merge_requests=over))
    assert {action.rule for action in there.actions} == {rule}, "one reason for all of it"
    assert verbs(there)[1:] == [Verb.STOP], "a push comes back to the entry and its history"
    removed = planned(left, answers=seen(merge_requests=over))
    assert verbs(removed)[1:] == [Verb.STOP, Verb.FORGET], "nothing comes back: nothing stays, stopped before deleted"


def test_an_entry_that_is_known_by_its_slug_alone_belongs_to_the_branch_with_that_slug() -> None:
    entry = replace(environment("feature/x", without="stack cluster"), branch=slug("feature/x"))
    assert planned(entry, answers=seen("feature/x")) == SweepPlan(), "the branch is there under its full name"


@pytest.mark.parametrize("name", ["trunk", "main", "release/1.0", "demo"])
def test_protected_names_are_never_touched(name: str) -> None:
    for without in ("", "stack", "cluster", "stack cluster"):
        old = environment(name, without=without, tags=tags(name, expires=LONG_AGO))
        assert planned(old) == SweepPlan(), "whatever else is true of it"


def test_what_stands_in_the_place_of_a_reserved_slug_is_never_touched() -> None:
    found = environment("x", without="stack gitlab")
    assert found.cluster is not None
    reserved = replace(found, slug="docs", cluster=replace(found.cluster, slug="docs"))
    assert planned(reserved) == SweepPlan(), "something else in the namespace is called so"


def test_a_star_is_the_only_special_character_of_a_protected_name() -> None:
    policy = Lifecycle(protected=("v[1]", "a?"))
    app = base(policy).apps["shop"]
    assert not is_protected(environment("v1"), app), "brackets stand for themselves"
    assert not is_protected(environment("ab"), app), "and so do question marks"


def test_a_stack_that_somebody_works_on_is_left_for_the_next_run() -> None:
    lock = Lock(key="k", user="carol", host="laptop", pid=1, since=LONG_AGO)
    found = planned(environment("x", locks=(lock,)))
    assert not found.actions, "a destroy would fail, or worse, meet a deploy"
    assert "carol@laptop" in found.left[0].why, "and a person is told whom to ask"
    assert verbs(planned(environment("x", locks=(lock,)), answers=seen(dead=frozenset({"k"}))))[0] == Verb.DESTROY, (
        "a lock whose owner is gone is no reason to wait"
    )


def test_what_was_just_updated_is_left_for_the_next_run() -> None:
    for young in ({"last_update": NOW - GRACE / 2}, {"tags": tags("x", created=NOW)}):
        found = planned(environment("x", **young))
        assert not found.actions, "its own stop job may be on the way"
        assert len(found.left) == 1, "and a person is told"


def test_a_damaged_state_is_told_and_left() -> None:
    found = planned(environment("x", damaged="it is no JSON"))
    assert not found.actions, "nobody knows what it holds"
    assert "no JSON" in found.left[0].why, "a person has to repair it"


def test_stacks_of_another_cluster_are_not_destroyed_from_this_one() -> None:
    other = environment("x", outputs={"base": "base-other"})
    assert planned(other) == SweepPlan(), "their objects would stay, and their state would be lost"
    unknown = environment("x", outputs={}, without="cluster")
    assert planned(unknown) == SweepPlan(), "its first `up` never ended: it may be anywhere"
    assert verbs(planned(unknown, answers=seen(one_base=True)))[0] == Verb.DESTROY, "unless there is one cluster only"


REQUEST = MergeRequest(iid=7, branch="x", state="opened", url="")


def test_a_merge_request_is_warned_once_per_expiry() -> None:
    soon = NOW + timedelta(hours=5)
    answers = seen("x", merge_requests={7: REQUEST})
    found = planned(environment("x", tags=tags("x", expires=soon)), answers=answers)
    assert verbs(found) == [Verb.WARN], "somebody may want to extend it"
    warned_of = environment("x", tags=tags("x", expires=soon, warned=soon))
    assert planned(warned_of, answers=answers) == SweepPlan(), "once is enough"
    extended = environment("x", tags=tags("x", expires=soon + timedelta(hours=1), warned=soon))
    assert verbs(planned(extended, answers=answers)) == [Verb.WARN], "an extension has an end as well"
    later = environment("x", tags=tags("x", expires=NOW + timedelta(days=2)))
    assert planned(later, answers=answers) == SweepPlan(), "it is early yet"
    unasked = environment("x", tags=tags("x", expires=soon))
    assert planned(unasked, answers=seen("x")) == SweepPlan(), "there is nobody to tell"


def test_use_is_noted_and_puts_sleep_off() -> None:
    used = environment("x", tags=tags("x", requests=10, active=LONG_AGO))
    for count in (11, 3):
        found = planned(used, answers=seen("x", requests={("shop", "x"): count}))
        assert verbs(found) == [Verb.NOTE], "more requests, or a gateway that counts from zero again, are use"
        assert found.actions[0].requests == count, "the next sweep compares with it"


def test_what_nobody_asked_for_is_put_to_sleep() -> None:
    idle = environment("x", tags=tags("x", requests=10, active=LONG_AGO))
    answers = seen("x", requests={("shop", "x"): 10})
    assert verbs(planned(idle, answers=answers)) == [Verb.SLEEP]
    assert planned(idle, answers=answers, policy=Lifecycle()) == SweepPlan(), "unless nothing sleeps by itself"
    asleep = environment("x", tags=tags("x", requests=10, active=LONG_AGO, asleep=True))
    assert planned(asleep, answers=answers) == SweepPlan(), "it sleeps already"
    assert planned(idle, answers=seen("x")) == SweepPlan(), "or the gateway did not tell"
    woken = environment("x", tags=tags("x", requests=10, active=LONG_AGO), last_update=NOW - timedelta(hours=1))
    assert planned(woken, answers=answers) == SweepPlan(), "or it was deployed since"


def test_an_environment_without_a_count_is_counted_before_it_is_put_to_sleep() -> None:
    found = planned(environment("x"), answers=seen("x", requests={("shop", "x"): 0}))
    assert verbs(found) == [Verb.NOTE], "the count is new, so nobody knows since when it stands"


# --- properties: whatever the sources say ---

_moments = st.integers(-200, 200).map(lambda hours: NOW + timedelta(hours=hours))
_names = st.sampled_from(["a", "b", "feature/x", "Feature/X", "release/2", "trunk", "main", "docs", "demo", "hotfix"])
_maybe = st.one_of(st.none(), _moments)


@st.composite
def _environments(draw: st.DrawFn) -> list[Known]:
    made = []
    for branch in draw(st.lists(_names, unique=True)):
        found = tags(
            branch,
            pipeline=draw(st.sampled_from(["", "url"])),
            project=draw(st.sampled_from([PROJECT, "", "team/other"])),
            merge_request=draw(st.sampled_from([None, 1, 2])),
            expires=draw(_maybe),
            created=draw(_maybe),
            active=draw(_maybe),
            warned=draw(_maybe),
            requests=draw(st.sampled_from([None, 0, 5])),
            asleep=draw(st.booleans()),
        )
        lock = Lock(key=draw(st.sampled_from("kl")), user="u", host="h", pid=1, since=LONG_AGO)
        made.append(
            environment(
                branch,
                without=draw(st.sampled_from(["", "stack", "cluster", "gitlab", "stack cluster", "stack gitlab"])),
                state=draw(st.sampled_from(["available", "stopping", "stopped"])),
                tags=draw(st.sampled_from([found, Tags()])),
                outputs=draw(st.sampled_from([{}, {"base": "base-local"}, {"base": "base-other"}])),
                resources=draw(st.sampled_from([0, 6])),
                last_update=draw(_maybe),
                locks=(lock,) if draw(st.booleans()) else (),
                pending=draw(st.sampled_from([(), ("urn",)])),
                damaged=draw(st.sampled_from(["", "broken"])),
            )
        )
    return made


_merge_requests = st.dictionaries(
    st.sampled_from([1, 2]),
    st.builds(
        MergeRequest,
        iid=st.just(1),
        branch=_names,
        state=st.sampled_from(["opened", "closed", "merged"]),
        url=st.just(""),
    ),
)
_sights = st.builds(
    Seen,
    project=st.sampled_from([PROJECT, ""]),
    branches=st.one_of(st.none(), st.frozensets(_names)),
    merge_requests=st.one_of(st.none(), _merge_requests),
    cluster=st.booleans(),
    requests=st.one_of(
        st.none(), st.dictionaries(_names.map(lambda name: ("shop", slug(name, ("docs",)))), st.just(5))
    ),
    dead=st.sampled_from([frozenset(), frozenset("k")]),
    one_base=st.booleans(),
)


def done(environments: Iterable[Known], actions: Sequence[Action]) -> list[Known]:
    """Return the world after these actions, each of which succeeds."""
    world = {each.slug: each for each in environments}
    for action in actions:
        now = world[action.slug]
        if action.verb == Verb.DESTROY:
            now = replace(now, stack=None, cluster=None)
        elif action.verb == Verb.DELETE:
            now = replace(now, cluster=None)
        elif action.verb == Verb.STOP and now.gitlab:
            now = replace(now, gitlab=replace(now.gitlab, state="stopped"))
        elif action.verb == Verb.FORGET:
            now = replace(now, gitlab=None)
        elif now.stack:
            stack = now.stack
            by_verb: dict[Verb, dict[str, Any]] = {
                Verb.SLEEP: {"asleep": True},
                Verb.WARN: {"warned": stack.tags.expires},
                Verb.NOTE: {"requests": action.requests, "active": NOW},
            }
            now = replace(now, stack=replace(stack, tags=replace(stack.tags, **by_verb[action.verb])))
        world[action.slug] = now
    return list(world.values())


@given(_environments(), _sights)
def test_a_second_sweep_finds_nothing(environments: list[Known], answers: Seen) -> None:
    first = plan_for(environments, answers)
    second = plan_for(done(environments, first.actions), answers)
    assert second.actions == (), "whatever could be done was done"


@given(_environments(), _sights)
def test_no_sweep_touches_what_is_protected_locked_young_or_elsewhere(environments: list[Known], answers: Seen) -> None:
    found = plan_for(environments, answers)
    for action in found.actions:
        stack = action.environment.stack
        assert action.branch not in {"trunk", "main", "demo", "release/2"}, "protected"
        if stack:
            assert all(lock.key in answers.dead for lock in stack.locks), "locked by somebody alive"
            assert not stack.damaged, "unreadable"
            assert stack.outputs.get("base") != "base-other", "in another cluster"
            assert not stack.last_update or NOW - stack.last_update >= GRACE, "just updated"


@given(_environments(), _sights)
def test_what_was_not_seen_removes_nothing(environments: list[Known], answers: Seen) -> None:
    blind = replace(answers, branches=None, merge_requests=None, cluster=False, requests=None)
    for action in plan_for(environments, blind).actions:
        assert action.rule in {Removal.EXPIRED, Removal.EMPTY, Removal.NO_STACK}, (
            "these rest on stacks and objects that were seen"
        )


@given(_environments(), _sights)
def test_a_person_s_stack_goes_only_when_it_expires(environments: list[Known], answers: Seen) -> None:
    for action in plan_for(environments, answers).actions:
        stack = action.environment.stack
        if action.verb == Verb.DESTROY and stack and not stack.tags.branch:
            raise AssertionError("whoever made a stack without branchenv removes it")


@given(_environments(), _sights)
def test_the_order_of_the_sources_does_not_matter(environments: list[Known], answers: Seen) -> None:
    there, back = (plan_for(each, answers) for each in (environments, environments[::-1]))
    assert there == back, "two sweeps of one world do the same"
