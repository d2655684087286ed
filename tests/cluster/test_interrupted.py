"""`up` and `destroy` whose engine is told to stop, or killed.

After a kill a person runs `pulumi cancel`, and then the same command again.
"""

import signal
from pathlib import Path

from tests.cluster.support.gateway import Gateway
from tests.cluster.support.pulumi import readable
from tests.cluster.support.stacks import FIRST, MISSING, SECOND, Branch, Branches
from tests.cluster.support.waiting import until

# Long enough for the kill to come while the pod is not ready.
_SLOW = f"""\
image: {FIRST}
probes:
  path: /healthz
  startup: {{initialDelaySeconds: 2}}
"""


def _kill_up(branch: Branch, *moment: str, **config: str) -> None:
    running = branch.start_up(**config)
    running.read_until(*moment)
    running.kill()


def test_an_up_that_is_told_to_stop_says_so_alone_and_goes_on_when_run_again(
    branches: Branches, gateway: Gateway
) -> None:
    branch = branches("feature/stopped")
    branch.up(image=FIRST)
    outputs = set(branch.pulumi.json("stack", "output", "--json", "--stack", branch.stack))
    for number in (signal.SIGINT, signal.SIGTERM):
        running = branch.start_up(image=MISSING)
        running.read_until("Waiting for")
        stopped = running.tell(number)
        assert stopped.code != 0, "it is no success"
        assert "received; cancelling" in stopped.output, f"it says that it was told so:\n{stopped.output}"
        readable(stopped.output)
        kept = set(branch.pulumi.json("stack", "output", "--json", "--stack", branch.stack))
        assert kept == outputs, "a program that was stopped half-way registers no half of its outputs"
    branch.up(image=SECOND)
    until(lambda: gateway.get(branch.host).json["version"] == "2.0", what="the next push answers")


def test_an_up_that_is_killed_again_and_again_goes_on_from_there_and_converges(
    branches: Branches, gateway: Gateway, workdir: Path
) -> None:
    branch = branches("feature/killed")
    (workdir / "slow.yaml").write_text(_SLOW)
    config = {"environment": str(workdir / "slow.yaml")}
    # Before anything is made, while the pods are not ready, and when all is made but not said: each gets further only
    # if it went on with what the one before had left.
    for moment in ("Updating (", "Waiting for app", "-deployment created"):
        _kill_up(branch, moment, **config)
        branch.try_up(**config).refused("currently locked", "pulumi cancel")  # what a person is told
        branch.cancel().ok()
    branch.up(**config)

    assert gateway.until_status(branch.host).json["branch"] == branch.name, "it is live"
    assert len(branch.pods()) == 1, "with the one pod that it should have"


def test_a_push_that_was_killed_converges_when_run_again_and_is_taken_back_by_an_up_that_looks_first(
    branches: Branches, gateway: Gateway
) -> None:
    branch = branches("feature/killed-push")
    branch.up(image=FIRST)
    _kill_up(branch, "Waiting for", image=SECOND)
    branch.cancel().ok()
    branch.up(image=SECOND)
    until(lambda: gateway.get(branch.host).json["version"] == "2.0", what="the pushed version answers")
    until(lambda: len(branch.pods()) == 1, what="the old pod goes")

    _kill_up(branch, "Waiting for", image=MISSING)
    branch.cancel().ok()
    # The state has not heard of the killed push, so without a refresh there would be nothing to take back.
    branch.up("--refresh", image=SECOND)
    until(lambda: gateway.runs(branch.host, "2.0"), what="the correct image runs")
    until(lambda: len(branch.pods()) == 1, what="the pod of the killed push goes")


def test_a_destroy_that_is_killed_again_and_again_goes_on_from_there_and_leaves_nothing(branches: Branches) -> None:
    branch = branches("feature/half-gone")
    branch.up(image=FIRST)
    for moment in ("Destroying (", "deleting (", "deleted ("):
        running = branch.pulumi.start("destroy", "--yes", "--skip-preview", "--stack", branch.full_stack)
        running.read_until(moment)
        running.kill()
        branch.cancel().ok()
    branch.destroy("--remove").ok()
    branch.until_all_is_going()


def test_a_destroy_after_an_up_that_was_killed_leaves_nothing(branches: Branches, workdir: Path) -> None:
    branch = branches("feature/abandoned")
    (workdir / "slow.yaml").write_text(_SLOW)
    _kill_up(branch, "Waiting for app", environment=str(workdir / "slow.yaml"))
    branch.cancel().ok()
    branch.destroy().ok()
    branch.until_nothing_is_left()
