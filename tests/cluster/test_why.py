"""Whatever fails, its reason is said: by `branchenv up`, and by `branchenv why` as often as one asks."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from branchenv.model.errors import ExitCode
from branchenv.why.probes import NO_PORT
from tests.cluster.support.branchenv import Branchenv
from tests.cluster.support.gateway import Gateway
from tests.cluster.support.pulumi import Result
from tests.cluster.support.stacks import FIRST, MISSING, Base, Branch, Branches
from tests.cluster.support.waiting import until

_READY_TIMEOUT = "10"


class Why:
    """A branch that is deployed with the deployer's rights, and asked about."""

    def __init__(self, branch: Branch, folder: Path) -> None:
        self.branch = branch
        self._file = folder / "environment.yaml"
        self._branchenv = Branchenv(branch=branch, folder=folder, env=branch.base.deployer_env)

    def up(self, environment: dict[str, Any], *more: str) -> Result:
        """Deploy what an environment file says."""
        self._file.write_text(yaml.safe_dump(environment))
        timeout = () if "--ready-timeout" in more else ("--ready-timeout", _READY_TIMEOUT)
        return self._branchenv.run("up", "--environment", str(self._file), *timeout, *more)

    def why(self, *options: str) -> Result:
        """Ask why it is not up."""
        return self._branchenv.run("why", *options)

    def run(self, command: str, *options: str) -> Result:
        """Run another command."""
        return self._branchenv.run(command, *options)

    def fails(self, environment: dict[str, Any], code: ExitCode, *says: str) -> Result:
        """Deploy what fails: `up` says why, and `why` says the same."""
        failed = self.up(environment)
        failed.refused(*says)
        assert failed.code == code, f"a script tells it apart:\n{failed.output}"
        asked = self.why()
        asked.refused(*says)
        assert asked.code == code, f"the same as of `up`:\n{asked.output}"
        return failed


@pytest.fixture
def branch(branches: Branches, workdir: Path) -> Callable[[str], Why]:
    """Makes a branch."""
    return lambda name: Why(branches(name), workdir)


def test_an_image_that_cannot_be_pulled_is_named_with_the_registrys_own_words(branch: Callable[[str], Why]) -> None:
    asked = branch("feature/why-image")
    says = (f"{asked.branch.base.app}: the image {MISSING} cannot be pulled: ", "connection refused", "fix: ")
    asked.fails({"image": MISSING}, ExitCode.NOT_READY, *says)
    (reason,) = json.loads(asked.why("--json").output)["reasons"]
    assert (reason["kind"], reason["workload"]) == ("image", asked.branch.base.app), "a script reads the same"
    logs = asked.run("logs").refused("no container of it was started", f"the image {MISSING} cannot be pulled", "fix: ")
    assert logs.code == ExitCode.NOT_READY, "where there are no logs, the reason is shown instead of them"


# What fails, each for another reason, and what is said of it.
_SECRET = {"secretKeyRef": {"name": "no-such-secret", "key": "x"}}
_FAILING: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "crash": (
        {"env": {"EXIT_AFTER_START": "yes"}},
        ("crash: its container crashes with exit code 1", "| ", "the sample app gives up, as a broken one would"),
    ),
    "probe": (
        {"probes": {"path": "/fail"}},
        ("probe: its readiness probe, GET /fail on port 8080, is answered 500", "probes.path of probe"),
    ),
    "port": (
        {"env": {"PORT": "3000"}},
        ("port: nothing listens on port 8080; by its log it listens on 3000", "set `port: 3000` for"),
    ),
    "secret": (
        {"env": {"KEY": _SECRET}},
        (
            'secret: its container cannot be started: secret "no-such-secret" not found',
            "have the Secret no-such-secret made in",
        ),
    ),
}


def test_containers_that_do_not_become_ready_are_each_named_with_a_fix_that_works_when_pasted(
    branch: Callable[[str], Why], gateway: Gateway
) -> None:
    asked = branch("feature/why-several")
    web = {"image": FIRST, "routes": [{"path": "/"}]}
    workloads = {name: {"image": FIRST, **more} for name, (more, _) in _FAILING.items()}
    says = [text for _, texts in _FAILING.values() for text in texts]
    failed = asked.fails({"workloads": {"web": web, **workloads}}, ExitCode.NOT_READY, *says)
    assert "web: " not in failed.output.rpartition("error: ")[2], "what is up is not spoken of"
    assert "KUBECONFIG" not in failed.output, "the cluster is there: what a probe says is not taken for its words"
    logs = asked.run("logs").ok().output
    pods = [each["metadata"]["name"] for each in asked.branch.pods()]
    (crashing,) = [each for each in pods if each.startswith(asked.branch.object_name("crash"))]
    lines = [line for line in logs.splitlines() if "the sample app gives up, as a broken one would" in line]
    assert any(f"[pod/{crashing}/" in line for line in lines), f"the last words of the run before, and whose:\n{logs}"

    port = {**workloads["port"], "port": 3000}
    worker = {**workloads["port"], **yaml.safe_load(NO_PORT)}
    asked.up({"workloads": {"web": web, "port": port, "worker": worker}}).ok()
    assert gateway.until_status(asked.branch.host).status == 200, "what the fixes say is right"
    assert asked.why().ok().output.endswith(f"is up: {asked.branch.url}\n"), "and that all is well is said as well"


