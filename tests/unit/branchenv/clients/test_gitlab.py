"""GitLab's REST API: one note whatever happens, every page, and a clear word for every way to fail."""

import pytest

from branchenv.clients.gitlab import GitLab, GitLabError
from branchenv.model.errors import BranchenvError, ExitCode
from tests.pipeline.support.gitlab_data import BOT, Project, Token
from tests.pipeline.support.gitlab_server import Fault, GitLabServer, refused_url

_MARKER = "<!-- branchenv:shop.feature -->"


@pytest.fixture
def server(server: GitLabServer) -> GitLabServer:
    server.tokens["reader"] = Token(scopes=("read_api",))
    server.tokens["blind"] = Token(scopes=("read_repository",))
    server.tokens["revoked"] = Token(revoked=True)
    return server


@pytest.fixture
def gitlab(server: GitLabServer) -> GitLab:
    return GitLab(server.url, "group/shop", token="good", token_name="GITLAB_TOKEN")


def _refused(call: object) -> GitLabError:
    with pytest.raises(GitLabError) as caught:
        call()  # type: ignore[operator]
    assert caught.value.code == ExitCode.GITLAB, "GitLab's failures have an exit code of their own"
    assert caught.value.fix, "and say what to do"
    return caught.value


def _put(gitlab: GitLab, iid: int, text: str) -> str:
    return gitlab.put_note(iid, _MARKER, lambda _: f"{_MARKER}\n{text}")


def test_three_pushes_leave_one_note(gitlab: GitLab, project: Project, server: GitLabServer) -> None:
    iid = project.open_merge_request("feature")
    project.comment(iid, "nice")
    done = [_put(gitlab, iid, f"push {number}") for number in (1, 2, 3, 3)]
    assert done == ["written", "edited", "edited", "unchanged"], "the first writes, the others edit what is there"
    assert project.bodies(iid) == ["nice", f"{_MARKER}\npush 3"], "one note of ours, and nobody else's was touched"
    assert server.asked("POST", "/notes") == 1, "only one was ever made"


def test_a_note_is_found_behind_many_others(gitlab: GitLab, project: Project, server: GitLabServer) -> None:
    iid = project.open_merge_request("feature")
    for number in range(230):
        project.comment(iid, f"comment {number}", system=number % 2 == 0)
    _put(gitlab, iid, "first")
    assert _put(gitlab, iid, "second") == "edited", "it is on the third page, and found"
    assert server.asked("GET", "page=3") == 2, "every page was asked for"


def test_somebody_who_quotes_the_note_is_not_edited(gitlab: GitLab, project: Project) -> None:
    iid = project.open_merge_request("feature")
    project.comment(iid, f"{_MARKER} look at this", user="mallory")
    project.comment(iid, f"{_MARKER} changed the title", user=BOT, system=True)
    _put(gitlab, iid, "ours")
    assert _put(gitlab, iid, "ours again") == "edited", "our own is found behind the quotation"
    assert project.bodies(iid) == [f"{_MARKER} look at this", f"{_MARKER}\nours again"], "and the other left alone"


def test_a_note_whose_answer_is_lost_is_not_written_twice(
    gitlab: GitLab, project: Project, server: GitLabServer
) -> None:
    iid = project.open_merge_request("feature")
    server.faults.append(Fault(status=502, method="POST", path="/notes", done=True))
    assert _put(gitlab, iid, "push") == "written", "it was written, and that was seen"
    assert len(project.bodies(iid)) == 1, "once"


def test_a_note_that_was_not_written_is_written_at_the_second_try(
    gitlab: GitLab, project: Project, server: GitLabServer
) -> None:
    iid = project.open_merge_request("feature")
    server.faults.append(Fault(status=500, method="POST", path="/notes"))
    assert _put(gitlab, iid, "push") == "written", "one error is got over"
    assert len(project.bodies(iid)) == 1, "with one note"


def test_every_page_is_read(gitlab: GitLab, project: Project) -> None:
    project.branches |= {f"feature/{number}" for number in range(250)}
    assert gitlab.branches() == project.branches, "all three pages"
    for number in range(120):
        project.open_merge_request(f"feature/{number}")
    assert len(gitlab.merge_requests()) == 120, "both pages"
    for number in range(101):
        project.deployed(f"review/{number}", f"http://{number}.shop.localhost")
    assert len(gitlab.environments()) == 101, "both pages"


