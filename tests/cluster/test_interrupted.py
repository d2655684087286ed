"""`up` and `destroy` whose engine is told to stop, or killed.

After a kill a person runs `pulumi cancel`, and then the same command again.
"""

import signal
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl_c", "sigterm"])
def test_an_up_that_is_told_to_stop_says_so_alone_keeps_its_outputs_and_goes_on_when_run_again(
    number: int, branches: Branches, gateway: Gateway
) -> None:
    branch = branches("feature/stopped")
    branch.up(image=FIRST)
    outputs = branch.pulumi.json("stack", "output", "--json", "--stack", branch.stack)
    running = branch.start_up(image=MISSING)
    running.read_until("Waiting for")
    stopped = running.tell(number)
    assert stopped.code != 0, "it is no success"
    assert "update canceled" in stopped.output, f"it says that it was stopped:\n{stopped.output}"
    readable(stopped.output)
    kept = branch.pulumi.json("stack", "output", "--json", "--stack", branch.stack)
    assert kept == outputs, "no output is registered by half a program"
    branch.up(image=SECOND)
    until(lambda: gateway.get(branch.host).json["version"] == "2.0", what="the next push answers")


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param("Updating (", id="before_anything_is_made"),
        pytest.param("Waiting for pods", id="while_the_pods_are_not_ready"),
        pytest.param("-deployment created", id="when_all_is_made_but_not_said"),
    ],
)
def test_an_up_that_was_killed_converges_when_run_again(
    moment: str, branches: Branches, gateway: Gateway, workdir: Path
) -> None:
    branch = branches("feature/killed")
    (workdir / "slow.yaml").write_text(_SLOW)
    config = {"environment": str(workdir / "slow.yaml")}
    _kill_up(branch, moment, **config)

    branch.try_up(**config).refused("currently locked", "pulumi cancel")  # what a person is told
    branch.cancel().ok()
    branch.up(**config)

    assert gateway.until_status(branch.host).json["branch"] == branch.name, "it is live"
    assert len(branch.pods()) == 1, "with the one pod that it should have"


def test_a_second_push_that_was_killed_converges_when_run_again(branches: Branches, gateway: Gateway) -> None:
    branch = branches("feature/killed-push")
    branch.up(image=FIRST)
    _kill_up(branch, "Waiting for", image=SECOND)
    branch.cancel().ok()
    branch.up(image=SECOND)
    until(lambda: gateway.get(branch.host).json["version"] == "2.0", what="the pushed version answers")
    until(lambda: len(branch.pods()) == 1, what="the old pod goes")


def test_a_killed_push_is_taken_back_by_an_up_that_looks_first(branches: Branches, gateway: Gateway) -> None:
    branch = branches("feature/taken-back")
    branch.up(image=FIRST)
    _kill_up(branch, "Waiting for", image=MISSING)
    branch.cancel().ok()
    # The state has not heard of the killed push, so without a refresh there would be nothing to take back.
    branch.up("--refresh", image=FIRST)
    assert gateway.until_status(branch.host).json["version"] == "1.0", "the correct image runs"
    until(lambda: len(branch.pods()) == 1, what="the pod of the killed push goes")


@pytest.mark.parametrize("moment", ["Destroying (", "deleting (", "deleted ("])
def test_a_destroy_that_was_killed_converges_when_run_again(moment: str, branches: Branches) -> None:
    branch = branches("feature/half-gone")
    branch.up(image=FIRST)
    running = branch.pulumi.start("destroy", "--yes", "--skip-preview", "--stack", branch.full_stack)
    running.read_until(moment)
    running.kill()

    branch.cancel().ok()
    branch.destroy("--remove").ok()
    branch.until_all_is_going()


def test_a_destroy_after_an_up_that_was_killed_leaves_nothing(branches: Branches, workdir: Path) -> None:
    branch = branches("feature/abandoned")
    (workdir / "slow.yaml").write_text(_SLOW)
    _kill_up(branch, "Waiting for pods", environment=str(workdir / "slow.yaml"))
    branch.cancel().ok()
    branch.destroy().ok()
    branch.until_nothing_is_left()
