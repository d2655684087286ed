"""Branch names become slugs, and slugs become names, which never collide."""

import re
from itertools import combinations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from components.branch.spec.workload import MAX_CANARY_WORKLOAD
from core.names import (
    MAX_OBJECT,
    MAX_SLUG,
    MAX_WORKLOAD,
    BranchNameError,
    is_slug,
    object_name,
    slug,
    stack_name,
)

SLUG = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
SERVICE_NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
AWKWARD = [
    "Feature-X",
    "feature/x",
    "feature.x",
    "feature_x",
    "f" * 300,
    "main",
    "MAIN",
    "wip 🚀".replace(" ", "-"),
    "日本",
]

branches = st.text(min_size=1, max_size=80) | st.from_regex(r"[a-zA-Z0-9/._-]{1,60}", fullmatch=True)
slug_like = st.from_regex(r"[a-z0-9]{1,10}(-[a-z0-9]{1,9}){0,3}", fullmatch=True)


def made(branch: str) -> str:
    """Return the slug of a name that git allows."""
    try:
        return slug(branch)
    except BranchNameError:
        assume(False)
        raise


@pytest.mark.parametrize("branch", ["feature-x", "a", "123-fix-login", "v2", "a" * 40])
def test_a_name_that_is_a_slug_already_stays_as_it_is(branch: str) -> None:
    assert slug(branch) == branch, "people find their environment by their branch's own name"


@pytest.mark.parametrize("branch", AWKWARD)
def test_every_other_name_carries_a_hash(branch: str) -> None:
    assert re.fullmatch(r".*-[0-9a-f]{8}", slug(branch)), "what was changed or cut could meet another branch"


def test_names_that_differ_only_in_what_a_slug_loses_get_different_slugs() -> None:
    names = ["feature-x", "Feature-X", "FEATURE-X", "feature/x", "feature.x", "feature_x", "feature--x", "feature-x-"]
    assert len({slug(name) for name in names}) == len(names), "two branches would share one environment"


def test_a_name_that_looks_hashed_is_hashed_again() -> None:
    assert slug(slug("Feature-X")) != slug("Feature-X"), "a branch could be named so as to take another's slug"


def test_reserved_slugs_are_never_given_out() -> None:
    assert slug("staging", ["staging"]) != "staging", "something else in the namespace is called so"
    taken = slug("Feature-X")
    assert slug("Feature-X", [taken]) not in {taken, slug("Feature-X")}, "even a hashed slug may be reserved"


@pytest.mark.parametrize(
    "branch",
    [
        "",
        "-x",
        "a..b",
        "../x",
        "a b",
        "a~b",
        "a^b",
        "a:b",
        "a?b",
        "a*b",
        "a[b",
        "a\\b",
        "/a",
        "a/",
        "a//b",
        ".a",
        "a/.b",
        "a.",
        "a.lock",
        "a.lock/b",
        "a@{b",
        "@",
        "HEAD",
        "a\tb",
        "a\x7f",
    ],
)
def test_names_that_git_refuses_are_refused_with_its_rule(branch: str) -> None:
    with pytest.raises(BranchNameError) as caught:
        slug(branch)
    assert caught.value.rule, "a person must learn what is wrong with the name"


@given(branches)
def test_a_slug_is_safe_wherever_it_is_used(branch: str) -> None:
    result = made(branch)
    assert SLUG.fullmatch(result), "a slug is a DNS label"
    assert len(result) <= MAX_SLUG, "names made from it would be too long"
    assert "--" not in result, "two dashes separate slug and workload"
    assert is_slug(result), "what slug makes, is_slug knows"


@given(branches)
def test_a_slug_is_the_same_every_time(branch: str) -> None:
    assert made(branch) == made(branch), "a second push must find the first push's stack"


@given(st.lists(branches | slug_like, min_size=2, max_size=12, unique=True))
def test_two_branches_never_share_a_slug(names: list[str]) -> None:
    slugs = []
    for name in names:
        try:
            slugs.append(slug(name))
        except BranchNameError:
            continue
    assert len(slugs) == len(set(slugs)), "two branches would share one environment"


workload_names = st.from_regex(r"[a-z](-?[a-z0-9]){0,9}", fullmatch=True).filter(lambda name: name != "canary")


@given(st.sets(st.tuples(slug_like, st.just("") | workload_names, st.booleans()), min_size=2, max_size=8))
def test_objects_of_different_branches_workloads_and_images_never_meet(
    places: set[tuple[str, str, bool]],
) -> None:
    names = {place: object_name(made(place[0]), place[1], canary=place[2]) for place in places}
    for one, other in combinations(places, 2):
        same = (made(one[0]), *one[1:]) == (made(other[0]), *other[1:])
        assert same or names[one] != names[other], "one branch would overwrite another's objects"


@given(branches, workload_names)
def test_object_names_are_names_of_services(branch: str, workload: str) -> None:
    name = object_name(made(branch), workload)
    assert SERVICE_NAME.fullmatch(name), "a Service's name starts with a letter, also for a branch called 123-fix"


@pytest.mark.parametrize("branch", ["a" * 300, "1" * 300])
def test_the_longest_names_fit_into_a_service_name(branch: str) -> None:
    longest = object_name(slug(branch), "w" * MAX_WORKLOAD)
    assert len(longest) <= MAX_OBJECT, "the API server refuses longer names"
    canary = object_name(slug(branch), "w" * MAX_CANARY_WORKLOAD, canary=True)
    assert len(canary) <= MAX_OBJECT, "the API server refuses longer names"


def test_a_stack_name_can_be_read_back() -> None:
    app, _, own = stack_name("shop", slug("feature/x.y")).partition(".")
    assert (app, own) == ("shop", slug("feature/x.y")), "neither apps nor slugs hold a dot"
