"""The main job: push a branch and get a URL that answers, push again, close it and nothing is left."""

import os
import shutil
from pathlib import Path

from tests.cluster.support.gateway import Gateway, Requests
from tests.cluster.support.pulumi import Pulumi
from tests.cluster.support.stacks import FIRST, SECOND, Base, Branches, at_once, copy_program
from tests.cluster.support.waiting import until


def test_two_branches_at_once_answer_with_their_own_versions(base: Base, branches: Branches, gateway: Gateway) -> None:
    plain, shouted = branches("checkout"), branches("Checkout")
    assert plain.slug != shouted.slug, "names that are equal in lower case are two environments"
    at_once([lambda: plain.up(image=FIRST), lambda: shouted.up(image=SECOND)])
    for branch, version in ((plain, "1.0"), (shouted, "2.0")):
        answer = gateway.until_status(branch.host).json
        assert (answer["branch"], answer["version"]) == (branch.name, version), "each URL answers as its own branch"
        outputs = branch.pulumi.json("stack", "output", "--json", "--stack", branch.stack)
        assert outputs["url"] == branch.url, "the stack says where it answers"
        assert outputs["namespace"] == base.namespace, "and where its objects are"
    assert gateway.get("elsewhere.localhost").status == 404, "a host of no app is not found"


def test_a_second_push_from_a_fresh_clone_rolls_the_pod_without_a_failed_request(
    branches: Branches, gateway: Gateway, tmp_path: Path
) -> None:
    branch = branches("feature/second-push")
    branch.up(image=FIRST)
    gateway.until_status(branch.host)
    (old,) = branch.pods()
    clone = branch.elsewhere(copy_program(tmp_path / "clone"))
    with Requests(gateway, branch.host) as requests:
        pushed = clone.up(image=SECOND)
        until(lambda: requests.values("version")[-1:] == ["2.0"], what="the new version answers")
        # Until the old pod is gone there is still something that can fail.
        until(lambda: _is_deleted(branch.base, old["metadata"]["name"]), what="the old pod is gone")
    assert not requests.failures, f"of {len(requests.answers)} requests these failed: {requests.failures[:5]}"
    assert len(requests.answers) > 100, "requests were sent all the while"
    assert requests.values("version") == ["1.0", "2.0"], "both versions answered, and the old one first"
    assert "1 updated" in pushed.output, f"the same stack was updated, and of it the Deployment alone:\n{pushed.output}"
    (new,) = branch.pods()
    assert new["metadata"]["uid"] != old["metadata"]["uid"], "the pod was rolled"


def _is_deleted(base: Base, pod: str) -> bool:
    return not base.cluster.kubectl("get", "pod", pod, f"--namespace={base.namespace}", "--ignore-not-found")


def test_destroy_on_another_machine_needs_nothing_but_the_state(
    branches: Branches, gateway: Gateway, tmp_path: Path
) -> None:
    branch = branches("feature/closed")
    branch.up(image=FIRST)
    gateway.until_status(branch.host)
    made = {line.split()[0] for line in branch.objects()}
    assert {"Deployment", "Service", "VirtualService", "ReplicaSet", "Pod", "EndpointSlice"} <= made, (
        "the search by label finds everything, so that finding nothing later means something"
    )

    machine = _another_machine(branch.pulumi.env, tmp_path)
    machine.run("destroy", "--remove", "--stack", branch.full_stack, "--yes").ok()

    branch.until_nothing_is_left()
    assert gateway.until_status(branch.host, 404), "its URL is gone as well"
    listed = [each["name"] for each in branch.pulumi.json("stack", "ls", "--json")]
    assert branch.stack not in listed, "and so is the stack"


def _another_machine(env: dict[str, str], folder: Path) -> Pulumi:
    """Return the CLI in an empty folder, with only the cluster's plugin: no language host, no Python."""
    empty, home, programs = folder / "empty", folder / "home", folder / "bin"
    for each in (empty, home, programs):
        each.mkdir()
    shutil.copytree(Path(env["PULUMI_HOME"]) / "plugins", home / "plugins", symlinks=True)
    # A link would lead the engine back to where its language hosts are.
    found = shutil.which("pulumi", path=env["PATH"])
    assert found, "pulumi is on the PATH"
    try:
        (programs / "pulumi").hardlink_to(Path(found).resolve())
    except OSError:
        shutil.copy2(found, programs / "pulumi")
    bare = {name: env[name] for name in ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "KUBECONFIG")}
    path = os.pathsep.join([str(programs), "/usr/bin", "/bin"])
    return Pulumi(empty, {**bare, "HOME": str(folder), "PATH": path, "PULUMI_HOME": str(home)})


def test_destroy_twice_finds_nothing_the_second_time(branches: Branches) -> None:
    branch = branches("feature/twice")
    branch.up(image=FIRST)
    assert " deleted (" in branch.destroy().ok().output, "the first one deletes"
    again = branch.destroy().ok()
    assert " delet" not in again.output.partition("Duration")[0], f"the second has nothing to do:\n{again.output}"


def test_destroy_of_a_stack_that_was_removed_says_that_there_is_none(branches: Branches) -> None:
    branch = branches("feature/removed")
    branch.up(image=FIRST)
    branch.destroy("--remove").ok()
    # Bare Pulumi knows no such stack any more, and says so with an exit code of its own.
    branch.destroy("--remove").refused(f"no stack named '{branch.full_stack}' found")
