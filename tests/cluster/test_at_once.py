"""Two deploys of one branch at the same time: one after the other, and each deploys what it was asked."""

import shutil
from pathlib import Path

import pytest

from tests.cluster.support.branchenv import Branchenv, Started
from tests.cluster.support.gateway import Gateway
from tests.cluster.support.stacks import FIRST, SECOND, Branch, Branches, copy_program
from tests.cluster.support.waiting import until

_KEY = "branch-environments:image"


def _people(branch: Branch, folder: Path, *, apart: bool) -> tuple[Branchenv, Branchenv]:
    """Two who deploy a branch: from one checkout, or each on a machine of their own, as far as one machine has two."""
    here = {"KUBECONFIG": branch.base.deployer_env["KUBECONFIG"]}
    if not apart:
        return Branchenv(branch=branch, folder=folder, env=here), Branchenv(branch=branch, folder=folder, env=here)
    home = folder / "home"
    # Its plugins, and nothing that the CLI remembers.
    plugins = Path(branch.base.env["PULUMI_HOME"]) / "plugins"
    shutil.copytree(plugins, home / ".pulumi/plugins", symlinks=True)
    there = {**here, "HOME": str(home), "PULUMI_HOME": str(home / ".pulumi")}
    other = branch.elsewhere(copy_program(folder / "other"))
    return Branchenv(branch=branch, folder=folder, env=here), Branchenv(branch=other, folder=folder, env=there)


def _deployed(branch: Branch) -> list[str]:
    """Return the images of all finished updates, the last one first."""
    updates = branch.pulumi.json("stack", "history", "--json", "--stack", branch.stack)
    return [each["config"][_KEY]["value"] for each in updates if each["result"] == "succeeded" and each["config"]]


def _both(first: Branchenv, second: Branchenv) -> list[Started]:
    return [first.start("up", "--image", FIRST), second.start("up", "--image", SECOND)]


@pytest.mark.parametrize("apart", [False, True], ids=["one_checkout", "two_machines"])
def test_two_ups_at_once_of_a_branch_new_or_not_both_deploy_what_they_were_asked(
    apart: bool, branches: Branches, gateway: Gateway, workdir: Path
) -> None:
    branch = branches(f"feature/at-once-{apart}")
    people = _people(branch, workdir, apart=apart)
    for before in (0, 2, 4):
        assert [each.wait() for each in _both(*people)] == [0, 0], "neither fails for the other"
        deployed = _deployed(branch)
        assert sorted(deployed[: len(deployed) - before]) == [FIRST, SECOND], "each what it was asked"
    version = deployed[0].rpartition(":")[2]
    until(lambda: gateway.get(branch.host).json["version"] == version, what="the last one answers")


@pytest.mark.parametrize("seconds", [0.8, 1.6, 2.4])
def test_two_ups_at_once_go_on_after_one_that_was_killed(
    seconds: float, branches: Branches, gateway: Gateway, workdir: Path
) -> None:
    branch = branches(f"feature/killed-at-once-{seconds}")
    first, second = _people(branch, workdir, apart=False)
    first.start("up", "--image", FIRST).kill_after(seconds)
    assert [each.wait() for each in _both(first, second)] == [0, 0], "its lock and what it left are repaired once"
    version = _deployed(branch)[0].rpartition(":")[2]
    assert gateway.until_status(branch.host).json["version"] == version, "the last one answers"
    shutil.rmtree(workdir)
