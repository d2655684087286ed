"""What a base stack publishes: enough for its branches, without its secrets, and in its own cluster alone."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from core import publication
from tests.cluster.support.branchenv import Branchenv
from tests.cluster.support.pulumi import Pulumi
from tests.cluster.support.stacks import FIRST, Base, Branches

OTHER = "00000000-0000-0000-0000-000000000000"


@contextmanager
def noted(pulumi: Pulumi, stack: str, file: Path, **outputs: Any) -> Iterator[None]:
    """Let a stack's state have other outputs for a while.

    Args:
        pulumi: where the stack is.
        stack: its name.
        file: where its state may lie meanwhile.
        outputs: instead of its own, or beside them.
    """
    pulumi.run("stack", "export", "--stack", stack, "--file", str(file)).ok()
    before = file.read_text()
    state = json.loads(before)
    (root,) = [each for each in state["deployment"]["resources"] if each["type"] == "pulumi:pulumi:Stack"]
    root["outputs"] |= outputs
    file.write_text(json.dumps(state))
    pulumi.run("stack", "import", "--stack", stack, "--file", str(file)).ok()
    yield
    file.write_text(before)
    pulumi.run("stack", "import", "--stack", stack, "--file", str(file)).ok()


def test_a_branch_needs_no_secret_of_the_base_stack(base: Base, tmp_path: Path, workdir: Path) -> None:
    apart = Branches(replace(base, env={**base.env, "PULUMI_CONFIG_PASSPHRASE": "of the branches"}))
    branch = apart("feature/own-passphrase")
    backend = Path(base.env["PULUMI_BACKEND_URL"].removeprefix("file://").partition("?")[0])
    state = backend / f".pulumi/stacks/branch-environments/{base.stack}.json"
    try:
        # As if the job's credentials did not let it read this one.
        state.rename(tmp_path / state.name)
        branch.up(image=FIRST)
        command = Branchenv(branch=branch, folder=workdir, env={"KUBECONFIG": base.deployer_env["KUBECONFIG"]})
        command.run("select", "--image", FIRST, PULUMI_CONFIG_PASSPHRASE="of the branches").ok()
        assert base.gateway.get(branch.host).status == 200, "what it must know of the base stack is in the cluster"
    finally:
        (tmp_path / state.name).rename(state)
        apart.remove()


def test_what_a_base_stack_publishes_is_read_and_not_written_by_its_deployers(base: Base) -> None:
    there = publication.namespace(base.stack)
    as_deployer = f"--as=system:serviceaccount:{base.namespace}:{base.deployer}"
    found = base.cluster.get("configmap", publication.CONFIG_MAP, f"--namespace={there}", as_deployer)
    contract = json.loads(found["data"][publication.KEY])
    uid = base.cluster.get("namespace", "kube-system")["metadata"]["uid"]
    assert (contract["name"], contract["cluster"]) == (base.stack, uid), "it says whose it is, and of which cluster"
    for verb in ("create", "update", "patch", "delete", "list"):
        assert not may(base, base.deployer, verb, "configmap/contract"), f"{verb}: it would speak for the base stack"
    assert not may(base, base.deployer, "get", "secrets"), "and nothing else is there for it"
    assert not may(base, base.app, "get", "configmap/contract"), "the app's own code has no use for it"


def may(base: Base, account: str, verb: str, what: str) -> bool:
    """Whether a ServiceAccount of the app may do something where the contract is."""
    command = ["kubectl", "auth", "can-i", verb, what, f"--namespace={publication.namespace(base.stack)}"]
    done = subprocess.run(
        [*command, f"--as=system:serviceaccount:{base.namespace}:{account}"],
        env=base.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() in {"yes", "no"}, f"the API server answers: {done.stderr}"
    return done.stdout.strip() == "yes"


def test_a_base_stack_refuses_another_cluster(base: Base, tmp_path: Path) -> None:
    pulumi = Pulumi(base.folder, base.env)
    with noted(pulumi, base.stack, tmp_path / "state.json", cluster=OTHER):
        done = pulumi.run("up", "--yes", "--skip-preview", "--stack", base.stack)
        done.refused(f"{base.stack} is in another cluster", OTHER, "kubectl config use-context")
    assert "unchanged" in base.up().output, "nothing was made or changed"


def test_a_branch_stack_refuses_another_cluster(base: Base, branches: Branches, tmp_path: Path, workdir: Path) -> None:
    branch = branches("feature/elsewhere")
    branch.up(image=FIRST)
    with noted(branch.pulumi, branch.stack, tmp_path / "state.json", cluster=OTHER):
        branch.try_up(image=FIRST).refused(f"{branch.stack} is in another cluster", OTHER, "kubectl config use-context")
        command = Branchenv(branch=branch, folder=workdir, env={"KUBECONFIG": base.deployer_env["KUBECONFIG"]})
        down = command.run("down", "--yes").refused("kubectl config use-context")
        assert down.code == 11, "its objects would stay in the other cluster, and nobody would know of them"
        assert command.run("select", "--image", FIRST).refused(OTHER).code == 11, "nor is it deployed"
    assert base.gateway.get(branch.host).status == 200, "nothing happened to it"
