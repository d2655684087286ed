"""The note on the merge request, through everything that happens to an environment: by jobs, by hand, by the sweep."""

from collections.abc import Callable

from tests.cluster.support.branchenv import Branchenv
from tests.cluster.support.stacks import FIRST, SECOND
from tests.cluster.support.waiting import until
from tests.pipeline.support.agreement import lives, removed
from tests.pipeline.support.jobs import Result
from tests.pipeline.support.manifests import Checkout
from tests.pipeline.support.pipelines import DEPLOY, Pipelines

ONE = f"image: {FIRST}\n"
SLOW = f"{ONE}probes: {{path: /healthz, startup: {{initialDelaySeconds: 2}}}}\n"
CRASHING = f"{ONE}env: {{EXIT_AFTER_START: 'yes'}}\n"
WAITING = "Waiting for"


def _note(pipelines: Pipelines, iid: int) -> str:
    (body,) = pipelines.project.bodies(iid)
    # What the note keeps for itself is seen by nobody.
    return "\n".join(line for line in body.splitlines() if not line.startswith("<!--"))


def _run(pipelines: Pipelines, job: str, checkout: Checkout, iid: int, **variables: str) -> Result:
    return pipelines.end(pipelines.start(job, checkout, **pipelines.merge_request(checkout, iid), **variables))


def _by_hand(pipelines: Pipelines, checkout: Checkout) -> Branchenv:
    """The command line of a person who knows GitLab."""
    variables = {
        "BRANCHENV_GITLAB_URL": pipelines.server.url,
        "BRANCHENV_GITLAB_TOKEN": pipelines.runner.variables["BRANCHENV_GITLAB_TOKEN"],
        "BRANCHENV_PROJECT": pipelines.project.path,
    }
    return Branchenv(branch=pipelines.branch(checkout.branch), folder=checkout.folder, env=variables)


def test_a_deploy_is_told_when_it_begins_and_when_it_answers(pipelines: Pipelines) -> None:
    checkout = pipelines.push("feature/told", SLOW)
    iid = pipelines.project.open_merge_request("feature/told")
    url = pipelines.branch("feature/told").url
    job = pipelines.start(DEPLOY, checkout, **pipelines.merge_request(checkout, iid))
    job.read_until(WAITING)
    begun = _note(pipelines, iid)
    assert f"🚀 **Deploying** `{checkout.commit[:8]}`" in begun, "while it is deployed"
    assert url not in begun, "a first one has no URL that answers"
    pipelines.end(job).ok()
    note = _note(pipelines, iid)
    assert f"✅ **Up**: <{url}> answers `200`" in note, "and once it answers"
    assert f"`{pipelines.base.app}`: `{FIRST}`" in note, "with what runs there"
    assert "| Manual jobs | in [the pipeline" in note, "and what can be started by who has no command line"


def test_a_deploy_that_fails_is_told_with_its_reasons_and_what_is_still_up(pipelines: Pipelines) -> None:
    first = pipelines.push("feature/failing", ONE)
    iid = pipelines.project.open_merge_request("feature/failing")
    _run(pipelines, DEPLOY, first, iid).ok()
    broken = pipelines.push("feature/failing", CRASHING)
    _run(pipelines, DEPLOY, broken, iid, BRANCHENV_READY_TIMEOUT="10").failed("timed out waiting to be Ready")
    note = _note(pipelines, iid)
    assert f"❌ **Failed**: `{broken.commit[:8]}`" in note, "not the answer of the version before"
    assert "its container crashes with exit code 1" in note, "why"
    assert "the sample app gives up, as a broken one would" in note, "with its last words"
    url = pipelines.branch("feature/failing").url
    assert f"**The version of `{first.commit[:8]}` is still up**: <{url}> answers `200`." in note, "what reviewers have"
    assert "**Up**" not in note, "once"
    _run(pipelines, DEPLOY, pipelines.push("feature/failing", ONE.replace(FIRST, SECOND)), iid).ok()
    assert f"`{SECOND}` (was `{FIRST}`)" in _note(pipelines, iid), "the change since what answered before"


