"""The jobs of the component, really run: pushes, stops, and what comes in between them.

After each of them the cluster, Pulumi's backend and GitLab agree. The jobs have the cluster rights that docs/gitlab.md
gives them, and no others.
"""

import signal
from collections.abc import Callable

import pytest

from tests.cluster.support.stacks import FIRST, MISSING, SECOND, at_once
from tests.pipeline.support.agreement import agree, lives, removed, stack_is_removed
from tests.pipeline.support.manifests import Checkout, git
from tests.pipeline.support.pipelines import DEPLOY, PREVIEW, ROLLBACK, Pipelines

ONE = f"image: {FIRST}\n"
TWO = f"image: {SECOND}\n"
# Long enough for something to happen while the pod is not ready.
SLOW = f"""\
image: {FIRST}
probes:
  path: /healthz
  startup: {{initialDelaySeconds: 2}}
"""
# The job's log while `pulumi up` waits for the pods.
WAITING = "Waiting for"


def test_a_push_gets_a_url(pipelines: Pipelines) -> None:
    checkout = pipelines.push("feature/push", ONE)
    result = pipelines.deploy(checkout).ok()
    assert result.dotenv["BRANCHENV_URL"] == pipelines.branch("feature/push").url, "GitLab takes the URL from here"
    lives(pipelines, "feature/push", version="1.0")


def test_a_second_push_changes_what_runs(pipelines: Pipelines) -> None:
    pipelines.deploy(pipelines.push("feature/again", ONE)).ok()
    pipelines.deploy(pipelines.push("feature/again", TWO)).ok()
    lives(pipelines, "feature/again", version="2.0")


def test_an_older_pipeline_changes_nothing_and_a_rollback_goes_back_on_purpose(pipelines: Pipelines) -> None:
    branch = "feature/order"
    old = pipelines.push(branch, ONE)
    pipelines.deploy(old, CI_PIPELINE_ID="101").ok()
    new = pipelines.push(branch, TWO)
    iid = pipelines.project.open_merge_request(branch)
    pipelines.deploy(new, CI_PIPELINE_ID="102", **pipelines.merge_request(new, iid)).ok()
    late = pipelines.deploy(_at(pipelines, old), CI_PIPELINE_ID="101").failed("pipeline 101 is outdated: pipeline 102")
    assert late.code == 22, "which the job allows"
    lives(pipelines, branch, version="2.0")
    back = pipelines.start(ROLLBACK, pipelines.manifests.checkout(branch), **pipelines.merge_request(new, iid))
    pipelines.end(back).ok()
    lives(pipelines, branch, version="1.0")
    (note,) = pipelines.project.bodies(iid)
    assert f"**Up, rolled back** from `{new.commit[:8]}`" in note, "who reads it sees that it is not what was pushed"
    assert f"`{old.commit[:8]}`" in note, "but this"
    pipelines.deploy(_at(pipelines, old), CI_PIPELINE_ID="101").failed("outdated")
    pipelines.deploy(pipelines.manifests.checkout(branch), CI_PIPELINE_ID="102").ok()
    lives(pipelines, branch, version="2.0")


def test_a_merge_request_has_one_note_however_often_is_pushed(pipelines: Pipelines) -> None:
    checkout = pipelines.push("feature/noted", ONE)
    iid = pipelines.project.open_merge_request("feature/noted")
    pipelines.deploy(checkout, **pipelines.merge_request(checkout, iid)).ok()
    checkout = pipelines.push("feature/noted", TWO)
    pipelines.deploy(checkout, **pipelines.merge_request(checkout, iid)).ok()
    (note,) = pipelines.project.bodies(iid)
    assert pipelines.branch("feature/noted").url in note, "reviewers find the URL there"
    assert checkout.commit[:8] in note, "and what runs there now"
    lives(pipelines, "feature/noted", version="2.0")


def test_a_stop_needs_neither_the_branch_nor_its_files(pipelines: Pipelines) -> None:
    checkout = pipelines.push("feature/merged", ONE)
    pipelines.deploy(checkout).ok()
    later = pipelines.manifests.checkout("feature/merged")
    pipelines.delete("feature/merged")
    pipelines.stop(later).ok()
    left = {file.name for file in (later.folder / ".gitlab-ci-local/builds/branch-stop").iterdir()}
    assert left == {".git"}, "the job had none of the branch's files, as with GIT_STRATEGY none"
    removed(pipelines, "feature/merged")


