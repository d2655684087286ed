"""What a sweep does with its plan."""

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from branchenv.clients.gitlab import GitLab
from branchenv.inventory.classify import Environment
from branchenv.inventory.endings import Removal
from branchenv.inventory.states import State
from branchenv.inventory.world import World
from branchenv.model.errors import BranchenvError
from branchenv.model.records import Lock, MergeRequest, StackRecord, Tags
from branchenv.sweep.apply import Hands, apply
from branchenv.sweep.plan import Action, SweepPlan, Verb
from tests.pipeline.support.gitlab_data import Project, Token
from tests.pipeline.support.gitlab_server import GitLabServer

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def _action(slug: str, verb: Verb = Verb.DESTROY, stack: StackRecord | None = None, requests: int = 0) -> Action:
    return Action(
        verb=verb,
        rule=Removal.EXPIRED,
        app="shop",
        slug=slug,
        branch=slug,
        why="",
        environment=Environment(app="shop", slug=slug, branch=slug, state=State.EXPIRED, stack=stack),
        requests=requests,
    )


def test_a_failure_stops_its_own_environment_and_no_other() -> None:
    done: list[tuple[str, Verb]] = []

    def do(action: Action) -> None:
        if action.slug == "b":
            raise BranchenvError("no", fix="wait")
        if action.slug == "c":
            raise RuntimeError("a bug")
        done.append((action.slug, action.verb))

    plan = SweepPlan(actions=tuple(_action(slug, verb) for slug in "abcd" for verb in (Verb.DESTROY, Verb.STOP)))
    failures = apply(plan, do, parallel=2)
    assert [(each.action.slug, each.action.verb) for each in failures] == [("b", Verb.DESTROY), ("c", Verb.DESTROY)], (
        "GitLab must not call an environment stopped that is still there"
    )
    for slug in "ad":
        assert [verb for each, verb in done if each == slug] == [Verb.DESTROY, Verb.STOP], "in their order"


def test_no_more_environments_are_worked_on_at_a_time_than_allowed() -> None:
    both, most, now = threading.Barrier(2, timeout=10), 0, 0
    lock = threading.Lock()

    def do(_: Action) -> None:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        both.wait()
        with lock:
            now -= 1

    failures = apply(SweepPlan(actions=tuple(_action(slug) for slug in "abcdef")), do, parallel=2)
    assert not failures, "two at a time meet at the barrier"
    assert most == 2, "and no third one"


class _Backend:
    """One stack."""

    url = "file:///nowhere"

    def __init__(self, record: StackRecord | None) -> None:
        self.record = record
        self.written: list[Tags] = []

    def stack(self, _name: str) -> StackRecord | None:
        return self.record

    def write_tags(self, _name: str, tags: Tags) -> None:
        self.written.append(tags)

    def locks(self, _name: str) -> tuple[Lock, ...]:
        return ()

    def forget(self, _name: str) -> None:
        """As if it were gone."""


STACK = StackRecord(
    name="shop.x",
    tags=Tags(branch="x", project="acme/shop", merge_request=1, expires=NOW, owner="carol"),
    last_update=NOW - timedelta(days=1),
)
LOCK = Lock(key="k", user="carol", host="laptop", pid=1, since=NOW)


@pytest.mark.parametrize(
    "now",
    [
        pytest.param(None, id="removed"),
        pytest.param(replace(STACK, last_update=NOW), id="deployed"),
        pytest.param(replace(STACK, tags=replace(STACK.tags, expires=NOW + timedelta(days=3))), id="extended"),
        pytest.param(replace(STACK, locks=(LOCK,)), id="locked"),
    ],
)
@pytest.mark.parametrize("verb", [Verb.DESTROY, Verb.SLEEP, Verb.NOTE, Verb.WARN])
def test_what_was_changed_since_it_was_looked_at_is_left_alone(now: StackRecord | None, verb: Verb) -> None:
    backend = _Backend(now)
    with pytest.raises(BranchenvError, match="was changed since"):
        Hands(backend, World())(_action("x", verb, STACK))  # type: ignore[arg-type]
    assert not backend.written, "the next sweep looks again"


