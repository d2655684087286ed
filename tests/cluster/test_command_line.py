"""`branchenv` as people and programs type it: what it remembers and prints, and what it says where pods do not run."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from branchenv.model.errors import ExitCode
from tests.cluster.support.branchenv import Branchenv
from tests.cluster.support.gateway import Gateway
from tests.cluster.support.sleeping import until_asleep
from tests.cluster.support.stacks import FIRST, MISSING, SECOND, Branches
from tests.cluster.support.waiting import until

_READY_TIMEOUT = ("--ready-timeout", "10s")


@pytest.fixture
def branch(branches: Branches, workdir: Path) -> Callable[[str], Branchenv]:
    """Makes a branch, with the deployer's rights."""
    return lambda name: Branchenv(branch=branches(name), folder=workdir, env=branches.base.deployer_env)


def _document(env: Branchenv, command: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Run a command as a program does: stdout is one document."""
    done = subprocess.run(
        [sys.executable, "-m", "branchenv", command, *arguments, "--output", "json"],
        cwd=env.folder,
        env=env._environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)


def test_a_failed_attempt_is_not_remembered_and_a_removal_forgets(
    branch: Callable[[str], Branchenv], gateway: Gateway
) -> None:
    env = branch("feature/remembered")
    env.run("up", "--image", FIRST).ok()
    env.run("up", "--images", "web=foo").refused("--images", "belong to an environment file")
    env.run("up", "--image", MISSING, *_READY_TIMEOUT).refused("cannot be pulled")
    env.run("up").ok()
    assert gateway.until_status(env.branch.host).json["version"] == "1.0", "what was deployed last"
    env.run("down").ok()
    again = env.run("up").refused("nothing says what feature/remembered runs", "--image <image>")
    assert again.code == ExitCode.BAD_INPUT, "the removed environment's image is not deployed again"
    until(lambda: not env.branch.objects(going=False), what="nothing was made")


def test_a_bare_up_uses_the_folder_s_environment_file(branch: Callable[[str], Branchenv], gateway: Gateway) -> None:
    env = branch("feature/folder")
    (env.folder / "environment.yaml").write_text(f"image: {FIRST}\nenv: {{FROM: file}}\n")
    env.run("up").ok()
    assert gateway.until_status(env.branch.host).json["version"] == "1.0", "as in CI"
    env.run("up", "--image", SECOND).ok()
    until(lambda: gateway.get(env.branch.host).json["version"] == "2.0", what="the file, with the image from outside")


def test_a_program_makes_and_removes_an_environment_and_reads_its_url(
    branch: Callable[[str], Branchenv], gateway: Gateway
) -> None:
    env = branch("feature/program")
    code, made = _document(env, "up", "--image", FIRST)
    assert (code, made["exit_code"], made["state"]) == (0, 0, "ready"), made
    assert (made["url"], made["stack"]) == (env.branch.url, env.branch.stack), "where it is"
    assert gateway.get(env.branch.host).status == 200, "and it answers"
    code, failed = _document(env, "up", "--image", MISSING, *_READY_TIMEOUT)
    assert (code, failed["exit_code"], failed["state"]) == (20, 20, "failed"), failed
    assert failed["url"] == env.branch.url, "what was there has its URL still"
    assert gateway.get(env.branch.host).json["version"] == "1.0", "no pod goes before its successor is ready"
    assert "cannot be pulled" in failed["error"], "and why it failed"
    assert _document(env, "down", "--yes")[1]["state"] == "removed", "there was something"
    assert _document(env, "down", "--yes")[1]["state"] == "absent", "and there is nothing more"


def test_sleep_and_wake_with_an_environment_file_outside_of_the_checkout(
    branch: Callable[[str], Branchenv], gateway: Gateway, tmp_path: Path
) -> None:
    env = branch("feature/outside")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for command in (["init", "--quiet"], ["commit", "--quiet", "--allow-empty", "--message=x"]):
        subprocess.run([*git, *command], cwd=env.folder, check=True)
    outside = tmp_path / "mine.yaml"
    outside.write_text(f"image: {FIRST}\n")
    env.run("up", "--environment", str(outside)).ok()
    printed = env.run("sleep").ok().output
    until_asleep(env.branch, gateway)
    assert f"branchenv wake feature/outside --app {env.branch.base.app} --base {env.branch.base.stack}" in printed, (
        "the command that it names is whole"
    )
    env.run("wake").ok()
    until(lambda: gateway.get(env.branch.host).status == 200, what="it is awake")