def test_a_second_stop_finds_nothing_to_do(pipelines: Pipelines) -> None:
    checkout = pipelines.push("feature/stopped", ONE)
    pipelines.deploy(checkout).ok()
    pipelines.stop(checkout).ok()
    pipelines.stop(checkout).ok()
    removed(pipelines, "feature/stopped")


def test_a_stop_without_a_deploy_before_it_makes_nothing(pipelines: Pipelines) -> None:
    pipelines.stop(pipelines.push("feature/never", ONE)).ok()
    removed(pipelines, "feature/never")


def test_two_branches_are_deployed_at_once(pipelines: Pipelines) -> None:
    first, second = pipelines.push("feature/a", ONE), pipelines.push("feature-a", TWO)
    for result in at_once([lambda: pipelines.deploy(first), lambda: pipelines.deploy(second)]):
        result.ok()
    lives(pipelines, "feature/a", version="1.0")
    lives(pipelines, "feature-a", version="2.0")  # GitLab's own slug is the same for both


@pytest.mark.parametrize(
    "signals",
    [
        pytest.param((signal.SIGTERM,), id="asked_to_end"),
        pytest.param((signal.SIGTERM, signal.SIGKILL), id="asked_then_killed"),
        pytest.param((signal.SIGKILL,), id="killed"),
    ],
)
def test_a_deploy_that_was_cancelled_converges_when_run_again(
    signals: tuple[signal.Signals, ...], pipelines: Pipelines
) -> None:
    checkout = pipelines.push("feature/cancelled", SLOW)
    job = pipelines.start(DEPLOY, checkout)
    job.read_until(WAITING)
    pipelines.cancel(job, *signals)
    pipelines.deploy(pipelines.manifests.checkout("feature/cancelled")).ok()
    lives(pipelines, "feature/cancelled", version="1.0")


def test_a_second_push_after_a_killed_one_converges(pipelines: Pipelines) -> None:
    pipelines.deploy(pipelines.push("feature/killed-push", SLOW)).ok()
    job = pipelines.start(DEPLOY, pipelines.push("feature/killed-push", SLOW.replace(FIRST, MISSING)))
    job.read_until(WAITING)
    pipelines.cancel(job, signal.SIGKILL)
    pipelines.deploy(pipelines.push("feature/killed-push", SLOW.replace(FIRST, SECOND))).ok()
    lives(pipelines, "feature/killed-push", version="2.0")


def test_a_stop_after_a_killed_deploy_leaves_nothing(pipelines: Pipelines) -> None:
    checkout = pipelines.push("feature/abandoned", SLOW)
    job = pipelines.start(DEPLOY, checkout)
    job.read_until(WAITING)
    pipelines.cancel(job, signal.SIGKILL)
    pipelines.stop(checkout).ok()
    removed(pipelines, "feature/abandoned")


def test_a_stop_that_was_killed_converges_when_run_again(pipelines: Pipelines) -> None:
    checkout = pipelines.push("feature/half-gone", ONE)
    pipelines.deploy(checkout).ok()
    job = pipelines.start_stop(checkout)
    job.read_until("Destroying (")
    pipelines.cancel(job, signal.SIGKILL)
    pipelines.stop(pipelines.manifests.checkout("feature/half-gone")).ok()
    removed(pipelines, "feature/half-gone")


def test_a_stop_waits_for_the_deploy_that_holds_the_stack(pipelines: Pipelines) -> None:
    checkout = pipelines.push("feature/race", SLOW)
    deploy = pipelines.start(DEPLOY, checkout)
    deploy.read_until(WAITING)
    stop = pipelines.start_stop(pipelines.manifests.checkout("feature/race"))
    pipelines.end(deploy)  # announcing a URL that is being removed may fail
    pipelines.end(stop).ok()
    removed(pipelines, "feature/race")


