"""`branchenv announce` and `extend`: the URL is asked, one note is written, and GitLab's failures fail no deploy."""

import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from branchenv.cli import deploy_options
from branchenv.cli.main import run
from branchenv.clients.http_probe import Reachability
from branchenv.model.context import Target
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import StackRecord, Tags
from branchenv.operations.deploy import announce
from branchenv.operations.deploy.readiness import Check
from branchenv.operations.lifetime import down, extend
from core.contract import AppAccess, Lifecycle
from tests.pipeline.support.gitlab_data import Project
from tests.pipeline.support.gitlab_server import Fault, GitLabServer

_TARGET = Target(app="shop", branch="feature", project="group/shop")
_DAY = timedelta(days=1)


@dataclass
class _Backend:
    """A backend with one stack."""

    record: StackRecord | None
    url: str = "file:///state"
    written: list[Tags] = field(default_factory=list)

    def stack(self, name: str) -> StackRecord | None:
        return self.record if self.record and self.record.name == name else None

    def stacks(self) -> list[StackRecord]:
        return [self.record] if self.record else []

    def write_tags(self, name: str, tags: Tags) -> None:
        assert self.stack(name), "the branch's own stack"
        self.written.append(tags)


@pytest.fixture
def app() -> Iterator[dict[str, Any]]:
    """An app at a URL; what it answers is the test's to say."""
    answer: dict[str, Any] = {"status": 200}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            let_in = self.headers.get("x-branch-token") == "good"
            self.send_response_only(answer["status"] if let_in else answer.get("closed", answer["status"]))
            if not let_in and "closed" in answer:
                self.send_header("server", "istio-envoy")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Leave the test's output alone."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        answer["url"] = f"http://feature.shop.localhost:{server.server_port}"
        yield answer
        server.shutdown()


