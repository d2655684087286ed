"""What kinds an app's branches may make is the base stack's to say, and a chart that makes others learns it early."""

from typing import Any

import pytest

from core.kinds import GROUPS, KEEPING, USUAL
from stacks.branch.chart_kinds import Permission, refused_kind
from stacks.settings.errors import Problem


def mistakes(made: dict[str, Any], *kinds: str, apart: bool = False) -> list[Problem]:
    """Return what is said of an object where branches may make these kinds."""
    permission = Permission(app="shop", base="base-local", kinds=frozenset(kinds), apart=apart)
    return list(refused_kind(made, permission, "chart: it"))


def of(kind: str, group: str | None = None, **spec: Any) -> dict[str, Any]:
    """Return an object of a kind."""
    own = GROUPS[kind] if group is None else group  # type: ignore[index]
    return {"apiVersion": f"{own}/v1" if own else "v1", "kind": kind, "spec": spec}


@pytest.mark.parametrize("kind", GROUPS)
def test_a_kind_is_let_through_where_it_is_named_and_nowhere_else(kind: str) -> None:
    assert not mistakes(of(kind), kind, apart=True), f"{kind} is on the list"
    (problem,) = mistakes(of(kind), apart=True)
    assert f"no {kind}" in problem.rule, "the rule names the kind"
    assert f"add {kind} to isolation.kinds of the app shop in the base stack base-local" in problem.fix, (
        "and the fix names the key, and where it is"
    )


@pytest.mark.parametrize("kind", KEEPING)
def test_what_keeps_something_needs_a_namespace_of_its_own(kind: str) -> None:
    (problem,) = mistakes(of(kind), *USUAL)
    assert "only where each has a namespace of its own" in problem.rule, "it is not the list that is in the way"
    assert "isolation.namespacePerBranch and identity.perBranch" in problem.fix, "this is how to switch"


def test_the_claims_of_a_stateful_set_are_claims() -> None:
    claims = [{"metadata": {"name": "data"}}]
    assert not mistakes(of("StatefulSet", volumeClaimTemplates=[]), *USUAL), "one without is like a Deployment"
    (problem,) = mistakes(of("StatefulSet", volumeClaimTemplates=claims), *USUAL)
    assert problem.field == "chart: it: spec.volumeClaimTemplates", "the person is told where they stand"
    assert not mistakes(of("StatefulSet", volumeClaimTemplates=claims), *GROUPS, apart=True), "where they may be made"


def test_a_kind_of_another_group_is_left_to_the_api_server() -> None:
    assert not mistakes(of("Job", "batch.volcano.sh")), "it is another kind of the same name"