def test_a_deploy_that_is_refused_before_it_begins_is_told(pipelines: Pipelines) -> None:
    checkout = pipelines.push("feature/refused", ONE)
    iid = pipelines.project.open_merge_request("feature/refused")
    _run(pipelines, DEPLOY, checkout, iid, BRANCHENV_CHART="no-such-chart").failed("a chart is a folder")
    assert "❌ **Failed**" in _note(pipelines, iid), "a reviewer who waits for a URL learns that none comes"
    assert "a chart is a folder with Chart.yaml, and there is none" in _note(pipelines, iid), "and why"


def test_a_sleeping_environment_is_told_and_woken_and_extended_by_jobs(pipelines: Pipelines) -> None:
    checkout = pipelines.push("feature/tired", ONE)
    iid = pipelines.project.open_merge_request("feature/tired")
    _run(pipelines, DEPLOY, checkout, iid, BRANCHENV_EXPIRES_IN="1d").ok()
    _by_hand(pipelines, checkout).run("sleep", "--reason", "lunch").ok()
    note = _note(pipelines, iid)
    assert "💤 **Asleep**, put to sleep by hand" in note, "by whom"
    assert "`lunch`" in note, "why"
    assert "To wake it: start the job `branch-wake` of [its pipeline]" in note, "and how to wake it"

    _run(pipelines, "branch-wake", pipelines.manifests.checkout("feature/tired"), iid).ok()
    lives(pipelines, "feature/tired", version="1.0")
    assert "✅ **Up**" in _note(pipelines, iid), "by the job"
    before = _note(pipelines, iid).partition("| Expires | ")[2][:16]
    later = pipelines.manifests.checkout("feature/tired")
    later.take_files_away()
    _run(pipelines, "branch-extend", later, iid).ok()
    assert _note(pipelines, iid).partition("| Expires | ")[2][:16] > before, "for longer, without a checkout"


def test_a_removal_by_the_stop_job_is_told_and_a_redeploy_brings_it_back(pipelines: Pipelines) -> None:
    checkout = pipelines.push("feature/stopped", ONE)
    iid = pipelines.project.open_merge_request("feature/stopped")
    variables = pipelines.merge_request(checkout, iid)
    pipelines.deploy(checkout, **variables).ok()
    pipelines.stop(pipelines.manifests.checkout("feature/stopped"), **variables).ok()
    note = _note(pipelines, iid)
    assert "🗑️ **Removed** by " in note, "the URL is dead"
    assert "the job branch-stop" in note, "by what"
    assert pipelines.branch("feature/stopped").url not in note, "and nobody is led to it"
    assert "start the job `branch-redeploy`" in note, "how to have it back"
    removed(pipelines, "feature/stopped")
    again = pipelines.manifests.checkout("feature/stopped")
    _run(pipelines, "branch-redeploy", again, iid).ok()
    assert "✅ **Up**" in _note(pipelines, iid), "as it was"


def test_a_removal_by_the_sweep_is_told_with_its_rule(make_pipelines: Callable[..., Pipelines]) -> None:
    pipelines = make_pipelines(sweep="apply")
    checkout = pipelines.push("feature/left", ONE)
    iid = pipelines.project.open_merge_request("feature/left")
    _run(pipelines, DEPLOY, checkout, iid).ok()
    pipelines.project.merge_requests[iid]["state"] = "merged"
    pipelines.schedule(BRANCHENV_GRACE="0s").ok()
    until(lambda: "**Removed**" in _note(pipelines, iid), what="the note tells the removal")
    note = _note(pipelines, iid)
    assert "🗑️ **Removed** by " in note, "the URL is dead"
    assert "the sweep" in note, "by what"
    assert f"`its merge request !{iid} is merged`" in note, "by which rule"
    removed(pipelines, "feature/left")


def test_a_removal_by_hand_is_told(pipelines: Pipelines) -> None:
    checkout = pipelines.push("feature/dropped", ONE)
    iid = pipelines.project.open_merge_request("feature/dropped")
    _run(pipelines, DEPLOY, checkout, iid).ok()
    _by_hand(pipelines, checkout).run("down", "--yes").ok()
    assert "🗑️ **Removed** by hand" in _note(pipelines, iid), "whoever does it"
