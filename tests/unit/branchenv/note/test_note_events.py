"""What the merge request is told of an environment, and that telling neither fails, delays nor overtakes a deploy."""

import time
from concurrent.futures import wait
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from branchenv.cli.commands import announce as announce_command
from branchenv.cli.commands import select as command
from branchenv.cli.deploy_options import DeployOptions
from branchenv.cli.options import Output, Which
from branchenv.clients import http_probe
from branchenv.model.context import Target
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import StackRecord, Tags
from branchenv.note import events
from branchenv.note import facts as note_facts
from branchenv.note import text as note
from branchenv.note import writer as note_writer
from branchenv.note.facts import Facts, NoteState
from branchenv.note.writer import NoteTarget
from branchenv.operations.deploy.select import Selected
from tests.pipeline.support.gitlab_data import Project
from tests.pipeline.support.gitlab_server import Fault, GitLabServer

_WHICH = Which(branch="feature", app="shop", base="base-dev", project="group/shop")
_TARGET = Target(app="shop", branch="feature", base="base-dev", project="group/shop")
_URL = "https://feature.shop.example.com"
_TAGS = Tags(branch="feature", project="group/shop", owner="ada", commit="1111111111")
_RECORD = StackRecord(
    name="shop.feature",
    tags=_TAGS,
    resources=5,
    outputs={"url": _URL, "images": {"web": "shop:1"}, "base": "organization/branch-environments/base-dev"},
)


@pytest.fixture
def project(project: Project) -> Project:
    project.open_merge_request("feature")
    return project