def test_use_is_noted_beside_what_the_stack_says_by_now() -> None:
    fresh = replace(STACK, tags=replace(STACK.tags, commit="abc"))
    backend = _Backend(fresh)
    Hands(backend, World())(_action("x", Verb.NOTE, STACK, requests=7))  # type: ignore[arg-type]
    [tags] = backend.written
    assert (tags.requests, tags.commit, tags.owner) == (7, "abc", "carol"), "nothing else is lost"
    assert tags.active, "and the next sweep knows since when the count stands"


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project in a GitLab that this process knows, with the branch's merge request."""
    with GitLabServer() as server:
        made = server.add_project("acme/shop")
        server.tokens["good"] = Token()
        monkeypatch.setenv("BRANCHENV_GITLAB_URL", server.url)
        monkeypatch.setenv("BRANCHENV_GITLAB_TOKEN", "good")
        made.open_merge_request("x")
        yield made


def _hands(backend: _Backend) -> Hands:
    request = MergeRequest(iid=1, branch="x", state="opened", url="")
    gitlab = GitLab.from_environment(os.environ, "acme/shop")
    return Hands(backend, World(project="acme/shop", merge_requests=[request]), gitlab=gitlab)  # type: ignore[arg-type]


def test_a_warning_is_on_the_one_note_mentions_who_pushed_and_is_remembered(project: Project) -> None:
    pushed = replace(STACK, tags=replace(STACK.tags, pipeline="https://gitlab.example.com/-/pipelines/7"))
    backend = _Backend(pushed)
    _hands(backend)(_action("x", Verb.WARN, pushed))
    (body,) = project.bodies(1)
    assert "**Expires soon**" in body, "at the first glance"
    assert "2026-11-24 12:00 UTC" in body, "when"
    assert "@carol, to keep it longer" in body, "an edited note tells nobody, unless it mentions them"
    assert "`branchenv extend --by 3d x --app shop`" in body, "and says what to do"
    assert backend.written[0].warned == NOW, "so that it is said once"


def test_who_deployed_by_hand_is_not_mentioned(project: Project) -> None:
    _hands(_Backend(STACK))(_action("x", Verb.WARN, STACK))
    assert "@carol" not in project.bodies(1)[0], "a user of a laptop may have the name of another in GitLab"


def test_a_warning_that_nobody_got_is_tried_again(project: Project) -> None:
    project.merge_requests.clear()
    backend = _Backend(STACK)
    with pytest.raises(BranchenvError, match="got no warning"):
        _hands(backend)(_action("x", Verb.WARN, STACK))
    assert not backend.written, "by the next sweep"


def test_what_a_sweep_removes_is_told_with_its_rule(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("branchenv.clients.pulumi_cli.destroy", lambda *_, **__: None)
    _hands(_Backend(STACK))(_action("x", Verb.WARN, STACK))
    action = replace(_action("x", Verb.DESTROY, STACK), why="its merge request !3 is merged")
    _hands(_Backend(STACK))(action)
    (body,) = project.bodies(1)
    assert "**Removed** by the sweep" in body, "by what"
    assert "`its merge request !3 is merged`" in body, "why"
    assert "push the branch again" in body, "and how to have it back"
    assert "@carol" not in body, "and nobody is warned of it any more"


def test_objects_that_no_stack_knows_are_told_when_they_go(project: Project) -> None:
    _hands(_Backend(STACK))(_action("x", Verb.WARN, STACK))
    _hands(_Backend(None))(replace(_action("x", Verb.DELETE), why="leftover objects without a stack"))
    assert "**Removed** by the sweep" in project.bodies(1)[0], "by whatever way"
