"""`branchenv up` and `down`: whatever happens to them, the next one converges, and nobody has to help."""

import json
import random
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from branchenv.model.errors import ExitCode
from tests.cluster.support.branchenv import Branchenv
from tests.cluster.support.gateway import Gateway
from tests.cluster.support.pulumi import Pulumi
from tests.cluster.support.sleeping import until_asleep
from tests.cluster.support.stacks import FIRST, SECOND, Base, Branch, Branches, at_once, write_config
from tests.cluster.support.waiting import until

_SEED = 20261124
_KILLS = 4
_RACES = 4


def _say(text: str) -> None:
    """Show what was measured: pytest shows it with -s, or when the test fails."""
    print(text)  # noqa: T201


def _folder(base: Base) -> Path:
    """Return the file backend's folder."""
    return Path(base.env["PULUMI_BACKEND_URL"].removeprefix("file://").partition("?")[0]) / ".pulumi"


def _locks(branch: Branch) -> list[Path]:
    return list((_folder(branch.base) / "locks" / "organization" / "branch-environments" / branch.stack).glob("*.json"))


def _lock(branch: Branch, *, host: str, user: str, pid: int = 1) -> Path:
    folder = _folder(branch.base) / "locks" / "organization" / "branch-environments" / branch.stack
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / "0f3c.json"
    content = {"pid": pid, "username": user, "hostname": host, "timestamp": "2026-01-02T03:04:05.678901234Z"}
    lock.write_text(json.dumps(content))
    return lock


@pytest.fixture
def commands(branches: Branches, workdir: Path) -> "Commands":
    """Return `branchenv` for a branch."""
    return Commands(branches, workdir)


class Commands:
    """`branchenv` for branches of this test."""

    def __init__(self, branches: Branches, folder: Path) -> None:
        self._branches = branches
        self._folder = folder

    def __call__(self, name: str) -> Branchenv:
        """Return it for one branch; what that leaves is removed after the test."""
        return Branchenv(branch=self._branches(name), folder=self._folder)


def test_up_twice_and_down_twice(commands: Commands, gateway: Gateway) -> None:
    env = commands("feature/there-and-back")
    branch = env.branch
    up = env.run("up", "--image", FIRST).ok()
    assert up.output.rstrip().endswith(branch.url), f"the last line is the URL:\n{up.output}"
    assert gateway.until_status(branch.host).json["version"] == "1.0", "it is live"

    env.run("up", "--image", SECOND).ok()
    until(lambda: gateway.get(branch.host).json["version"] == "2.0", what="the second push answers")

    shown = branch.pulumi.json("stack", "ls", "--json", "--tag", f"branch={branch.name}")
    assert [each["name"] for each in shown] == [branch.stack], "Pulumi itself finds the stack by its branch"

    env.run("down").ok()
    branch.until_nothing_is_left()
    again = env.run("down").ok()
    assert "nothing to do" in again.output, "a second stop is no error"
    assert not list(_folder(branch.base).rglob(f"{branch.stack}.pulumi-tags")), "no tags are left"


def test_a_bare_pulumi_up_works_after_select(commands: Commands, gateway: Gateway) -> None:
    env = commands("feature/bare")
    (env.folder / "environment.yaml").write_text("image: overridden\nenv: {FROM: file}\n")
    selected = env.run("select", BRANCHENV_IMAGE=FIRST, BRANCHENV_ENVIRONMENT="environment.yaml").ok()
    assert selected.output.splitlines()[-1] == env.branch.stack, "the stack's name is what it prints"
    env.branch.pulumi.run("up", "--yes", "--skip-preview").ok()
    assert gateway.until_status(env.branch.host).json["version"] == "1.0", "config and path were set"
    _say(f"select, new stack: {selected.seconds:.2f} s")
    _say(f"select, existing stack: {env.run('select', BRANCHENV_IMAGE=FIRST).ok().seconds:.2f} s")


def test_ups_killed_at_random_moments_converge_on_the_next_one(
    branches: Branches, gateway: Gateway, workdir: Path
) -> None:
    dice = random.Random(_SEED)
    killed = 0
    for number in range(_KILLS):
        env = Branchenv(branch=branches(f"killed-{number}"), folder=workdir)
        # In each part of the time until about when it is done: a whole `up` takes some 4 s here.
        moment = dice.uniform(number, number + 1) * 4 / _KILLS + 0.05
        hit = env.start("up", "--image", FIRST).kill_after(moment)
        killed += hit
        locks = len(_locks(env.branch))
        again = env.run("up", "--image", FIRST)
        _say(f"{number}: {'killed' if hit else 'had ended'} after {moment:.2f} s, {locks} locks; again: {again.code}")
        again.ok()
        assert gateway.until_status(env.branch.host).json["branch"] == env.branch.name, "it is live"
        until(lambda env=env: len(env.branch.pods()) == 1, what="one pod runs")  # type: ignore[misc]
        assert not _locks(env.branch), "no lock is left"
        env.run("down").ok()
        env.branch.until_all_is_going()
        branches.forget(env.branch)
    assert killed >= _KILLS // 2, "most of them were hit while they were at work"