@pytest.fixture(autouse=True)
def answer(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the URL answers, and who was told to begin."""
    found = {"answer": http_probe.ProbeResult(state=http_probe.Reachability.UP, status=200)}
    monkeypatch.setattr(http_probe, "ask", lambda *_, **__: found["answer"])
    monkeypatch.setattr(events, "_begun", {})
    monkeypatch.setattr(events, "_rollbacks", {})
    return found


def _hand(server: GitLabServer) -> dict[str, str]:
    """Variables of a person's shell."""
    return {"BRANCHENV_GITLAB_URL": server.url, "BRANCHENV_GITLAB_TOKEN": "good"}


def _job(server: GitLabServer, number: int = 7, commit: str = "2222222222", name: str = "deploy") -> dict[str, str]:
    """Variables of a job in the merge request's pipeline; it starts `number` minutes past twelve."""
    return {
        **_hand(server),
        "GITLAB_CI": "true",
        "CI_PROJECT_PATH": "group/shop",
        "CI_PROJECT_URL": "https://gitlab.example.com/group/shop",
        "CI_COMMIT_BRANCH": "feature",
        "CI_COMMIT_SHA": commit,
        "CI_COMMIT_TITLE": "A title",
        "CI_MERGE_REQUEST_IID": "1",
        "CI_PIPELINE_ID": str(number),
        "CI_PIPELINE_URL": f"https://gitlab.example.com/group/shop/-/pipelines/{number}",
        "CI_JOB_URL": f"https://gitlab.example.com/group/shop/-/jobs/{number}0",
        "CI_JOB_NAME": f"branch-{name}",
        "CI_JOB_STARTED_AT": f"2026-11-28T12:{number:02}:00Z",
        "CI_JOB_TOKEN": "job",
        "CI_ENVIRONMENT_NAME": "shop/feature",
        "GITLAB_USER_LOGIN": "ada",
        "BRANCHENV_JOBS": "branch-",
    }


def _begin(environ: dict[str, str], url: str = _URL) -> None:
    events.begins(_TARGET, _TAGS, url, environ=environ)
    note_writer.settle()


def _up(environ: dict[str, str], record: StackRecord = _RECORD) -> None:
    events.answers(_TARGET, record, events.DeployResult(text="200", well=True), environ=environ)


def _facts(project: Project) -> Facts:
    (body,) = project.bodies(1)
    found = note_facts.read(body)
    assert found, "there is one note, and it keeps what it tells"
    return found


def _body(project: Project) -> str:
    (body,) = project.bodies(1)
    return body


def test_one_note_goes_through_a_whole_life(project: Project, server: GitLabServer) -> None:
    job = _job(server)
    _begin(job, url="")
    assert "🚀 **Deploying** `22222222` `A title`" in _body(project), "while it is deployed"
    assert "[`branch-deploy`](<https://gitlab.example.com/group/shop/-/jobs/70>)" in _body(project), "with its job"
    _up(job)
    assert "✅ **Up**" in _body(project), "when it answers"
    events.sleeps(_RECORD, "nobody asked for it", by=events.SWEEP, environ=_hand(server))
    assert "💤 **Asleep**, put to sleep by the sweep" in _body(project), "when it sleeps"
    assert "start the job `branch-wake` of [its pipeline]" in _body(project), "with the way to wake it"
    events.wakes(_RECORD, environ=_job(server, name="wake"))
    assert "✅ **Up**" in _body(project), "when it is awake"
    events.removed(NoteTarget.of(_TARGET, _TAGS), environ=_job(server, name="stop"))
    assert "🗑️ **Removed** by [the job branch-stop]" in _body(project), "when it is removed, by what"
    _begin(_job(server, number=8), url="")
    assert "🚀 **Deploying**" in _body(project), "and when it comes back"
    assert server.asked("POST", "/notes") == 1, "all on one note"


def test_a_failed_deploy_tells_why_and_that_the_old_version_is_up(project: Project, server: GitLabServer) -> None:
    _up(_job(server, commit="1111111111"))
    later = _job(server, number=8)
    _begin(later)
    assert f"Until then <{_URL}> is the version of `11111111`." in _body(project), "while it is deployed"
    events.failed(NoteTarget.of(_TARGET), ["web: it crashes"], environ=later)
    body = _body(project)
    assert "❌ **Failed**: `22222222` `A title` is not up ([see the job](<" in body, "which commit, and its job"
    assert "- `web: it crashes`" in body, "why"
    assert f"**The version of `11111111` is still up**: <{_URL}> answers `200`." in body, "what still answers"


def test_a_failed_deploy_promises_no_version_that_does_not_answer(
    project: Project, server: GitLabServer, answer: dict[str, Any]
) -> None:
    _up(_job(server, commit="1111111111"))
    answer["answer"] = http_probe.ProbeResult(state=http_probe.Reachability.NO_POD, status=503)
    events.failed(NoteTarget.of(_TARGET), ["web: it crashes"], environ=_job(server, number=8))
    assert "still up" not in _body(project), "the URL was asked"
    assert "does not answer as it should: `there is a route, but no healthy pod: 503`" in _body(project)


def test_reasons_can_be_kept_off_the_note(project: Project, server: GitLabServer) -> None:
    quiet = {**_job(server), events.REASONS_VARIABLE: "no"}
    events.failed(NoteTarget.of(_TARGET), ["web: it said last: token=hunter2"], environ=quiet)
    assert "hunter2" not in _body(project), "an app's log may hold anything"
    assert "the reasons are in the job's log" in _body(project), "and where they are"
    answer = events.DeployResult(text="503", well=False, reasons=("web: it said last: token=hunter2",))
    events.answers(_TARGET, _RECORD, answer, environ=quiet)
    assert "**No answer**" in _body(project), "the same of a URL"
    assert "hunter2" not in _body(project), "that does not answer"


def test_the_images_that_changed_are_told_and_stay_told(project: Project, server: GitLabServer) -> None:
    _up(_job(server))
    second = replace(_RECORD, outputs={**_RECORD.outputs, "images": {"web": "shop:2"}})
    _begin(_job(server, number=8))
    _up(_job(server, number=8), second)
    assert "`web`: `shop:2` (was `shop:1`)" in _body(project), "since the last version that answered"
    _up(_job(server, number=9), second)
    assert "`web`: `shop:2` (was `shop:1`)" in _body(project), "a retry does not hide the change"


def test_an_older_pipeline_does_not_overwrite_what_a_newer_one_told(project: Project, server: GitLabServer) -> None:
    _begin(_job(server, number=8, commit="3333333333"))
    before = _body(project)
    _up(_job(server, number=7))
    events.failed(NoteTarget.of(_TARGET), ["late"], environ=_job(server, number=7))
    assert _body(project) == before, "it began earlier, and ends later"
    _up(_job(server, number=8, commit="3333333333"))
    assert "`33333333`" in _body(project), "the newer one goes on"


def test_a_note_that_somebody_else_wrote_holds_nothing_up(project: Project, server: GitLabServer) -> None:
    later = Facts(app="shop", slug="feature", branch="feature", started=datetime(2999, 1, 1, tzinfo=UTC))
    project.comment(1, note.write(later), user="mallory")
    _up(_job(server))
    assert "✅ **Up**" in project.bodies(1)[1], "whoever may comment could forge it"


def test_what_a_person_or_a_sweep_does_is_told_whatever_job_was_last(project: Project, server: GitLabServer) -> None:
    _up(_job(server, number=9))
    events.removed(NoteTarget.of(_TARGET, _TAGS), environ=_hand(server))
    assert "**Removed** by hand" in _body(project), "it is gone all the same"


def test_a_sweeps_job_is_not_taken_for_one_of_the_branch(project: Project, server: GitLabServer) -> None:
    _up(_job(server))
    sweep = {**_job(server, number=30, name="sweep"), "CI_COMMIT_BRANCH": "main", "CI_MERGE_REQUEST_IID": ""}
    events.sleeps(_RECORD, "idle", by=events.SWEEP, environ=sweep)
    facts = _facts(project)
    assert facts.pipeline.endswith("/pipelines/7"), "the schedule's pipeline has no job that wakes it"
    assert facts.by_url.endswith("/jobs/300"), "but its job is told"
    _up(_job(server, number=8))
    assert _facts(project).state == NoteState.UP, "and the branch's next job is not called older"


def test_room_that_is_made_for_another_branch_is_told_on_the_right_merge_request(
    project: Project, server: GitLabServer
) -> None:
    other = project.open_merge_request("other")
    _up(_job(server))
    theirs = {**_job(server, number=8), "CI_COMMIT_BRANCH": "other", "CI_MERGE_REQUEST_IID": str(other)}
    events.sleeps(_RECORD, "another environment needed its place", environ=theirs)
    assert "**Asleep**" in _body(project), "the sleeper's own"
    assert not project.bodies(other), "not that of who needed the place"


def test_a_removal_is_told_on_a_merge_request_that_is_merged(project: Project, server: GitLabServer) -> None:
    _up(_job(server))
    project.merge_requests[1]["state"] = "merged"
    events.removed(NoteTarget.of(_TARGET, _TAGS), "its branch was deleted", by=events.SWEEP, environ=_hand(server))
    assert "**Removed** by the sweep" in _body(project), "where its URL stands"


def test_a_removal_writes_no_new_note(project: Project, server: GitLabServer) -> None:
    events.removed(NoteTarget.of(_TARGET, _TAGS), environ=_job(server, name="stop"))
    assert not project.bodies(1), "nobody was told of it before"


def test_a_second_stop_leaves_told_who_removed_it(project: Project, server: GitLabServer) -> None:
    _up(_job(server))
    events.removed(NoteTarget.of(_TARGET), "it has expired", by=events.SWEEP, environ=_hand(server))
    events.removed(NoteTarget.of(_TARGET), again=False, environ=_job(server, number=8, name="stop"))
    assert "by the sweep" in _body(project), "the stop job found nothing to do"


def test_an_end_that_was_near_and_is_put_off_is_no_longer_told(project: Project, server: GitLabServer) -> None:
    expires = datetime(2026, 12, 1, tzinfo=UTC)
    owned = replace(_RECORD, tags=replace(_TAGS, expires=expires, pipeline="https://gitlab.example.com/p/1"))
    _up(_job(server), owned)
    events.expires_soon(owned, 1, environ=_hand(server))
    assert "⏳ **Expires soon**" in _body(project), "at the first glance"
    assert "@ada, to keep it longer" in _body(project), "GitLab gives them a to-do item"
    events.extended(NoteTarget.of(_TARGET), expires + timedelta(days=3), environ=_hand(server))
    assert "✅ **Up**" in _body(project), "all is well again"
    assert "2026-12-04 00:00 UTC" in _body(project), "for longer"
    assert "@ada" not in _body(project), "and nobody is asked any more"


def test_an_end_that_is_near_is_told_of_what_failed_as_well(project: Project, server: GitLabServer) -> None:
    owned = replace(
        _RECORD, tags=replace(_TAGS, expires=datetime(2026, 12, 1, tzinfo=UTC), pipeline="https://x.example")
    )
    events.failed(NoteTarget.of(_TARGET), ["web: it crashes"], environ=_job(server))
    events.expires_soon(owned, 1, environ=_hand(server))
    assert "❌ **Failed**" in _body(project), "that has not changed"
    assert "- `web: it crashes`" in _body(project), "nor has why"
    assert "⏳ **Expires soon**: it will be removed at 2026-12-01 00:00 UTC" in _body(project), "and this is new"
    assert "@ada, to keep it longer" in _body(project), "for who pushed last"


def test_a_job_that_fails_before_it_begins_is_told(project: Project, server: GitLabServer) -> None:
    with pytest.raises(BranchenvError), events.failures(_TARGET, environ=_job(server)):
        raise BranchenvError("shop has 5 environments awake, and may have 5", fix="close one", code=ExitCode.CAP)
    assert "- `shop has 5 environments awake, and may have 5`" in _body(project), "a reviewer waits for a URL"


def test_a_persons_mistake_is_not_told(project: Project, server: GitLabServer) -> None:
    with pytest.raises(BranchenvError), events.failures(_TARGET, environ=_hand(server)):
        raise BranchenvError("there is no such app", fix="correct it", code=ExitCode.BAD_INPUT)
    assert not project.bodies(1), "nothing was begun"


def test_a_persons_deploy_that_fails_is_told(project: Project, server: GitLabServer) -> None:
    events.begins(_TARGET, replace(_TAGS, merge_request=1), _URL, environ=_hand(server))
    with pytest.raises(BranchenvError), events.failures(_TARGET, environ=_hand(server)):
        raise BranchenvError("long", fix="", brief=("web: it crashes",))
    assert "- `web: it crashes`" in _body(project), "as the job's would be"


def test_a_long_error_is_short_on_the_note() -> None:
    lines = events.of_error(BranchenvError("\n".join(["x" * 1000, "b", "", "c", "d"]), fix="no"))
    assert [len(line) for line in lines] == [300, 1, 1], "who wants all of it opens the job"


def test_a_slow_gitlab_delays_no_deploy(
    project: Project, server: GitLabServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(note_writer, "_BEGIN", 0.1)
    monkeypatch.setattr(note_writer, "_MAX_WAIT", 0.1)
    server.faults.append(Fault(delay=60, times=99))
    before = time.monotonic()
    _begin(_job(server))
    _up(_job(server))
    assert time.monotonic() - before < 10, "it waits for neither"
    assert not project.bodies(1), "there is no note"


def test_a_beginning_that_comes_too_late_is_not_told(
    project: Project, server: GitLabServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(note_writer, "_BEGIN", 0.0)
    _up(_job(server))
    before = _body(project)
    server.faults.append(Fault(delay=0.3, method="GET"))
    events.begins(_TARGET, _TAGS, _URL, environ=_job(server))
    ((_, written),) = note_writer._pending
    note_writer.settle()
    wait([written], 10)
    assert _body(project) == before, "the end may have been told meanwhile"


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500, headers={"Retry-After": "0"}, times=99),
        Fault(status=403, times=99),
        Fault(drop=True, times=99),
        Fault(status=200, body="no JSON", times=99),
    ],
)
def test_nothing_that_gitlab_does_fails_what_is_told_of(
    project: Project, server: GitLabServer, fault: Fault, capsys: pytest.CaptureFixture[str]
) -> None:
    server.faults.append(fault)
    _begin(_job(server))
    events.failed(NoteTarget.of(_TARGET), ["x"], environ=_job(server))
    events.removed(NoteTarget.of(_TARGET), environ=_job(server))
    assert capsys.readouterr().err.count("warning: the note on the merge request stays as it was") == 2, "it is said"
    assert not project.bodies(1), "that is all"