def test_a_pod_for_which_no_node_has_room_is_told_while_pulumi_still_waits(branch: Callable[[str], Why]) -> None:
    asked = branch("feature/why-room")
    huge = {"requests": {"cpu": "7", "memory": "3Gi"}, "limits": {"cpu": "7", "memory": "3Gi"}}
    failed = asked.up({"image": FIRST, "resources": huge}, "--ready-timeout", "12")
    expected = "no node has room for its pod, which asks for cpu 7, memory 3Gi; the scheduler says: "
    failed.refused(expected, "Insufficient cpu", "resources.requests")
    before, _, after = failed.output.rpartition("error: ")
    assert failed.code == ExitCode.NOT_READY, "pods do not start"
    assert before.count(expected) == 1, f"told once while it waits:\n{failed.output}"
    assert after.count(expected) == 1, f"and with its fix in the end:\n{failed.output}"
    asked.why().refused(expected)


@pytest.fixture
def tight(branches: Branches) -> Iterator[str]:
    """A quota without room for a pod, in the namespace of the tests' branches."""
    base = branches.base
    where = f"--namespace={base.namespace}"
    base.cluster.kubectl("create", "quota", "tight", "--hard=pods=0", where)
    counted = ("get", "resourcequota", "tight", where, "--output=jsonpath={.status.hard.pods}")
    until(lambda: base.cluster.kubectl(*counted) == "0", what="the quota is in force")
    yield "tight"
    base.cluster.kubectl("delete", "quota", "tight", where)


def test_a_quota_without_room_is_told_with_its_numbers(branch: Callable[[str], Why], tight: str) -> None:
    asked = branch("feature/why-quota")
    # What is in use beside it may be pods of other tests, on their way out.
    says = (f"the quota {tight} has no room for its pods: asked for: pods=1; in use: pods=", "at most: pods=0", "fix: ")
    asked.fails({"image": FIRST}, ExitCode.REFUSED, *says)


def test_a_rule_that_refuses_is_told_in_short_in_the_end(branch: Callable[[str], Why]) -> None:
    asked = branch("feature/why-rule")
    failed = asked.up({"image": "elsewhere.example.com/shop:1.0"})
    failed.refused("not successfully created by the Kubernetes API server")
    last = failed.output.rpartition("error: ")[2]
    assert failed.code == ExitCode.REFUSED, f"a script tells it apart:\n{failed.output}"
    assert "the rule `image` of the cluster refuses its Deployment: images come from " in last, (
        f"which rule, and why:\n{last}"
    )
    assert "fix: push the image there" in last, f"and how to do it right:\n{last}"
    asked.why().refused("none of its workloads is in the cluster", "branchenv up feature/why-rule --app")


def test_a_cluster_that_does_not_answer_is_told_apart_from_an_app_that_answers_with_an_error(
    branch: Callable[[str], Why], workdir: Path
) -> None:
    asked = branch("feature/why-error")
    kubeconfig = workdir / "nowhere"
    cluster = {"name": "x", "cluster": {"server": "https://127.0.0.1:1"}}
    context = {"name": "x", "context": {"cluster": "x", "user": "x"}}
    user = {"name": "x", "user": {"token": "x"}}
    kubeconfig.write_text(
        yaml.safe_dump({"clusters": [cluster], "contexts": [context], "users": [user], "current-context": "x"})
    )
    asked.up({"image": FIRST}).ok()
    lost = Branchenv(branch=asked.branch, folder=workdir, env={"KUBECONFIG": str(kubeconfig)})
    failed = lost.run("up", "--image", MISSING)
    failed.refused("the cluster does not answer", "check KUBECONFIG")
    assert failed.code == ExitCode.CLUSTER, f"nothing is wrong with the app:\n{failed.output}"

    failed = asked.run("announce", "--path", "/fail")
    failed.refused("the app answers with an error: 500", "its log ends with:", "listens on :8080")
    assert failed.code == ExitCode.NO_ANSWER, f"as ever:\n{failed.output}"
    asked.run("sleep").ok()
    assert "is asleep" in asked.why().ok().output, "no pods are what is wanted"


def test_a_branch_that_was_never_deployed_is_told_how_to(branch: Callable[[str], Why], branches: Branches) -> None:
    asked = branch("feature/why-never")
    done = asked.why()
    branches.forget(asked.branch)
    done.refused("there is no environment", "branchenv up feature/why-never --app")
    assert done.code == ExitCode.BAD_INPUT, f"nothing is wrong with it:\n{done.output}"


def test_where_a_branch_has_a_namespace_of_its_own_it_is_looked_at_there(
    branch_namespaces: Base, workdir: Path
) -> None:
    branches = Branches(branch_namespaces)
    try:
        asked = Why(branches("feature/why-own"), workdir)
        asked.fails({"image": MISSING}, ExitCode.NOT_READY, f"the image {MISSING} cannot be pulled")
        asked.branch.destroy().ok()
        asked.branch.until_nothing_is_left()
        asked.why().refused("there is no environment")
    finally:
        branches.remove()