def test_merge_requests_are_found_by_branch_state_and_number(gitlab: GitLab, project: Project) -> None:
    project.open_merge_request("old", state="merged")
    project.open_merge_request("feature/a b")
    project.open_merge_request("patch-1", fork=True)
    assert [each.iid for each in gitlab.merge_requests(branch="feature/a b")] == [2], "by its source branch"
    assert [each.iid for each in gitlab.merge_requests()] == [2, 3], "the open ones"
    assert [each.from_fork for each in gitlab.merge_requests()] == [False, True], "which are a fork's is told"
    assert [each.state for each in gitlab.merge_requests("all", iids=[1, 3])] == ["merged", "opened"], "by number"
    assert gitlab.merge_request(9) is None, "a number that there is not is nothing"


def test_environments_are_stopped_without_their_stop_job_and_then_deleted(gitlab: GitLab, project: Project) -> None:
    project.start_job(7, environment="review/a", on_stop=True)
    project.end_job(7, url="http://a.shop.localhost")
    (environment,) = gitlab.environments("available")
    assert environment.url == "http://a.shop.localhost", "the URL is the one of the job's report"
    early = _refused(lambda: gitlab.delete_environment(environment.id))
    assert early.status == 403, "GitLab deletes nothing that runs"
    gitlab.stop_environment(environment.id)
    assert project.stop_jobs == [], "what it would remove is gone already"
    gitlab.delete_environment(environment.id)
    assert project.environments == {}, "nothing is left"
    gitlab.stop_environment(environment.id)
    gitlab.delete_environment(environment.id)


@pytest.mark.parametrize(("status", "ended"), [("running", False), ("failed", True), ("canceled", True)])
@pytest.mark.parametrize("token", ["good", "job"])
def test_a_job_has_ended_or_not(
    server: GitLabServer, project: Project, token: str, status: str, *, ended: bool
) -> None:
    project.start_job(7, environment="review/a")
    if status != "running":
        project.end_job(7, status)
    asked = GitLab(server.url, "group/shop", **{"token" if token == "good" else "job_token": token})  # type: ignore[arg-type]
    assert asked.job_ended("7") is ended, "a job's own token reads it from the deployments"


@pytest.mark.parametrize("token", ["good", "job", "blind"])
def test_of_a_job_that_cannot_be_seen_nothing_is_known(server: GitLabServer, token: str) -> None:
    asked = GitLab(server.url, "group/shop", **{"job_token" if token == "job" else "token": token})  # type: ignore[arg-type]
    assert asked.job_ended(8) is None, "neither ended nor running: a lock must not be broken on a guess"


@pytest.mark.parametrize(
    ("token", "says"),
    [
        ("wrong", "wrong, revoked or has expired"),
        ("revoked", "wrong, revoked or has expired"),
        ("reader", "lacks a scope"),
    ],
)
def test_a_token_that_will_not_do_is_named(server: GitLabServer, project: Project, token: str, says: str) -> None:
    iid = project.open_merge_request("feature")
    asked = GitLab(server.url, "group/shop", token=token, token_name="GITLAB_TOKEN")
    refused = _refused(lambda: _put(asked, iid, "push"))
    assert says in refused.rule, "what is wrong with it"
    assert "GITLAB_TOKEN" in refused.rule, "where it came from"
    assert "scope api" in refused.fix, "what is needed"


def test_a_token_is_never_printed(server: GitLabServer) -> None:
    refused = _refused(GitLab(server.url, "group/shop", token="glpat-secret").branches)
    assert "glpat-secret" not in str(refused), "a job's log is read by many"


def test_a_jobs_own_token_reads_but_writes_no_note(server: GitLabServer, project: Project) -> None:
    iid = project.open_merge_request("feature")
    asked = GitLab(server.url, "group/shop", job_token="job")
    assert asked.merge_requests(branch="feature")[0].iid == iid, "it may read"
    assert "main" in asked.branches(), "branches too"
    assert "job's own token" in _refused(lambda: _put(asked, iid, "push")).rule, "and not write"
    assert asked.token_scopes() is None, "it has no scopes"


