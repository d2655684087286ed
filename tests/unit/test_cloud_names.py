"""Names of cloud identities fit their places, and no two of them meet."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.cloud_names import MAX_ACCOUNT, MAX_ROLE, MIN_ACCOUNT, account_id, fitted, role_name

apps = st.from_regex(r"[a-z](-?[a-z0-9]){0,49}", fullmatch=True)
eks_clusters = st.from_regex(r"[0-9A-Za-z][A-Za-z0-9_-]{0,99}", fullmatch=True)
gke_clusters = st.from_regex(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?", fullmatch=True)
places = st.tuples(eks_clusters, apps)


@given(places)
def test_a_role_name_is_one(place: tuple[str, str]) -> None:
    assert re.fullmatch(rf"[\w+=,.@-]{{1,{MAX_ROLE}}}", role_name(*place)), "IAM would refuse it"


@given(st.tuples(gke_clusters, apps))
def test_an_account_id_is_one(place: tuple[str, str]) -> None:
    made = account_id(*place)
    assert re.fullmatch(r"[a-z][a-z0-9-]*[a-z0-9]", made), "Google would refuse it"
    assert MIN_ACCOUNT <= len(made) <= MAX_ACCOUNT, "Google would refuse it"


@given(places, places)
def test_two_roles_never_meet(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert one == other or role_name(*one) != role_name(*other), "one app would get another's rights"


@given(st.tuples(gke_clusters, apps), st.tuples(gke_clusters, apps))
def test_two_accounts_never_meet(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert one == other or account_id(*one) != account_id(*other), "one app would get another's rights"


@pytest.mark.parametrize("make", [role_name, account_id])
def test_where_one_name_ends_and_the_other_begins_is_told_apart(make: object) -> None:
    assert callable(make)
    assert make("dev-a", "b") != make("dev", "a-b"), "cluster and app both may hold a dash"


def test_a_name_that_fits_stays_as_it_is() -> None:
    assert role_name("dev", "shop") == account_id("dev", "shop") == "dev--shop", "people look for it"


def test_a_name_that_is_cut_says_so() -> None:
    long = "a" * 50
    assert re.fullmatch(r"dev--a{16}-[0-9a-f]{8}", account_id("dev", long)), "30 characters, with a hash of the whole"
    assert len(role_name("d" * 60, long)) == MAX_ROLE, "64 characters"
    assert account_id("dev", long) != account_id("dev", long[:-1]), "names alike at the start stay apart"


def test_a_name_that_looks_cut_cannot_be_another_that_was() -> None:
    cut = fitted("a" * 70, longest=MAX_ROLE)
    assert fitted(cut, longest=MAX_ROLE) != cut, "somebody could call their app so"