@pytest.mark.parametrize(
    "moment",
    [
        "starting shell",
        "$ stack=",
        "$ pulumi up",
        "Updating (",
        "BranchEnvironment",
        "-anchor created",
        "-deployment creating",
        "-deployment created",
        "Outputs:",
        "$ branchenv announce",
    ],
)
def test_a_race_of_deploy_and_stop_ends_in_one_state(moment: str, pipelines: Pipelines) -> None:
    """GitLab's resource group keeps the two apart; here nothing but the stack's lock does, at ten moments."""
    checkout = pipelines.push("feature/race", ONE)
    deploy = pipelines.start(DEPLOY, checkout)
    deploy.read_until(moment)
    stop = pipelines.start_stop(pipelines.manifests.checkout("feature/race"))
    _, stopped = at_once([lambda: pipelines.end(deploy), lambda: pipelines.end(stop)])
    stopped.ok()
    if stack_is_removed(pipelines, "feature/race") and pipelines.state("feature/race"):
        # The stop held the stack last. With the resource group it would have begun after the deploy's last line, and
        # so have ended last; here the deploy may still have been announcing.
        pipelines.project.stopped(pipelines.environment("feature/race"))
    agree(pipelines, "feature/race", version="1.0")


def test_a_deploy_that_comes_after_the_stop_makes_nothing(pipelines: Pipelines) -> None:
    checkout = pipelines.push("feature/late", ONE)
    late = pipelines.manifests.checkout("feature/late")
    pipelines.deploy(checkout).ok()
    pipelines.delete("feature/late")
    pipelines.stop(checkout).ok()
    pipelines.deploy(late).failed("the branch was deleted")
    removed(pipelines, "feature/late")


def test_a_deploy_that_fails_says_why(pipelines: Pipelines) -> None:
    checkout = pipelines.push("feature/broken", ONE.replace("image", "imagee"))
    pipelines.deploy(checkout).failed("imagee")
    pipelines.stop(checkout).ok()
    removed(pipelines, "feature/broken")


def test_a_deploy_whose_pods_do_not_start_ends_with_the_reasons_in_its_log(pipelines: Pipelines) -> None:
    checkout = pipelines.push("feature/crashing", f"{ONE}env: {{EXIT_AFTER_START: 'yes'}}\n")
    failed = pipelines.deploy(checkout, BRANCHENV_READY_TIMEOUT="10")
    failed.failed("timed out waiting to be Ready")
    last = failed.output.rpartition("Duration: ")[2]
    assert "its container crashes with exit code 1" in last, f"after all that Pulumi says:\n{failed.output}"
    assert "the sample app gives up, as a broken one would" in last, f"with the last lines of its log:\n{last}"
    assert "announce" not in last, "nothing is announced"


def test_a_preview_changes_nothing(make_pipelines: Callable[..., Pipelines]) -> None:
    pipelines = make_pipelines(preview="true")
    checkout = pipelines.push("feature/previewed", ONE)
    iid = pipelines.project.open_merge_request("feature/previewed")
    job = pipelines.start(PREVIEW, checkout, **pipelines.merge_request(checkout, iid))
    result = pipelines.end(job).ok()
    assert "+ kubernetes:apps/v1:Deployment" in result.output, "it shows what would be made"
    assert not pipelines.branch("feature/previewed").objects(), "and makes nothing"


def test_a_scheduled_sweep_reports_and_leaves_everything(pipelines: Pipelines) -> None:
    pipelines.deploy(pipelines.push("feature/orphan", ONE)).ok()
    pipelines.delete("feature/orphan")
    result = pipelines.schedule(BRANCHENV_GRACE="0s").ok()
    assert "its branch feature/orphan was deleted" in result.output, "the log says what would go, and why"
    lives(pipelines, "feature/orphan", version="1.0")


def test_a_scheduled_sweep_that_may_apply_removes_what_nobody_stopped(
    make_pipelines: Callable[..., Pipelines],
) -> None:
    pipelines = make_pipelines(sweep="apply")
    pipelines.deploy(pipelines.push("feature/orphan", ONE)).ok()
    pipelines.deploy(pipelines.push("feature/kept", TWO)).ok()
    pipelines.delete("feature/orphan")
    pipelines.schedule().ok()
    lives(pipelines, "feature/orphan", version="1.0")  # what was deployed a moment ago is left alone
    pipelines.schedule(BRANCHENV_GRACE="0s").ok()
    removed(pipelines, "feature/orphan")
    lives(pipelines, "feature/kept", version="2.0")


def _at(pipelines: Pipelines, old: Checkout) -> Checkout:
    """Check out what an older pipeline of the branch does."""
    fresh = pipelines.manifests.checkout(old.branch)
    git(fresh.folder, "reset", "--quiet", "--hard", old.commit)
    return Checkout(folder=fresh.folder, branch=old.branch, commit=old.commit)