def test_races_of_up_against_down_end_in_one_state(branches: Branches, gateway: Gateway, workdir: Path) -> None:
    dice = random.Random(_SEED)
    for number in range(_RACES):
        env = Branchenv(branch=branches(f"race-{number}"), folder=workdir)
        if number % 2:
            env.run("up", "--image", FIRST).ok()
        delay = dice.uniform(0.0, 4.0)
        up = env.start("up", "--image", SECOND)
        up.wait_at_most(delay)
        down = env.run("down", "--wait", "60s")
        code = up.wait()
        there = env.branch.stack in {each["name"] for each in env.branch.pulumi.json("stack", "ls", "--json")}
        _say(f"{number}: down {delay:.2f} s after up: down {down.code}, up {code}, environment there: {there}")
        down.ok()
        assert not _locks(env.branch), "no lock is left"
        if there:
            assert code == 0, "an environment is there only if the deploy says so"
            until(partial(gateway.runs, env.branch.host, "2.0"), what="it is whole")
        else:
            env.branch.until_all_is_going()
            branches.forget(env.branch)


def test_a_down_after_a_killed_up_leaves_nothing(branches: Branches, workdir: Path) -> None:
    dice = random.Random(_SEED)

    def one(number: int) -> None:
        env = Branchenv(branch=branches(f"abandoned-{number}"), folder=workdir)
        env.start("up", "--image", FIRST).kill_after(dice.uniform(1.0, 3.0))
        env.run("down").ok()
        env.branch.until_nothing_is_left()
        assert not _locks(env.branch), "no lock is left"
        branches.forget(env.branch)

    at_once([lambda number=number: one(number) for number in range(2)])  # type: ignore[misc]


def test_a_lock_of_somebody_else_is_not_broken_unasked(commands: Commands) -> None:
    env = commands("feature/locked")
    lock = _lock(env.branch, host="laptop", user="carol")
    refused = env.run("up", "--image", FIRST, "--wait", "1s").refused("carol@laptop", "branchenv unlock")
    assert refused.code == ExitCode.LOCKED, "which a script can tell"
    env.run("unlock").refused("carol@laptop")
    env.run("unlock", "--older-than", "2h").refused("--yes")
    assert lock.exists(), "nobody said so"
    env.run("unlock", "--older-than", "2h", "--yes").ok()
    assert not lock.exists(), "the person has said that Carol is gone"


def test_a_lock_of_this_machine_whose_process_is_gone_is_broken(commands: Commands, gateway: Gateway) -> None:
    env = commands("feature/dead-lock")
    lock = _lock(env.branch, host=socket.gethostname(), user="root", pid=2**22 + 1)
    env.run("up", "--image", FIRST).ok()
    assert not lock.exists(), "its process is not there"
    gateway.until_status(env.branch.host)