def test_a_tokens_scopes_are_told(server: GitLabServer, gitlab: GitLab) -> None:
    assert gitlab.token_scopes() == ("api",), "as GitLab says"
    assert GitLab(server.url, "group/shop", token="blind").token_scopes() == ("read_repository",), "of any token"


def test_a_project_that_there_is_not_is_named(server: GitLabServer) -> None:
    refused = _refused(GitLab(server.url, "group/other", token="good").branches)
    assert "group/other" in refused.rule, "which project was asked for"


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_passing_failure_is_got_over(gitlab: GitLab, server: GitLabServer, status: int) -> None:
    server.faults.append(Fault(status=status, headers={"Retry-After": "0"}, times=2))
    assert gitlab.branches() == {"main"}, "the third try answers"


@pytest.mark.parametrize("pause", ["3600", "soon"])
def test_a_rate_limit_is_waited_for_only_so_long(gitlab: GitLab, server: GitLabServer, pause: str) -> None:
    server.faults.append(Fault(status=429, headers={"Retry-After": pause, "RateLimit-Reset": "9999999999"}, times=9))
    assert "rate limit" in _refused(gitlab.branches).rule, "it is said"
    assert len(server.requests) == (1 if pause == "3600" else 4), "an hour is not waited for; nonsense is not obeyed"


def test_an_outage_is_told_after_a_few_tries(gitlab: GitLab, server: GitLabServer) -> None:
    server.faults.append(Fault(status=503, body="<html>down</html>", headers={"Retry-After": "0"}, times=9))
    assert "503" in _refused(gitlab.branches).rule, "what it answered"
    assert len(server.requests) == 4, "one try and three more"


def test_a_conflict_is_told_as_gitlab_tells_it(gitlab: GitLab, server: GitLabServer) -> None:
    server.faults.append(Fault(status=409, body='{"message": "409 Conflict: it is being changed"}'))
    assert "it is being changed" in _refused(gitlab.branches).rule, "GitLab's own words"


def test_silence_has_an_end(server: GitLabServer) -> None:
    server.faults.append(Fault(delay=30, times=9))
    slow = GitLab(server.url, "group/shop", token="good", timeout=0.05)
    assert "does not answer" in _refused(slow.branches).rule, "a few tries, then it is said"


def test_connections_that_break_are_got_over(gitlab: GitLab, server: GitLabServer) -> None:
    server.faults.append(Fault(drop=True, times=2))
    assert gitlab.branches() == {"main"}, "the third try answers"


def test_a_refused_connection_is_told() -> None:
    url = refused_url()
    refused = _refused(GitLab(url, "group/shop", token="good").branches)
    assert url in refused.rule, "where it was looked for"
    assert "object at 0x" not in refused.rule, "for a person to read"


def test_something_that_is_not_gitlab_is_told(gitlab: GitLab, server: GitLabServer) -> None:
    server.faults.append(Fault(status=200, body="<html>please log in</html>"))
    assert _refused(gitlab.branches).rule, "a proxy's page is no traceback"


def test_variables_name_gitlab_project_and_token() -> None:
    job = {"CI_API_V4_URL": "https://git.example.com/sub/api/v4", "CI_PROJECT_PATH": "group/shop", "CI_JOB_TOKEN": "j"}
    found = GitLab.from_environment(job)
    assert found, "a job's predefined variables are enough"
    assert (found.url, found.project, found.by_job_token) == ("https://git.example.com/sub", "group/shop", True), (
        "GitLab may live below a path"
    )
    own = GitLab.from_environment({**job, "BRANCHENV_GITLAB_TOKEN": "t"}, "group/other")
    assert own, "a token of its own comes first"
    assert (own.project, own.by_job_token) == ("group/other", False), "and so does the project that is asked for"
    for missing in job:
        assert GitLab.from_environment({**job, missing: ""}) is None, f"without {missing} there is nobody to ask"


def test_a_merge_request_that_is_gone_is_told(gitlab: GitLab) -> None:
    with pytest.raises(BranchenvError, match="no such thing"):
        _put(gitlab, 99, "push")


def test_the_server_knows_who_wrote_a_note(gitlab: GitLab, project: Project) -> None:
    iid = project.open_merge_request("feature")
    _put(gitlab, iid, "push")
    assert project.notes[iid][0]["author"]["username"] == BOT, "the token's user"