@pytest.fixture
def backend(app: dict[str, Any]) -> Any:
    tags = Tags(branch="feature", commit="1a2b3c4d", expires=datetime.now(UTC) + 2 * _DAY, project="group/shop")
    return _Backend(StackRecord(name="shop.feature", tags=tags, outputs={"url": app["url"]}))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The project's git repository, with the branch."""
    folder = tmp_path / "repository"
    folder.mkdir()
    for arguments in (
        ("init", "--quiet", "--initial-branch=main"),
        ("-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "--quiet", "--allow-empty", "--message=x"),
        ("branch", "feature"),
    ):
        subprocess.run(["git", "-C", str(folder), *arguments], check=True)
    return folder


@pytest.fixture
def job(server: GitLabServer, repository: Path) -> dict[str, str]:
    """Variables of a GitLab job."""
    return {
        "GITLAB_CI": "true",
        "CI_API_V4_URL": f"{server.url}/api/v4",
        "CI_PROJECT_PATH": "group/shop",
        "CI_COMMIT_BRANCH": "feature",
        "CI_COMMIT_SHA": "5e6f7a8b9c0d",
        "CI_COMMIT_TITLE": "Close <b>all</b> @all",
        "CI_REPOSITORY_URL": f"file://{repository}",
        "CI_PIPELINE_CREATED_AT": (datetime.now(UTC) - timedelta(seconds=70)).isoformat(),
        "CI_JOB_STARTED_AT": "nonsense",
        "BRANCHENV_GITLAB_TOKEN": "good",
        "CI_JOB_TOKEN": "job",
    }


def _announce(
    backend: Any, job: dict[str, str], *, timeout: float = 20, dotenv: Path | None = None, **more: Any
) -> announce.Announced:
    return announce.announce(backend, _TARGET, Check(timeout=timeout, **more), dotenv=dotenv, environ=job)


def test_three_pushes_write_one_note_on_the_branchs_merge_request(
    backend: Any, job: dict[str, str], project: Project
) -> None:
    project.open_merge_request("other")
    iid = project.open_merge_request("feature")
    done = [_announce(backend, {**job, "CI_COMMIT_SHA": f"{push}abcdef0"}) for push in (1, 2, 3)]
    assert [each.note for each in done] == ["written", "edited", "edited"], "the same note"
    assert {each.merge_request for each in done} == {iid}, (
        "found by the branch: the pipeline began before it was opened"
    )
    (body,) = project.bodies(iid)
    for part in ("`3abcdef0`", "`Close <b>all</b> @all`", "answers `200`", "from push to URL", "| Expires |"):
        assert part in body, f"the note tells {part}"
    assert (done[0].since_push or 0) >= 70, "counted from the push"


def test_gitlabs_own_answer_to_which_merge_request_it_is_is_taken(
    backend: Any, job: dict[str, str], project: Project, server: GitLabServer
) -> None:
    iid = project.open_merge_request("feature")
    _announce(backend, {**job, "CI_OPEN_MERGE_REQUESTS": f"group/shop!{iid}"})
    assert server.asked("GET", "merge_requests?") == 0, "it is in the job's variables already"
    assert len(project.bodies(iid)) == 1, "and has the note"


def test_without_a_merge_request_nothing_is_written(backend: Any, job: dict[str, str], project: Project) -> None:
    project.open_merge_request("feature", state="merged")
    project.open_merge_request("feature", fork=True)
    done = _announce(backend, job)
    assert (done.merge_request, done.note) == (None, ""), "a merged one and a fork's are not this branch's"
    assert project.notes == {}, "nobody is told"


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault(status=503, headers={"Retry-After": "0"}, times=99), "503"),
        (Fault(status=429, headers={"Retry-After": "600"}, times=99), "rate limit"),
        (Fault(status=404, times=99), "no such thing"),
        (Fault(status=409, times=99), "409"),
        (Fault(drop=True, times=99), "does not answer"),
    ],
)
def test_no_failure_of_gitlab_fails_a_deploy_that_worked(
    backend: Any,
    job: dict[str, str],
    server: GitLabServer,
    capsys: pytest.CaptureFixture[str],
    fault: Fault,
    says: str,
) -> None:
    server.faults.append(fault)
    assert _announce(backend, job).status == 200, "the URL answers: that is what counts"
    warned = capsys.readouterr().err
    assert "warning: no note was written" in warned, "it is a warning"
    assert says in warned, "that says why"