def test_a_state_that_cannot_be_read_says_why_and_how_it_is_mended(commands: Commands, gateway: Gateway) -> None:
    env = commands("feature/damaged")
    env.run("up", "--image", FIRST).ok()
    refused = env.run("up", "--image", FIRST, PULUMI_CONFIG_PASSPHRASE="wrong").refused("PULUMI_CONFIG_PASSPHRASE")
    assert refused.code == ExitCode.BAD_INPUT, f"which a script can tell:\n{refused.output}"

    state = _folder(env.branch.base) / "stacks" / "branch-environments" / f"{env.branch.stack}.json"
    whole = state.read_text()
    state.write_text(whole[: len(whole) // 2])
    for command in (("up", "--image", FIRST), ("down",)):
        refused = env.run(*command).refused("damaged", f"{env.branch.stack}.json.bak", ".pulumi/backups/")
        assert refused.code == ExitCode.STATE, "which a script can tell"
    state.write_bytes(state.with_name(f"{state.name}.bak").read_bytes())
    env.run("up", "--image", FIRST).ok()
    gateway.until_status(env.branch.host)


def test_a_stack_of_another_branch_is_refused(commands: Commands) -> None:
    env = commands("feature-mine")
    env.run("select", "--image", FIRST).ok()
    env.branch.pulumi.run("stack", "tag", "set", "branch", "other", "--stack", env.branch.stack).ok()
    for command in (("up", "--image", SECOND), ("down",)):
        refused = env.run(*command).refused("belongs to branch other")
        assert refused.code == ExitCode.NOT_YOURS, "which a script can tell"
    env.branch.pulumi.run("stack", "tag", "set", "branch", env.branch.name, "--stack", env.branch.stack).ok()
    elsewhere = env.run("up", "--image", SECOND, BRANCHENV_PROJECT="acme/other")
    elsewhere.refused("another project, acme/shop")


@pytest.mark.parametrize("name", ["taken", "taken--web"])
def test_an_object_of_somebody_else_is_not_taken_over(commands: Commands, base: Base, name: str) -> None:
    env = commands("taken")
    theirs = {"name": name, "namespace": base.namespace}
    base.cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": theirs, "data": {"precious": "yes"}})
    try:
        refused = env.run("up", "--image", FIRST)
        refused.refused(f"ConfigMap {base.namespace}/{name}", "made by somebody else", "reservedSlugs")
        assert refused.code == ExitCode.NOT_YOURS, "which a script can tell"
        env.run("down").ok()
        kept = base.cluster.get("configmap", name, f"--namespace={base.namespace}")
        assert kept["data"] == {"precious": "yes"}, "nor does a stop remove it"
    finally:
        base.cluster.kubectl("delete", "configmap", name, f"--namespace={base.namespace}")


@pytest.fixture
def capped(base: Base) -> Iterator[Callable[[str], None]]:
    """Let the base stack allow two environments, and say what happens to one more."""

    def cap(on_limit: str) -> None:
        lifecycle = {"maxEnvironments": 2, "onLimit": on_limit}
        write_config(base.folder, base.stack, base.config(lifecycle=lifecycle))
        Pulumi(base.folder, base.env).run("up", "--yes", "--skip-preview", "--stack", base.stack).ok()

    yield cap
    base.up()


def test_one_environment_more_than_there_may_be_is_refused_or_takes_the_place_of_the_least_recently_updated(
    commands: Commands, capped: Callable[[str], None], gateway: Gateway
) -> None:
    first, second, third = (commands(f"feature-cap-{number}") for number in ("a", "b", "c"))
    for env in (first, second):
        env.run("up", "--image", FIRST).ok()
    # The one that was made first is not the one that was updated last.
    first.run("up", "--image", SECOND).ok()

    capped("refuse")
    refused = third.run("up", "--image", FIRST).refused("2 environments awake, and may have 2", "branchenv down")
    assert refused.code == ExitCode.CAP, "which a script can tell"
    oldest = [refused.output.index(f"\n      {env.branch.name}, last used") for env in (second, first)]
    assert oldest == sorted(oldest), f"the least recently updated one comes first:\n{refused.output}"
    assert not third.branch.objects(), "nothing was made"
    shown = third.branch.pulumi.json("stack", "ls", "--json")
    assert third.branch.stack not in {each["name"] for each in shown}, "nor is there a stack"
    second.run("up", "--image", FIRST).ok()
    first.run("up", "--image", SECOND).ok()

    capped("sleep")
    made = third.run("up", "--image", FIRST).ok()
    assert second.branch.stack in made.output, "whoever deploys is told whose place it takes"
    assert gateway.until_status(third.branch.host).json["branch"] == third.branch.name, "the new one is up"
    page = until_asleep(second.branch, gateway)
    assert f"branchenv wake {second.branch.name}" in page.body, "whoever comes is told how to wake it"
    assert "another environment needed its place" in page.body, "and why it sleeps"
    assert gateway.get(first.branch.host).json["version"] == "2.0", "the one that was updated since stays up"


def test_bad_input_is_told_apart(commands: Commands, workdir: Path) -> None:
    env = commands("feature/bad-input")
    cases = [
        (ExitCode.BASE, "this cluster has no base stack base-nowhere", {"BRANCHENV_BASE": "base-nowhere"}, ()),
        (ExitCode.BACKEND, "backend cannot be used", {"PULUMI_BACKEND_URL": f"file://{workdir}/nowhere"}, ()),
        (ExitCode.BAD_INPUT, "no duration", {}, ("--expires-in", "tomorrow")),
        (ExitCode.BAD_INPUT, "in the past", {}, ("--expires-in", "0")),
        (ExitCode.BAD_INPUT, "there is none", {}, ("--environment", "nowhere.yaml")),
        (ExitCode.BAD_INPUT, "BRANCHENV_APP", {"BRANCHENV_APP": ""}, ()),
        (ExitCode.BASE, "no app of this name", {"BRANCHENV_APP": "nobody"}, ()),
        (ExitCode.CLUSTER, "the cluster does not answer", {"KUBECONFIG": str(workdir / "kubeconfig")}, ()),
    ]
    (workdir / "kubeconfig").write_text(
        json.dumps(
            {
                "current-context": "x",
                "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
                "clusters": [{"name": "x", "cluster": {"server": "http://127.0.0.1:1"}}],
                "users": [{"name": "x", "user": {}}],
            }
        )
    )
    for code, says, variables, arguments in cases:
        refused = env.run("up", "--image", FIRST, *arguments, **variables).refused(says)
        assert refused.code == code, f"{says}: a script can tell, but got {refused.code}:\n{refused.output}"
