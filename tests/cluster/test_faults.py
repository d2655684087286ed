"""Images and containers that do not run: `pulumi up` fails in time, and a later correct one works.

What a person is told of the reasons is tested with `branchenv why`.
"""

from pathlib import Path

from tests.cluster.support.gateway import Gateway
from tests.cluster.support.stacks import FIRST, MISSING, Branches

_READY_TIMEOUT = "15"
"""Seconds in which the kubelet of a busy machine has told what is wrong, which the provider passes on at the end."""


def test_an_image_that_does_not_exist_is_named_in_time_and_a_correct_up_then_works(
    branches: Branches, gateway: Gateway
) -> None:
    branch = branches("feature/no-image")
    failed = branch.try_up(image=MISSING, readyTimeoutSeconds=_READY_TIMEOUT)
    failed.refused(MISSING, branch.object_name(), "timed out waiting to be Ready")
    branch.up(image=FIRST)
    assert gateway.until_status(branch.host).json["version"] == "1.0", "the correct image runs"


def test_a_container_that_crashes_fails_the_push_and_a_correct_up_then_works(
    branches: Branches, gateway: Gateway, workdir: Path
) -> None:
    branch = branches("feature/crash")
    file = workdir / "environment.yaml"
    file.write_text(f"image: {FIRST}\nenv: {{EXIT_AFTER_START: 'yes'}}\n")
    failed = branch.try_up(environment=str(file), readyTimeoutSeconds=_READY_TIMEOUT)
    failed.refused("CrashLoopBackOff", "exit code 1")
    said = branch.last_words()
    assert "the sample app gives up, as a broken one would" in said, f"whoever reads a failed test is shown why: {said}"
    file.write_text(f"image: {FIRST}\n")
    branch.up(environment=str(file))
    assert gateway.until_status(branch.host).json["version"] == "1.0", "the corrected file runs"