def test_a_jobs_own_token_is_a_warning(
    backend: Any, job: dict[str, str], project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.open_merge_request("feature")
    del job["BRANCHENV_GITLAB_TOKEN"]
    assert _announce(backend, job).note == "", "it may not write notes"
    assert "BRANCHENV_GITLAB_TOKEN" in capsys.readouterr().err, "and what may is said"


def test_an_error_of_the_app_is_on_the_note_and_fails(
    backend: Any, app: dict[str, Any], job: dict[str, str], project: Project
) -> None:
    iid = project.open_merge_request("feature")
    app["status"] = 500
    with pytest.raises(BranchenvError) as caught:
        _announce(backend, job, timeout=0)
    assert caught.value.code == ExitCode.NO_ANSWER, "with an exit code of its own"
    assert "the app answers with an error: 500" in project.bodies(iid)[0], "reviewers see it too"


def test_an_apps_404_is_told_and_does_not_fail(backend: Any, app: dict[str, Any], job: dict[str, str]) -> None:
    app["status"] = 404
    assert _announce(backend, job).state == "the app answers with an error", "an API has nothing at /"


def test_outside_of_gitlab_nobody_is_asked(backend: Any, server: GitLabServer) -> None:
    assert _announce(backend, {}).note == "", "a person at work"
    assert server.requests == [], "without a token"


def test_the_dotenv_report_is_as_gitlab_reads_it(
    backend: Any, app: dict[str, Any], job: dict[str, str], tmp_path: Path
) -> None:
    _announce(backend, job, dotenv=tmp_path / "deploy.env")
    lines = (tmp_path / "deploy.env").read_text().split("\n")
    assert lines == [f"BRANCHENV_URL={app['url']}", "BRANCHENV_STACK=shop.feature", ""], "no quotes, no empty line"
    with pytest.raises(BranchenvError, match="cannot be written"):
        _announce(backend, job, dotenv=tmp_path / "missing" / "deploy.env")


def test_a_deploy_that_raced_the_end_of_its_branch_leaves_nothing(
    backend: Any, job: dict[str, str], project: Project, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    iid = project.open_merge_request("feature")
    removed: list[Target] = []
    monkeypatch.setattr(down, "remove", lambda _backend, target, **_: removed.append(target))
    subprocess.run(["git", "-C", str(repository), "branch", "--quiet", "-D", "feature"], check=True)
    with pytest.raises(BranchenvError) as caught:
        _announce(backend, job)
    assert caught.value.code == ExitCode.BRANCH_DELETED, "the job says why"
    assert removed == [_TARGET], "the environment was removed again"
    (body,) = project.bodies(iid)
    assert "**Removed**" in body, "and the note does not lead to a dead URL"
    assert "`its branch was deleted while it was deployed`" in body, "but says why"


def test_a_repository_that_does_not_answer_removes_nothing(
    backend: Any, job: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(down, "remove", lambda *_, **__: pytest.fail("nothing may be removed on a guess"))
    job["CI_REPOSITORY_URL"] = "file:///no/such/repository"
    assert _announce(backend, job).status == 200, "the deploy has worked"
    assert "nothing tells whether the branch still exists" in capsys.readouterr().err, "and it is said"


def test_an_environment_that_there_is_not_is_named(backend: Any) -> None:
    backend.record = None
    with pytest.raises(BranchenvError) as caught:
        _announce(backend, {})
    assert "shop.feature" in str(caught.value), "which stack was looked for"


def test_an_extension_is_written_to_the_stack_and_the_note(backend: Any, job: dict[str, str], project: Project) -> None:
    iid = project.open_merge_request("feature")
    _announce(backend, job)
    done = extend.extend(backend, _TARGET, Lifecycle(max_lifetime=7 * _DAY), 3 * _DAY, job)
    assert done.expires == backend.record.tags.expires + 3 * _DAY, "from its present end"
    (tags,) = backend.written
    assert tags == replace(backend.record.tags, expires=done.expires, updated=tags.updated), "nothing else is changed"
    assert done.note == "edited", "the note is kept true"
    assert f"| Expires | {done.expires:%Y-%m-%d %H:%M} UTC |" in project.bodies(iid)[0], "for reviewers"


def test_an_extension_does_not_need_gitlab(backend: Any, job: dict[str, str], server: GitLabServer) -> None:
    server.faults.append(Fault(status=503, headers={"Retry-After": "0"}, times=99))
    assert extend.extend(backend, _TARGET, Lifecycle(), _DAY, job).note == "", "the note stays as it was"
    assert len(backend.written) == 1, "the environment stays longer all the same"


_NOW = datetime(2026, 1, 10, tzinfo=UTC)


def test_what_has_expired_is_extended_from_now() -> None:
    assert extend.later(_NOW - 5 * _DAY, _DAY, None, _NOW) == _NOW + _DAY, "never into the past"


@pytest.mark.parametrize(
    ("by", "says"),
    [
        (timedelta(), "into the past"),
        (-_DAY, "into the past"),
        (6 * _DAY, "give at most 5d"),
        (timedelta(days=999_999_999), "longer than the calendar"),
    ],
)
def test_an_extension_that_cannot_be_is_refused(by: timedelta, says: str) -> None:
    with pytest.raises(BranchenvError) as caught:
        extend.later(_NOW + 2 * _DAY, by, 7 * _DAY, _NOW)
    assert caught.value.code == ExitCode.BAD_INPUT, "nothing was done"
    assert says in str(caught.value), "the rule and what would do"


def test_an_end_can_be_named(backend: Any) -> None:
    end = datetime.now(UTC) + 5 * _DAY
    assert extend.extend(backend, _TARGET, Lifecycle(max_lifetime=7 * _DAY), end, {}).expires == end, (
        "as it was asked for"
    )
    assert backend.written[0].expires == end, "and it is on the stack"


@pytest.mark.parametrize(
    ("end", "says"),
    [
        (_NOW, "into the past"),
        (_NOW - _DAY, "into the past"),
        (_NOW + _DAY, "until 2026-01-12T00:00Z already"),
        (_NOW + 8 * _DAY, "give 2026-01-17T00:00Z at the latest"),
        (datetime.max.replace(tzinfo=UTC), "at most 7d from now"),
    ],
)
def test_an_end_that_cannot_be_is_refused(end: datetime, says: str) -> None:
    with pytest.raises(BranchenvError) as caught:
        extend.until(_NOW + 2 * _DAY, end, 7 * _DAY, _NOW)
    refused = caught.value
    assert refused.code == ExitCode.BAD_INPUT, "nothing was done"
    assert says in str(refused), "the rule and what would do"
    assert (refused.field, refused.value) == ("--until", f"{end:%Y-%m-%dT%H:%MZ}"), "where it was said, and what"
    assert refused.fix, "and what to do"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2026-12-01", datetime(2026, 12, 1, tzinfo=UTC)),
        ("2026-12-01T18:00", datetime(2026, 12, 1, 18, tzinfo=UTC)),
        ("2026-12-01T18:00+01:00", datetime(2026, 12, 1, 17, tzinfo=UTC)),
        ("2026-12-01T18:00Z", datetime(2026, 12, 1, 18, tzinfo=UTC)),
    ],
)
def test_dates_and_times_are_read_as_utc_unless_they_say_otherwise(text: str, read: datetime) -> None:
    assert deploy_options.moment(text, "--until") == read, "whatever the machine's time zone"


@pytest.mark.parametrize("text", ["tomorrow", "2026-13-01", "3d", "0001-01-01T00:00+10:00"])
def test_what_is_no_date_or_time_is_refused(text: str) -> None:
    with pytest.raises(BranchenvError, match="no date or time") as caught:
        deploy_options.moment(text, "--until")
    assert (caught.value.field, caught.value.value) == ("--until", text), "where it was said, and what"


def test_how_long_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["extend", "feature", "--by", "3d", "--until", "2026-12-01"])
    assert code == ExitCode.BAD_INPUT, "before anything is looked for"
    assert "both say how long" in capsys.readouterr().err, "what is wrong"