def test_a_beginning_asks_for_nothing_that_is_not_known(project: Project, server: GitLabServer) -> None:
    job = {**_job(server), "CI_MERGE_REQUEST_IID": ""}
    _begin(job)
    assert not server.requests, "nobody waits for a search"
    assert not project.bodies(1), "the note comes with the answer"


def test_a_note_costs_two_requests_and_a_pipelines_first_one_more(project: Project, server: GitLabServer) -> None:
    project.pipelines[7] = [{"name": "branch-stop", "web_url": "https://gitlab.example.com/group/shop/-/jobs/71"}]
    _begin(_job(server))
    assert [each.method for each in server.requests] == ["GET", "GET", "POST"], "the first asks for the manual jobs"
    server.requests.clear()
    _up(_job(server))
    assert [each.method for each in server.requests] == ["GET", "PUT"], "and every later one"


@pytest.mark.usefixtures("project")
def test_a_jobs_own_token_is_not_tried_in_vain(server: GitLabServer) -> None:
    job = _job(server)
    del job["BRANCHENV_GITLAB_TOKEN"]
    _begin(job)
    events.removed(NoteTarget.of(_TARGET), environ=job)
    assert not server.requests, "it may not write notes"


def test_no_token_reaches_the_note(project: Project, server: GitLabServer) -> None:
    job = {**_job(server), "CI_REPOSITORY_URL": "https://gitlab-ci-token:secret@gitlab.example.com/group/shop.git"}
    _begin(job)
    events.failed(NoteTarget.of(_TARGET), ["x"], environ=job)
    _up(job)
    for secret in ("secret", "good", "glpat"):
        assert secret not in _body(project), "whoever reads the merge request reads it"


