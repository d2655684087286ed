"""What an environment is follows from what was seen, and nothing that was not; `list` and the sweep agree on it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from branchenv.inventory.classify import Environment, classify, cost
from branchenv.inventory.document import document
from branchenv.inventory.endings import Removal
from branchenv.inventory.states import State
from branchenv.inventory.world import Reach, SourceStatus, World
from branchenv.model.records import (
    ClusterRecord,
    GitLabEnvironment,
    Lock,
    MergeRequest,
    StackRecord,
    Tags,
)
from branchenv.sweep.plan import SweepPlan
from branchenv.sweep.rules import plan
from core.contract import App, Prices
from tests.unit.bases import base

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=3)
TAGS = Tags(
    branch="feature/a",
    app="shop",
    project="team/shop",
    pipeline="https://gitlab.example.com/p/1",
    merge_request=4,
    created=LONG_AGO,
)
STACK = StackRecord(
    name="shop.feature-a-1",
    tags=TAGS,
    outputs={"url": "http://feature-a-1.shop.localhost", "base": "org/branch-environments/base-local"},
    resources=4,
    last_update=LONG_AGO,
)
OBJECTS = ClusterRecord(
    app="shop",
    slug="feature-a-1",
    branch="feature/a",
    namespace="shop",
    anchor="a",
    created=LONG_AGO,
    wanted=2,
    ready=2,
)
REQUEST = MergeRequest(iid=4, branch="feature/a", state="opened", url="https://gitlab.example.com/4", author="carol")
APP = App(
    namespace="shop", domain="shop.localhost", service_account="shop", default_branch="main", reserved_slugs=("docs",)
)
BASE = base(APP)
SEEN = World(
    project="team/shop",
    base=BASE,
    stacks=[StackRecord(name="base-local"), STACK],
    objects=[OBJECTS],
    branches=frozenset({"main", "feature/a"}),
    merge_requests=[REQUEST],
    entries=[],
)
LOCK = Lock(key="k", user="carol", host="laptop", pid=1, since=NOW)


def only(world: World) -> Environment:
    """Return the one environment."""
    (found,) = classify(world, NOW)
    return found


def with_stack(**changes: Any) -> World:
    """Return the world in which the stack is otherwise."""
    return replace(SEEN, stacks=[replace(STACK, **changes)])


def test_all_sources_make_one_environment() -> None:
    found = only(SEEN)
    assert (found.state, found.why) == (State.READY, ""), "every pod is ready, and there is nothing to say"
    assert (found.branch, found.url) == ("feature/a", STACK.url), "from tags and outputs"
    assert (found.owner, found.merge_request, found.merge_request_url) == ("carol", 4, REQUEST.url), "from the request"


@pytest.mark.parametrize(
    ("stack", "objects", "state", "why"),
    [
        ({}, {"ready": 1, "problems": ("ImagePullBackOff",)}, State.FAILING, "1 of 2 pods are ready; ImagePullBackOff"),
        ({}, {"ready": 0, "wanted": 0}, State.FAILING, "it has no pods, though it is not asleep"),
        ({"tags": replace(TAGS, asleep=True)}, {"ready": 0, "wanted": 0}, State.ASLEEP, ""),
        ({"locks": (LOCK,)}, {"ready": 1}, State.DEPLOYING, "carol@laptop is at work on it"),
        ({"locks": (LOCK,)}, {}, State.READY, "carol@laptop is at work on it"),
        ({"damaged": "it is empty"}, {}, State.FAILING, "its stack's state is damaged: it is empty"),
        ({}, {"leaving": True}, State.STOPPING, "it is being removed"),
        (
            {"outputs": {"base": "base-other"}},
            {},
            State.UNKNOWN,
            "it is in the cluster of base-other, which was not seen",
        ),
    ],
)
def test_a_state_says_why(stack: dict[str, Any], objects: dict[str, Any], state: State, why: str) -> None:
    found = only(replace(with_stack(**stack), objects=[replace(OBJECTS, **objects)]))
    assert (found.state, found.why) == (state, why), "what a person needs to know"


# --- one world, two commands ---

_GITLAB_DOWN = (SourceStatus(name="gitlab", reach=Reach.MISSING, why="it does not answer"),)
_CLUSTER_DOWN = (SourceStatus(name="cluster", reach=Reach.MISSING, why="it does not answer"),)
_BACKEND_DOWN = (SourceStatus(name="backend", reach=Reach.MISSING, why="it does not answer"),)
_NO_BRANCH = replace(SEEN, branches=frozenset({"main"}), merge_requests=[])
_EXPIRED = {"tags": replace(TAGS, expires=LONG_AGO)}
_REMOVED_APP = replace(SEEN, base=replace(BASE, apps={"pay": APP}))
_OTHER_DOMAIN = replace(SEEN, base=replace(BASE, apps={"shop": replace(APP, domain="new.localhost")}))
_PROTECTED = replace(APP, lifecycle=replace(APP.lifecycle, protected=("feature/*",)))
_ENTRY = GitLabEnvironment(id=1, name="shop/plain", state="available")
_DEAD = {"locks": (LOCK,), "last_update": LONG_AGO}


@pytest.mark.parametrize(
    ("world", "state", "removal", "swept"),
    [
        pytest.param(SEEN, State.READY, None, False, id="all is well"),
        pytest.param(
            replace(SEEN, merge_requests=[replace(REQUEST, state="merged")]),
            State.ORPHAN,
            Removal.MERGE_REQUEST_DONE,
            True,
            id="merged, branch kept",
        ),
        pytest.param(
            replace(SEEN, merge_requests=[replace(REQUEST, state="closed")]),
            State.ORPHAN,
            Removal.MERGE_REQUEST_DONE,
            True,
            id="closed",
        ),
        pytest.param(
            replace(SEEN, merge_requests=[replace(REQUEST, state="merged"), replace(REQUEST, iid=9)]),
            State.READY,
            None,
            False,
            id="merged, but another one is open",
        ),
        pytest.param(_NO_BRANCH, State.ORPHAN, Removal.BRANCH_DELETED, True, id="branch gone"),
        pytest.param(
            replace(_NO_BRANCH, merge_requests=[REQUEST]), State.READY, None, False, id="a fork's, in no branch list"
        ),
        pytest.param(
            replace(_NO_BRANCH, stacks=[replace(STACK, tags=replace(TAGS, pipeline=""))]),
            State.READY,
            None,
            False,
            id="branch gone, but deployed by hand",
        ),
        pytest.param(
            replace(_NO_BRANCH, project="team/other"), State.READY, None, False, id="another project's branches"
        ),
        pytest.param(
            replace(_NO_BRANCH, base=replace(BASE, apps={"shop": _PROTECTED})),
            State.READY,
            None,
            False,
            id="branch gone, but protected",
        ),
        pytest.param(with_stack(**_EXPIRED), State.EXPIRED, Removal.EXPIRED, True, id="expired"),
        pytest.param(replace(SEEN, stacks=[]), State.ORPHAN, Removal.NO_STACK, True, id="no stack"),
        pytest.param(
            replace(SEEN, stacks=[], objects=[replace(OBJECTS, created=NOW)]),
            State.ORPHAN,
            Removal.NO_STACK,
            False,
            id="no stack, just made",
        ),
        pytest.param(replace(with_stack(resources=0), objects=[]), State.ORPHAN, Removal.EMPTY, True, id="empty stack"),
        pytest.param(
            replace(with_stack(resources=0, locks=(LOCK,)), objects=[]),
            State.DEPLOYING,
            Removal.EMPTY,
            False,
            id="empty stack, a deploy is on its way",
        ),
        pytest.param(
            replace(with_stack(resources=0, locks=(LOCK,)), objects=[], dead_locks=frozenset("k")),
            State.ORPHAN,
            Removal.EMPTY,
            True,
            id="empty stack, its lock's owner has ended",
        ),
        pytest.param(replace(SEEN, objects=[]), State.ORPHAN, Removal.NO_OBJECTS, True, id="no objects"),
        pytest.param(
            replace(with_stack(last_update=NOW), objects=[]),
            State.FAILING,
            Removal.NO_OBJECTS,
            False,
            id="no objects, just updated",
        ),
        pytest.param(
            replace(with_stack(outputs={"base": "org/p/base-other"}), branches=frozenset({"main"}), merge_requests=[]),
            State.UNKNOWN,
            None,
            False,
            id="wrong cluster, base named with its organisation",
        ),
        pytest.param(
            replace(with_stack(outputs={"base": "base-other"}, **_EXPIRED), objects=[]),
            State.UNKNOWN,
            None,
            False,
            id="wrong cluster, base named without its organisation",
        ),
        pytest.param(
            with_stack(outputs={**STACK.outputs, "base": "base-local"}, **_EXPIRED),
            State.EXPIRED,
            Removal.EXPIRED,
            True,
            id="right cluster, base named without its organisation",
        ),
        pytest.param(_REMOVED_APP, State.ORPHAN, Removal.APP_REMOVED, True, id="the base stack lost the app"),
        pytest.param(
            replace(_REMOVED_APP, stacks=[]), State.UNKNOWN, None, False, id="no stack, and no app of this base stack"
        ),
        pytest.param(_OTHER_DOMAIN, State.STALE, None, False, id="the base stack gave the app another domain"),
        pytest.param(
            replace(SEEN, stacks=[], objects=[], entries=[_ENTRY]),
            State.ORPHAN,
            Removal.NOTHING_LEFT,
            True,
            id="only GitLab's entry is left",
        ),
        pytest.param(
            replace(SEEN, stacks=[], objects=[], entries=[_ENTRY], branches=frozenset({"main", "plain"})),
            State.FAILING,
            None,
            False,
            id="only GitLab's entry, but its branch is there",
        ),
        pytest.param(
            replace(_NO_BRANCH, branches=None, sources=_GITLAB_DOWN), State.READY, None, False, id="no branches seen"
        ),
        pytest.param(
            replace(with_stack(**_EXPIRED), branches=None, merge_requests=None, entries=None, sources=_GITLAB_DOWN),
            State.EXPIRED,
            Removal.EXPIRED,
            False,
            id="expired, GitLab unreachable",
        ),
        pytest.param(
            replace(SEEN, objects=None, sources=_CLUSTER_DOWN), State.UNKNOWN, None, False, id="cluster unreachable"
        ),
        pytest.param(
            replace(_NO_BRANCH, objects=None, sources=_CLUSTER_DOWN),
            State.ORPHAN,
            Removal.BRANCH_DELETED,
            False,
            id="branch gone, cluster unreachable",
        ),
        pytest.param(
            replace(SEEN, base=None, stacks=None, sources=_BACKEND_DOWN),
            State.READY,
            None,
            False,
            id="backend unreachable",
        ),
    ],
)
def test_list_and_sweep_agree(world: World, state: State, removal: Removal | None, swept: bool) -> None:
    found = only(world)
    assert found.state == state, f"what `list` shows: {found.why}"
    (listed,) = document([found], world, NOW)["environments"]
    assert (listed["removal"] or {}).get("rule") == removal, "what `list --json` says of its end"
    planned = plan([found], world, NOW)
    assert bool(planned.actions) == swept, "what the sweep does"
    assert {action.rule for action in planned.actions} <= {removal}, "for the reason that `list` gives"
    assert bool(planned.left) == bool(removal and not swept), "what is to go and cannot yet, is said"
    if swept:
        assert state in (State.ORPHAN, State.EXPIRED), "nobody is surprised by a removal"


def test_gitlabs_own_entries_are_joined_by_slug_and_history_is_left_out() -> None:
    entries = [
        GitLabEnvironment(id=1, name="shop/plain", state="available"),
        GitLabEnvironment(id=2, name="shop/old", state="stopped"),
        GitLabEnvironment(id=3, name="production", state="available"),
        GitLabEnvironment(id=4, name="tool/thing", state="available"),
    ]
    found = classify(replace(SEEN, stacks=[], objects=[], entries=entries), NOW)
    assert [each.name for each in found] == ["shop.plain"], "the others are not ours"


def test_one_app_may_be_asked_for() -> None:
    assert classify(replace(SEEN, app="pay"), NOW) == [], "another app's environments were not asked for"


def test_base_stacks_are_no_environments() -> None:
    assert classify(World(stacks=[StackRecord(name="base-local")]), NOW) == [], "they have no slug"


def test_a_stale_environment_says_what_the_base_stack_gives_now() -> None:
    found = only(_OTHER_DOMAIN)
    assert found.url_now == "http://feature-a-1.new.localhost", "a script can wait for it"
    assert "http://<branch>.new.localhost" in found.why, "the same words for every branch of the app"
    assert "branchenv up" in found.why, "and what to do"
    for changed, now in (
        ({"gateway": "istio-system/old"}, "the gateway is istio-system/gateway"),
        ({"namespace": "old"}, "the namespace is shop"),
    ):
        moved = only(with_stack(outputs={**STACK.outputs, **changed}))
        assert (moved.state, moved.url_now) == (State.STALE, ""), "its URL is the same, and may not be served"
        assert now in moved.why, "what was changed"
    no_pods = replace(OBJECTS, wanted=0, ready=0)
    asleep = only(replace(_OTHER_DOMAIN, stacks=[replace(STACK, tags=replace(TAGS, asleep=True))], objects=[no_pods]))
    assert (asleep.state, asleep.why) == (State.ASLEEP, found.why), "one that sleeps is as stale"


def test_a_cluster_that_shows_nothing_at_all_is_doubted() -> None:
    doubtful = (SourceStatus(name="cluster", reach=Reach.DOUBTFUL, why="it has nothing of 1 environments"),)
    world = replace(SEEN, objects=[], sources=doubtful)
    assert only(world).state == State.UNKNOWN, "it may be another cluster"
    assert plan(classify(world, NOW), world, NOW) == SweepPlan(), "so that nothing is missing there"


def test_cost_is_that_of_the_requests() -> None:
    objects = replace(OBJECTS, cpu=0.5, memory=2 * 2**30)
    made = cost(objects, Prices(cpu_hour=0.04, memory_gib_hour=0.01, currency="EUR"))
    assert made, "both are known"
    assert (made.per_hour, made.per_day, made.currency) == (0.04, 0.96, "EUR"), "0.5 x 0.04 + 2 x 0.01 an hour"
    assert cost(objects, None) is None, "no prices, no cost"
