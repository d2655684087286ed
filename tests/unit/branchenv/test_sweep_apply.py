"""What a sweep does with its plan."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from branchenv.model.errors import BranchenvError
from branchenv.model.records import Lock, MergeRequest, StackRecord, Tags
from branchenv.sweep.apply import Hands, apply
from branchenv.sweep.plan import Action, Plan, Rule, Sight, Verb

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class _Known:
    """An environment that only Pulumi's backend knows."""

    app = "shop"
    cluster = None
    gitlab = None

    def __init__(self, slug: str, stack: StackRecord | None = None) -> None:
        self.slug = self.branch = slug
        self.stack = stack


def _action(slug: str, verb: Verb = Verb.DESTROY, stack: StackRecord | None = None, requests: int = 0) -> Action:
    return Action(
        verb=verb,
        rule=Rule.EXPIRED,
        app="shop",
        slug=slug,
        branch=slug,
        why="",
        environment=_Known(slug, stack),
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

    plan = Plan(actions=tuple(_action(slug, verb) for slug in "abcd" for verb in (Verb.DESTROY, Verb.STOP)))
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

    failures = apply(Plan(actions=tuple(_action(slug) for slug in "abcdef")), do, parallel=2)
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


class _GitLab:
    """Takes notes."""

    def __init__(self) -> None:
        self.notes: list[tuple[int, str, str]] = []

    def put_note(self, iid: int, marker: str, body: str) -> str:
        self.notes.append((iid, marker, body))
        return "written"


STACK = StackRecord(
    name="shop.x",
    tags=Tags(branch="x", project="acme/shop", merge_request=3, expires=NOW, owner="carol"),
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
        Hands(backend, Sight())(_action("x", verb, STACK))  # type: ignore[arg-type]
    assert not backend.written, "the next sweep looks again"


def test_use_is_noted_beside_what_the_stack_says_by_now() -> None:
    fresh = replace(STACK, tags=replace(STACK.tags, commit="abc"))
    backend = _Backend(fresh)
    Hands(backend, Sight())(_action("x", Verb.NOTE, STACK, requests=7))  # type: ignore[arg-type]
    [tags] = backend.written
    assert (tags.requests, tags.commit, tags.owner) == (7, "abc", "carol"), "nothing else is lost"
    assert tags.active, "and the next sweep knows since when the count stands"


def test_a_warning_is_a_note_of_its_own_and_remembered() -> None:
    backend, gitlab = _Backend(STACK), _GitLab()
    sight = Sight(project="acme/shop", merge_requests={3: MergeRequest(iid=3, branch="x", state="opened", url="")})
    Hands(backend, sight, gitlab=gitlab)(_action("x", Verb.WARN, STACK))  # type: ignore[arg-type]
    [(iid, marker, body)] = gitlab.notes
    assert iid == 3, "where people look"
    assert "20261124T120000Z" in marker, "a note for each end: one that is edited tells nobody"
    assert "branchenv extend x" in body, "and says what to do"
    assert backend.written[0].warned == NOW, "so that it is said once"