def test_a_note_of_an_older_version_is_taken_over(project: Project, server: GitLabServer) -> None:
    project.comment(1, f"{note.marker('shop', 'feature')}\n**<http://old>** answers `200`\n", user="project_1_bot")
    _up(_job(server))
    assert "✅ **Up**" in _body(project), "edited, not written a second time"


@pytest.mark.parametrize(
    ("variables", "tells"),
    [
        ({"GITLAB_CI": "true", "CI_ENVIRONMENT_NAME": "shop/feature"}, True),
        ({"GITLAB_CI": "true"}, False),
        ({}, False),
    ],
    ids=["a job that deploys", "a preview", "a person who goes on with pulumi"],
)
def test_a_beginning_is_told_only_where_its_end_is(
    variables: dict[str, str], tells: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GITLAB_CI", "CI_ENVIRONMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    asked: list[bool] = []

    def select(*_: Any, tells: bool, **__: Any) -> Selected:
        asked.append(tells)
        return Selected(target=_TARGET, app=None, backend=None, tags=_TAGS, new=False, config={})  # type: ignore[arg-type]

    monkeypatch.setattr(command, "select", select)
    monkeypatch.setattr(command, "remember", lambda *_: None)
    command.command(_WHICH, DeployOptions())
    assert asked == [tells], "or the note would say for good that it is deployed"


def test_a_job_that_is_cancelled_is_told(
    project: Project, server: GitLabServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = _job(server, number=8)
    _up(_job(server, commit="1111111111"))
    _begin(job)
    for name, value in job.items():
        monkeypatch.setenv(name, value)
    announce_command.command(_WHICH, Output(), cancelled=True)
    assert "- `the job was cancelled before it came to its end`" in _body(project), "it is deployed no longer"
    assert "- `its URL answers: 200`" in _body(project), "what it answers"
    assert "still up" not in _body(project), "which version that is, nobody knows"


def test_a_manual_job_is_one_click_away(project: Project, server: GitLabServer) -> None:
    page = "https://gitlab.example.com/group/shop/-/jobs/"
    names = ("branch-wake", "branch-deploy", "unit tests", "wake")
    for pipeline in (7, 8):
        jobs = [{"name": name, "web_url": f"{page}{pipeline}{number}"} for number, name in enumerate(names)]
        project.pipelines[pipeline] = jobs
    job = _job(server)
    _begin(job, url="")
    _up(job)
    events.sleeps(_RECORD, "nobody asked for it", by=events.SWEEP, environ=_hand(server))
    assert f"start the job [`branch-wake`](<{page}70>) of [its pipeline]" in _body(project), "its page has the button"
    assert _facts(project).job_urls == {"branch-wake": f"{page}70"}, "of the component's manual jobs alone"
    assert server.asked("GET", "/pipelines/7/jobs") == 1, "asked once for each pipeline"
    _up(_job(server, number=8))
    assert _facts(project).job_urls == {"branch-wake": f"{page}80"}, "of the newest pipeline"


def test_jobs_that_gitlab_does_not_tell_are_named_without_a_link(project: Project, server: GitLabServer) -> None:
    server.faults.append(Fault(path="/pipelines/", status=403, times=9))
    _up(_job(server))
    assert "in [the pipeline](<https://gitlab.example.com/group/shop/-/pipelines/7>): `branch-redeploy`" in _body(
        project
    )


def test_a_rollback_is_told_until_the_next_push(project: Project, server: GitLabServer) -> None:
    _up(_job(server))
    job = _job(server, number=8, name="rollback")
    events.begins(_TARGET, replace(_TAGS, commit="2222222222"), _URL, back="1111111111", environ=job)
    note_writer.settle()
    assert "🚀 **Rolling back** to `11111111` by [the job branch-rollback]" in _body(project), "what is under way"
    back = replace(_RECORD, tags=replace(_TAGS, commit="1111111111", rolled_back="2222222222"))
    _up(job, back)
    body = _body(project)
    assert f"✅ **Up, rolled back** from `22222222`: <{_URL}>" in body, "it is not what was pushed"
    assert "| Commit | `11111111` |" in body, "but this"
    assert "[the job branch-rollback](<https://gitlab.example.com/group/shop/-/jobs/80>), `ada`" in body, "by whom"
    events._rollbacks.clear()
    _begin(_job(server, number=9))
    _up(_job(server, number=9))
    assert "✅ **Up**:" in _body(project), "the next push is deployed as usual"


def test_a_pipeline_that_came_too_late_changes_no_note(project: Project, server: GitLabServer) -> None:
    _up(_job(server))
    before = _body(project)
    with pytest.raises(BranchenvError), events.failures(_TARGET, environ=_job(server, number=8)):
        raise BranchenvError("outdated", fix="no", code=ExitCode.OUTDATED)
    assert _body(project) == before, "it tells of the newer one, though the late job started later"
