"""The deployer's rights are those that a branch stack's life needs: none is missing, none is left over."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.app.deployer import (
    NAMESPACE_GRANTS,
    NAMESPACE_READING,
    DeployerArgs,
    Grant,
    needed_grants,
    reading_grants,
)
from tests.cluster.support.branchenv import Branchenv
from tests.cluster.support.pulumi import Pulumi
from tests.cluster.support.requests import proxy
from tests.cluster.support.stacks import FIRST, SECOND, Base, Branch, Branches
from tests.cluster.support.waiting import until

Rights = set[tuple[str, str, str]]


# Base stacks that give their branches different things to do.
KINDS: dict[str, dict[str, Any]] = {
    "base": {},
    "branch_service_accounts": {"branch_service_accounts": True},
    "closed": {"sidecars": True},
    "branch_namespaces": {
        "branch_service_accounts": True,
        "branch_namespaces": True,
        "sidecars": True,
        "callers": True,
    },
}
UP = ("up", "--yes", "--skip-preview")


def rights(grants: Sequence[Grant]) -> Rights:
    """Return what grants say, one by one."""
    return {(grant.group, what, verb) for grant in grants for what in grant.resources for verb in grant.verbs}


def of(base: Base, kind: str) -> DeployerArgs:
    """Return what the base stack's deployer is made of."""
    return DeployerArgs(app=base.app, namespace=base.namespace, network_policies=True, **KINDS[kind])


@pytest.mark.parametrize("kind", ["base", "branch_namespaces"])
def test_the_role_is_what_a_branchs_life_needs(request: pytest.FixtureRequest, kind: str, tmp_path: Path) -> None:
    base: Base = request.getfixturevalue(kind)
    needed = needed_by(base, tmp_path, a_whole_life)
    args = of(base, kind)
    given, reading = rights(needed_grants(args)), rights(reading_grants(args))
    if args.branch_namespaces:
        given, reading = given | rights(NAMESPACE_GRANTS), reading | rights(NAMESPACE_READING)
    assert needed - given - reading == set(), "a branch stack needs these, and the Role does not give them"
    assert given - needed == set(), "the Role gives these, and no branch stack needs them"


@pytest.mark.parametrize("kind", ["branch_service_accounts", "closed"])
def test_what_the_role_has_beside_that_is_what_such_a_branch_needs(
    request: pytest.FixtureRequest, kind: str, tmp_path: Path
) -> None:
    base: Base = request.getfixturevalue(kind)
    needed = needed_by(base, tmp_path, a_short_life)
    given, reading = rights(needed_grants(of(base, kind))), rights(reading_grants(of(base, kind)))
    usual = rights(needed_grants(of(base, "base")))
    assert usual < given, "all that any branch needs, which the test above has seen needed, and more"
    assert needed - given - reading == set(), "a branch stack needs these, and the Role does not give them"
    assert given - usual - needed == set(), "the Role gives these, and no branch stack needs them"


Life = Callable[[Branch, Pulumi, Path], None]


def needed_by(base: Base, folder: Path, life: Life) -> Rights:
    """Let a branch live, and give what was asked of the API server."""
    branches = Branches(base)
    branch = branches("feature/rights").select()
    try:
        with proxy(base.deployer_env, folder) as seen:
            life(branch, Pulumi(branch.folder, {**base.env, "KUBECONFIG": str(seen.kubeconfig(folder))}), folder)
            return seen.rights()
    finally:
        branches.remove()


def a_whole_life(branch: Branch, pulumi: Pulumi, folder: Path) -> None:
    """Deploy, change, break and destroy a branch."""
    several = folder / "environment.yaml"
    several.write_text(yaml.safe_dump({"image": FIRST, "canary": {"image": SECOND, "weight": 20}}))
    crashing = folder / "crashing.yaml"
    crashing.write_text(yaml.safe_dump({"image": FIRST, "command": ["/no-such-program"]}))
    pulumi.run(*UP, *branch.arguments(image=FIRST)).ok()
    pulumi.run(*UP, *branch.arguments(image=SECOND)).ok()
    pulumi.run("refresh", "--yes", "--stack", branch.stack).ok()
    pulumi.run(*UP, *branch.arguments(environment=str(several))).ok()
    failing = branch.arguments(environment=str(crashing), readyTimeoutSeconds="5")
    # It may say that all is well: an event that comes late, as through a proxy, it takes for the new pods' own.
    pulumi.run(*UP, *failing)
    # What a failing deploy job asks in the end.
    asked = Branchenv(branch=branch, folder=folder, env={"KUBECONFIG": pulumi.env["KUBECONFIG"]})
    until(lambda: "cannot be started" in asked.run("why").output, what="the kubelet has told why the new pod fails")
    pulumi.run("destroy", "--yes", "--skip-preview", "--stack", branch.full_stack).ok()


def a_short_life(branch: Branch, pulumi: Pulumi, _folder: Path) -> None:
    """Deploy, look at and destroy a branch: all that is done to the objects that not every branch has."""
    pulumi.run(*UP, *branch.arguments(image=FIRST)).ok()
    pulumi.run("refresh", "--yes", "--stack", branch.stack).ok()
    pulumi.run("destroy", "--yes", "--skip-preview", "--stack", branch.full_stack).ok()


def test_beyond_that_the_role_only_reads() -> None:
    every = DeployerArgs(
        app="shop", namespace="shop", network_policies=True, sidecars=True, branch_service_accounts=True
    )
    verbs = {verb for _, _, verb in rights(reading_grants(every))}
    assert verbs <= {"list", "watch"}, "another provider may look at more, not change more"


def test_the_credentials_end_by_themselves_and_are_nobody_elses_to_read(base: Base) -> None:
    file = Path(base.deployer_env["KUBECONFIG"])
    assert file.stat().st_mode & 0o077 == 0, "a token is a key"
    secrets = base.cluster.get("secrets", f"--namespace={base.namespace}")["items"]
    assert not [each for each in secrets if each["type"] == "kubernetes.io/service-account-token"], "none is kept"
