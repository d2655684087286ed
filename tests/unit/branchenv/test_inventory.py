"""An environment's state follows from what was seen, and from nothing that was not."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from branchenv.inventory.classify import Environment, Scope, Sources, State, cost, join
from branchenv.model.records import (
    ClusterRecord,
    GitLabEnvironment,
    Lock,
    MergeRequest,
    Prices,
    StackRecord,
    Tags,
)

NOW = datetime(2026, 11, 24, tzinfo=UTC)
TAGS = Tags(branch="feature/a", project="team/shop", pipeline="https://gitlab.example.com/p/1", merge_request=4)
STACK = StackRecord(
    name="shop.feature-a-1", tags=TAGS, outputs={"url": "http://a.localhost", "base": "org/x/base-local"}, resources=4
)
OBJECTS = ClusterRecord(
    app="shop", slug="feature-a-1", branch="feature/a", namespace="shop", anchor="a", wanted=2, ready=2
)
REQUEST = MergeRequest(iid=4, branch="feature/a", state="opened", url="https://gitlab.example.com/4", author="carol")
SCOPE = Scope(project="team/shop", base="base-local")
SEEN = Sources(
    stacks=[STACK], cluster=[OBJECTS], branches=frozenset({"feature/a"}), merge_requests=[REQUEST], environments=[]
)
LOCK = Lock(key="k", user="carol", host="laptop", pid=1, since=NOW)


def only(sources: Sources, scope: Scope = SCOPE) -> Environment:
    """Give the one environment."""
    (found,) = join(sources, scope)
    return found


def test_all_sources_make_one_environment() -> None:
    found = only(SEEN)
    assert (found.state, found.why) == (State.READY, ""), "every pod is ready, and there is nothing to say"
    assert (found.branch, found.url) == ("feature/a", "http://a.localhost"), "from tags and outputs"
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
    found = only(replace(SEEN, stacks=[replace(STACK, **stack)], cluster=[replace(OBJECTS, **objects)]))
    assert (found.state, found.why) == (state, why), "what a person needs to know"


def test_an_orphan_is_one_whose_branch_was_looked_for_and_not_found() -> None:
    gone = replace(SEEN, branches=frozenset({"main"}), merge_requests=[])
    assert only(gone).state == State.ORPHAN, "its pipeline's branch is gone"
    assert only(replace(gone, branches=None)).state == State.READY, "branches that were not seen prove nothing"
    assert only(replace(gone, merge_requests=[REQUEST])).state == State.READY, "a fork's branch is never in the project"
    by_hand = replace(STACK, tags=replace(TAGS, pipeline=""))
    assert only(replace(gone, stacks=[by_hand])).state == State.READY, "a person's branch may never have been pushed"
    other = replace(SCOPE, project="team/other")
    assert only(gone, other).state == State.READY, "another project's branches say nothing of it"


def test_a_merge_request_that_is_over_makes_an_orphan() -> None:
    found = only(replace(SEEN, merge_requests=[replace(REQUEST, state="merged")]))
    assert (found.state, found.why) == (State.ORPHAN, "its merge request !4 is merged"), "its branch may stay"


def test_objects_without_a_stack_are_orphans_only_if_the_backend_was_seen() -> None:
    assert only(replace(SEEN, stacks=[])).state == State.ORPHAN, "no stack knows them"
    assert only(replace(SEEN, stacks=None)).state == State.READY, "the stacks were not seen"


def test_a_cluster_that_was_not_seen_leaves_the_state_open() -> None:
    found = only(replace(SEEN, cluster=None))
    assert (found.state, found.why) == (State.UNKNOWN, "the cluster was not seen"), "ready would be a guess"


def test_nothing_in_the_cluster_is_a_failure() -> None:
    assert only(replace(SEEN, cluster=[])).state == State.FAILING, "its stack says that there is something"


def test_gitlabs_own_entries_are_joined_by_slug_and_history_is_left_out() -> None:
    entries = [
        GitLabEnvironment(id=1, name="shop/plain", state="available"),
        GitLabEnvironment(id=2, name="shop/old", state="stopped"),
        GitLabEnvironment(id=3, name="production", state="available"),
        GitLabEnvironment(id=4, name="tool/thing", state="available"),
    ]
    found = join(Sources(stacks=[], cluster=[], environments=entries), replace(SCOPE, reserved={"shop": ()}))
    assert [(each.name, each.state) for each in found] == [("shop.plain", State.ORPHAN)], "the others are not ours"


def test_one_app_may_be_asked_for() -> None:
    assert join(SEEN, replace(SCOPE, app="pay")) == [], "another app's environments were not asked for"


def test_base_stacks_are_no_environments() -> None:
    assert join(Sources(stacks=[StackRecord(name="base-local")]), SCOPE) == [], "they have no slug"


def test_cost_is_that_of_the_requests() -> None:
    objects = replace(OBJECTS, cpu=0.5, memory=2 * 2**30)
    made = cost(objects, Prices(cpu_hour=0.04, memory_gib_hour=0.01, currency="EUR"))
    assert made, "both are known"
    assert (made.per_hour, made.per_day, made.currency) == (0.04, 0.96, "EUR"), "0.5 x 0.04 + 2 x 0.01 an hour"
    assert cost(objects, None) is None, "no prices, no cost"