def test_what_never_expires_is_not_extended(backend: Any) -> None:
    backend.record = replace(backend.record, tags=Tags(branch="feature"))
    with pytest.raises(BranchenvError, match="never expires"):
        extend.extend(backend, _TARGET, Lifecycle(), _DAY, {})


@pytest.mark.parametrize(
    ("token", "state", "warned"),
    [
        ({}, "CLOSED", False),
        ({"BRANCHENV_URL_TOKEN": "good"}, "UP", False),
        ({"BRANCHENV_URL_TOKEN": "x"}, "CLOSED", True),
    ],
    ids=["without a token", "with the right one", "with a wrong one"],
)
def test_a_closed_door_fails_no_deploy_and_a_token_sees_behind_it(
    backend: Any,
    app: dict[str, Any],
    job: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    token: dict[str, str],
    state: str,
    warned: bool,
) -> None:
    app["closed"] = 403
    done = _announce(backend, {**job, **token}, access=AppAccess(kind="jwt", token_header="x-branch-token"))
    assert done.state == Reachability[state], "as far as can be seen"
    output = capsys.readouterr()
    assert ("does not take the token" in output.err) == warned, "whoever gave a token learns that it is none"
    assert "good" not in output.err + output.out, "and the token is shown to the gateway alone"


def test_an_open_url_is_shown_no_token(backend: Any, app: dict[str, Any], job: dict[str, str]) -> None:
    app["closed"] = 403
    done = _announce(backend, {**job, "BRANCHENV_URL_TOKEN": "good"}, access=AppAccess())
    assert done.status == 403, "the code of a branch would see it"
