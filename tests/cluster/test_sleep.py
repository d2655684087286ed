"""Sleep and wake on the real cluster: the page, no pods, and no request that fails on the way."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from tests.cluster.support.cluster import REPOSITORY
from tests.cluster.support.gateway import Answer, Gateway, Requests
from tests.cluster.support.sleeping import sleeps, until_asleep
from tests.cluster.support.stacks import FIRST, SECOND, Base, Branch, Branches
from tests.cluster.support.waiting import until


def branchenv(branch: Branch, *arguments: str, folder: Path | None = None) -> str:
    """Run branchenv as a person does, which must succeed."""
    own = {"BRANCHENV_PROGRAM": str(branch.folder), "BRANCHENV_APP": branch.base.app}
    env = {**branch.base.env, **own, "BRANCHENV_BASE": branch.base.stack}
    done = subprocess.run(
        [sys.executable, "-m", "branchenv", *arguments],
        cwd=folder or branch.folder,
        env={**env, "PYTHONPATH": str(REPOSITORY), "PATH": f"{env['PATH']}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"branchenv {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def wrong(requests: Requests) -> list[Answer]:
    """Every answer that is neither the app's nor the page."""
    return [each for each in requests.failures if not sleeps(each)]


def test_sleep_and_wake_lose_no_request_but_to_the_page(branches: Branches, gateway: Gateway) -> None:
    branch = branches("feature/sleep")
    branch.up(image=FIRST)
    gateway.until_status(branch.host)
    with Requests(gateway, branch.host) as requests:
        branchenv(branch, "sleep", branch.name, "--reason", "nobody <b>used</b> it")
        page = until_asleep(branch, gateway)
        assert branch.pulumi.run("stack", "output", "url", "--stack", branch.stack).ok(), "its stack is still there"
        branchenv(branch, "wake", branch.name)
        # Asked of these requests themselves: each of the gateway's threads hears of the new route by itself.
        until(lambda: requests.answers[-1].status == 200, what="the app answers again")
    assert not wrong(requests), "going to sleep and waking, nobody met a gateway without pods"
    assert page.headers["content-type"] == "text/html; charset=utf-8", "a browser shows it"
    assert "branchenv wake feature/sleep" in page.body, "it says how to wake it"
    assert "nobody &lt;b&gt;used" in page.body, "and why, as text"


def test_an_up_with_nothing_changed_leaves_it_asleep_and_a_push_wakes_it(branches: Branches, gateway: Gateway) -> None:
    branch = branches("feature/asleep")
    branch.up(image=FIRST)
    branchenv(branch, "sleep", branch.name)
    until_asleep(branch, gateway)
    branch.pulumi.run("up", "--yes", "--skip-preview", "--stack", branch.stack).ok()
    assert sleeps(gateway.get(branch.host)), "sleep is in Pulumi's own config, so an `up` does not fight it"
    assert not branch.pods(), "no pod came back"
    branchenv(branch, "select", "--branch", branch.name, "--image", SECOND)
    branch.pulumi.run("up", "--yes", "--skip-preview", "--stack", branch.stack).ok()
    until(lambda: gateway.runs(branch.host, "2.0"), what="a push wakes it with what was pushed")


def test_an_environment_of_a_chart_sleeps_and_wakes_without_its_checkout(
    base: Base, branches: Branches, gateway: Gateway, workdir: Path
) -> None:
    branch = branches("feature/chart-sleep")
    checkout = workdir / "checkout"
    shutil.copytree(REPOSITORY / "examples/shop/chart", checkout / "deploy/chart")
    values = {"serviceAccount": base.app, "gateway": f"istio-system/{base.app}"}
    text = yaml.safe_dump({"chart": {"path": "chart", "values": values, "valuePaths": {"branch": "branch"}}})
    (checkout / "deploy/environment.yaml").write_text(text)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message=x"]):
        subprocess.run([*git, *command], cwd=checkout, check=True)
    arguments = ("--branch", branch.name, "--environment", "deploy/environment.yaml", "--image", FIRST)
    branchenv(branch, "select", *arguments, folder=checkout)
    branch.pulumi.run("up", "--yes", "--skip-preview", "--stack", branch.stack).ok()
    gateway.until_status(branch.host)

    elsewhere = workdir / "elsewhere"
    subprocess.run(["git", "clone", "--quiet", "--bare", str(checkout), str(elsewhere)], check=True)
    shutil.rmtree(checkout)
    with Requests(gateway, branch.host) as requests:
        branchenv(branch, "sleep", branch.name, folder=elsewhere)
        until_asleep(branch, gateway)
        branchenv(branch, "wake", branch.name, folder=elsewhere)
        until(lambda: gateway.get(branch.host).status == 200, what="the chart's app answers again")
    assert not wrong(requests), "the page answered until the chart's pods were ready"
