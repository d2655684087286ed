"""Names of cloud identities fit their places, and no two of them collide."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.identity.names import (
    MAX_GOOGLE_SERVICE_ACCOUNT,
    MAX_POLICY,
    MAX_ROLE,
    MIN_GOOGLE_SERVICE_ACCOUNT,
    branch_path,
    branch_role_prefix,
    custom_role_id,
    google_service_account_id,
    policy_name,
    role_name,
    truncate_with_hash,
)
from core.names import MAX_SLUG, object_name

apps = st.from_regex(r"[a-z](-?[a-z0-9]){0,49}", fullmatch=True)
eks_clusters = st.from_regex(r"[0-9A-Za-z][A-Za-z0-9_-]{0,99}", fullmatch=True)
gke_clusters = st.from_regex(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?", fullmatch=True)
places = st.tuples(eks_clusters, apps)


@given(places)
def test_a_role_name_is_one(place: tuple[str, str]) -> None:
    assert re.fullmatch(rf"[\w+=,.@-]{{1,{MAX_ROLE}}}", role_name(*place)), "IAM would refuse it"


@given(st.tuples(gke_clusters, apps))
def test_an_account_id_is_one(place: tuple[str, str]) -> None:
    made = google_service_account_id(*place)
    assert re.fullmatch(r"[a-z][a-z0-9-]*[a-z0-9]", made), "Google would refuse it"
    assert MIN_GOOGLE_SERVICE_ACCOUNT <= len(made) <= MAX_GOOGLE_SERVICE_ACCOUNT, "Google would refuse it"


@given(places, places)
def test_two_roles_never_meet(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert one == other or role_name(*one) != role_name(*other), "one app would get another's rights"


@given(st.tuples(gke_clusters, apps), st.tuples(gke_clusters, apps))
def test_two_accounts_never_meet(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert one == other or google_service_account_id(*one) != google_service_account_id(*other), (
        "one app would get another's rights"
    )


@pytest.mark.parametrize("make", [role_name, google_service_account_id])
def test_where_one_name_ends_and_the_other_begins_is_told_apart(make: object) -> None:
    assert callable(make)
    assert make("dev-a", "b") != make("dev", "a-b"), "cluster and app both may hold a dash"


def test_a_name_that_fits_stays_as_it_is() -> None:
    assert role_name("dev", "shop") == google_service_account_id("dev", "shop") == "dev--shop", "people look for it"


def test_a_name_that_is_cut_says_so() -> None:
    long = "a" * 50
    assert re.fullmatch(r"dev--a{16}-[0-9a-f]{8}", google_service_account_id("dev", long)), (
        "30 characters, with a hash of the whole"
    )
    assert len(role_name("d" * 60, long)) == MAX_ROLE, "64 characters"
    assert google_service_account_id("dev", long) != google_service_account_id("dev", long[:-1]), (
        "names alike at the start stay apart"
    )


def test_a_name_that_looks_cut_cannot_be_another_that_was() -> None:
    cut = truncate_with_hash("a" * 70, longest=MAX_ROLE)
    assert truncate_with_hash(cut, longest=MAX_ROLE) != cut, "somebody could call their app so"


slugs = st.from_regex(r"[a-z0-9]{1,3}(-[a-z0-9]{1,3}){0,8}", fullmatch=True)


@given(places, slugs)
def test_a_branchs_role_has_a_name_with_the_branchs_whole_in_it(place: tuple[str, str], slug: str) -> None:
    name = f"{branch_role_prefix(*place)}{object_name(slug)}"
    assert re.fullmatch(rf"[\w+=,.@-]{{1,{MAX_ROLE}}}", name), "IAM would refuse it"
    assert name.endswith(f"--{object_name(slug)}"), "an admission rule compares it with the branch's name"


@given(places, places, slugs, slugs)
def test_the_roles_of_two_branches_never_meet(
    one: tuple[str, str], other: tuple[str, str], mine: str, theirs: str
) -> None:
    roles = [f"{branch_role_prefix(*place)}{object_name(slug)}" for place, slug in ((one, mine), (other, theirs))]
    # A cluster's name that holds two dashes is the one way, and then IAM refuses the second role.
    assert roles[0] != roles[1] or (one, mine) == (other, theirs) or any("--" in place[0] for place in (one, other)), (
        "one branch would get another's rights"
    )


def test_the_longest_branch_has_room_in_a_roles_name() -> None:
    prefix = branch_role_prefix("c" * 100, "a" * 50)
    assert len(prefix) + MAX_SLUG == MAX_ROLE, "a slug with `b--` in front is not longer"


@given(places, places)
def test_no_two_apps_branches_share_a_path(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert one == other or not branch_path(*one).startswith(branch_path(*other)), "CI's rights end at a path"


@given(places)
def test_a_policys_name_is_one(place: tuple[str, str]) -> None:
    names = {policy_name(*place, purpose) for purpose in ("ci", "boundary")}
    assert len(names) == 2, "the two are told apart, cut or not"
    assert all(re.fullmatch(rf"[\w+=,.@-]{{1,{MAX_POLICY}}}", name) for name in names), "IAM would refuse it"


@given(st.tuples(gke_clusters, apps), st.tuples(gke_clusters, apps))
def test_a_custom_roles_id_is_one_and_nobody_elses(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9_.]{3,64}", custom_role_id(*one)), "Google would refuse it"
    assert one == other or custom_role_id(*one) != custom_role_id(*other), "one app's CI would get another's rights"
