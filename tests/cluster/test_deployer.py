"""The deployer's rights are those that a branch stack's life needs: none is missing, none is left over."""

from collections.abc import Sequence
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

Rights = set[tuple[str, str, str]]


# Base stacks that give their branches different things to do.
KINDS: dict[str, dict[str, Any]] = {
    "base": {},
    "branch_service_accounts": {"branch_service_accounts": True},
    "closed": {"sidecars": True},
    "branch_namespaces": {"branch_service_accounts": True, "branch_namespaces": True, "sidecars": True},
}


def rights(grants: Sequence[Grant]) -> Rights:
    """Return what grants say, one by one."""
    return {(grant.group, what, verb) for grant in grants for what in grant.resources for verb in grant.verbs}


@pytest.mark.parametrize("kind", KINDS)
def test_the_role_is_what_a_branchs_life_needs(request: pytest.FixtureRequest, kind: str, tmp_path: Path) -> None:
    base: Base = request.getfixturevalue(kind)
    branches = Branches(base)
    try:
        needed = needed_by_a_life(branches("feature/rights").select(), tmp_path)
    finally:
        branches.remove()
    args = DeployerArgs(app=base.app, namespace=base.namespace, network_policies=True, **KINDS[kind])
    given, reading = rights(needed_grants(args)), rights(reading_grants(args))
    if args.branch_namespaces:
        given, reading = given | rights(NAMESPACE_GRANTS), reading | rights(NAMESPACE_READING)
    assert needed - given - reading == set(), "a branch stack needs these, and the Role does not give them"
    assert given - needed == set(), "the Role gives these, and no branch stack needs them"


def needed_by_a_life(branch: Branch, tmp_path: Path) -> Rights:
    """Deploy, change, break and destroy a branch, and give what was asked of the API server."""
    several = tmp_path / "environment.yaml"
    several.write_text(yaml.safe_dump({"image": FIRST, "canary": {"image": SECOND, "weight": 20}}))
    crashing = tmp_path / "crashing.yaml"
    crashing.write_text(yaml.safe_dump({"image": FIRST, "command": ["/no-such-program"]}))
    with proxy(branch.base.deployer_env, tmp_path) as seen:
        pulumi = Pulumi(branch.folder, {**branch.base.env, "KUBECONFIG": str(seen.kubeconfig(tmp_path))})
        up = ("up", "--yes", "--skip-preview")
        pulumi.run(*up, *branch.arguments(image=FIRST)).ok()
        pulumi.run(*up, *branch.arguments(image=SECOND)).ok()
        pulumi.run("refresh", "--yes", "--stack", branch.stack).ok()
        pulumi.run(*up, *branch.arguments(environment=str(several))).ok()
        failing = branch.arguments(environment=str(crashing), readyTimeoutSeconds="5")
        # It may say that all is well: an event that comes late, as through a proxy, it takes for the new pods' own.
        pulumi.run(*up, *failing)
        # What a failing deploy job asks in the end.
        Branchenv(branch=branch, folder=tmp_path, env={"KUBECONFIG": pulumi.env["KUBECONFIG"]}).run("why").refused(
            "cannot be started"
        )
        pulumi.run("destroy", "--yes", "--skip-preview", "--stack", branch.full_stack).ok()
        return seen.rights()


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
