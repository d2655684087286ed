"""GitLab, through its REST API: merge requests, notes, branches, environments, jobs of one project.

Every call has a timeout and a few retries. What fails in the end is a BranchenvError with exit code GITLAB, so that a
caller whose work is done without GitLab can warn and go on.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import GitLabEnvironment, MergeRequest

TOKEN_VARIABLES = ("BRANCHENV_GITLAB_TOKEN", "GITLAB_TOKEN")
JOB_TOKEN_VARIABLE = "CI_JOB_TOKEN"  # noqa: S105 - a variable's name
_API = "/api/v4"
_ENDED = frozenset({"success", "failed", "canceled", "skipped"})
_RECENT = 100


class GitLabError(BranchenvError):
    """GitLab refused, or did not answer."""

    def __init__(self, rule: str, *, fix: str, status: int | None = None) -> None:
        """Say what is wrong.

        Args:
            rule: what happened.
            fix: what the person can do.
            status: HTTP status; None where GitLab did not answer.
        """
        super().__init__(rule, fix=fix, code=ExitCode.GITLAB)
        self.status = status

    @property
    def is_refusal(self) -> bool:
        """Whether it is the token that is not enough."""
        return self.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


class GitLab:
    """One project of a GitLab."""

    def __init__(
        self,
        url: str,
        project: str,
        *,
        token: str = "",
        job_token: str = "",
        token_name: str = "the token",  # noqa: S107 - a variable's name
        ca_file: str = "",
        timeout: float | None = None,
    ) -> None:
        """Speak of a project; nothing is asked yet.

        Args:
            url: of the GitLab, without the API's path.
            project: path, as <group>/<name>, or id.
            token: personal, project or group access token.
            job_token: a job's own, used where there is no other.
            token_name: where the token came from, for messages.
            ca_file: certificate authorities that may have signed GitLab's certificate; empty for the system's.
            timeout: seconds for one answer; None for the usual.
        """
        self.url = url
        self.project = project
        self._token = token
        self._job_token = "" if token else job_token
        self._token_name = token_name
        self._ca_file = ca_file
        self._timeout = timeout
        self._made: Any = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], project: str | None = None) -> "GitLab | None":
        """Return the GitLab that variables name; None where they name none, or no project, or no token.

        Args:
            environ: GitLab's predefined variables, or BRANCHENV_GITLAB_URL, and a token.
            project: path; None for the job's own.
        """
        url = environ.get("BRANCHENV_GITLAB_URL") or environ.get("CI_API_V4_URL") or environ.get("CI_SERVER_URL") or ""
        project = project or environ.get("CI_PROJECT_PATH", "")
        name = next((each for each in (*TOKEN_VARIABLES, JOB_TOKEN_VARIABLE) if environ.get(each)), "")
        if not (url and project and name):
            return None
        is_job = name == JOB_TOKEN_VARIABLE
        return cls(
            url.rstrip("/").removesuffix(_API),
            project,
            token="" if is_job else environ[name],
            job_token=environ[name] if is_job else "",
            token_name=name,
            ca_file=environ.get("CI_SERVER_TLS_CA_FILE", ""),
        )

    @property
    def by_job_token(self) -> bool:
        """Whether a job's own token is all there is: it reads most things, and writes no notes."""
        return bool(self._job_token)

    def merge_requests(
        self, state: str = "opened", *, branch: str = "", iids: Iterable[int] = ()
    ) -> list[MergeRequest]:
        """Return merge requests, the oldest first.

        Args:
            state: opened, closed, merged, locked or all.
            branch: source branch; empty for any.
            iids: only these; none for any.
        """
        options: dict[str, Any] = {"state": state, "scope": "all", "order_by": "created_at", "sort": "asc"}
        if branch:
            options["source_branch"] = branch
        if wanted := sorted(set(iids)):
            options["iids[]"] = [str(iid) for iid in wanted]
        with self._asking("merge requests"):
            return [_merge_request(each) for each in self._list("merge_requests", options)]

    def merge_request(self, iid: int) -> MergeRequest | None:
        """Return one merge request; None if there is none."""
        found = self.merge_requests("all", iids=[iid])
        return found[0] if found else None

    def branches(self) -> set[str]:
        """Return the names of all branches."""
        with self._asking("branches"):
            return {str(each["name"]) for each in self._list("repository/branches")}

    def environments(self, states: str = "") -> list[GitLabEnvironment]:
        """Return environments.

        Args:
            states: available, stopping or stopped; empty for any.
        """
        with self._asking("environments"):
            found = list(self._list("environments", {"states": states} if states else {}))
        return [
            GitLabEnvironment(
                id=int(each["id"]),
                name=str(each["name"]),
                state=str(each["state"]),
                url=str(each.get("external_url") or ""),
            )
            for each in found
        ]

    def stop_environment(self, id: int, *, force: bool = True) -> None:  # noqa: A002 - as GitLab calls it
        """Stop an environment; one that is not there is no error.

        Args:
            id: of the environment.
            force: do not start its stop job: what it would remove is deleted. A stop job that fails leaves an
                environment in the state `stopping`.
        """
        with self._asking(f"environment {id}"), _unless_missing():
            self._api.http_post(self._path(f"environments/{id}/stop"), post_data={"force": force})

    def delete_environment(self, id: int) -> None:  # noqa: A002 - as GitLab calls it
        """Delete an environment, which must be stopped; one that is not there is no error."""
        with self._asking(f"environment {id}"), _unless_missing():
            self._api.http_delete(self._path(f"environments/{id}"))

    def job_ended(self, job: str | int) -> bool | None:
        """Return whether a job has ended.

        Args:
            job: id.

        Returns:
            None if that cannot be known: there is no such job in this project, or the token may not see it. A job's own
            token sees the jobs of the project's latest deployments only.
        """
        try:
            with self._asking(f"job {job}"):
                status = self._deployment_status(str(job)) if self.by_job_token else self._job_status(job)
        except GitLabError as e:
            if e.is_refusal or e.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        return None if status is None else status in _ENDED

    def jobs_of_pipeline(self, pipeline: int) -> dict[str, str]:
        """Return the URLs of a pipeline's jobs, by name: the page of a manual job has the button that starts it.

        Args:
            pipeline: id.
        """
        with self._asking(f"jobs of pipeline {pipeline}"):
            return {str(each["name"]): str(each["web_url"]) for each in self._list(f"pipelines/{pipeline}/jobs")}

    def put_note(self, iid: int, marker: str, change: Callable[[str], str]) -> str:
        """Write a note to a merge request, or edit the one that was written before.

        Args:
            iid: of the merge request.
            marker: text that the note holds, and no other; seen by nobody if it is an HTML comment.
            change: gives the new body, with the marker in it, for the old one, which is empty where there is none.

        Returns:
            `written`, `edited` or `unchanged`.
        """
        with self._asking(f"notes of merge request !{iid}"):
            return self._edited(iid, marker, change) or self._written(iid, marker, change)

    def edit_note(self, iid: int, marker: str, change: Callable[[str], str]) -> str:
        """Change the note of a merge request that has a marker.

        Args:
            iid: of the merge request.
            marker: text that the note holds.
            change: gives the new body for the old one.

        Returns:
            `edited` or `unchanged`, or nothing if there is no such note.
        """
        with self._asking(f"notes of merge request !{iid}"):
            return self._edited(iid, marker, change)

    def token_scopes(self) -> tuple[str, ...] | None:
        """Return what the token may do, e.g. `api`; None for a job's own token, which has no scopes."""
        if self.by_job_token:
            return None
        with self._asking("the token"):
            return tuple(str(scope) for scope in self._api.http_get("/personal_access_tokens/self")["scopes"])

    def _edited(self, iid: int, marker: str, change: Callable[[str], str]) -> str:
        import gitlab

        notes = f"merge_requests/{iid}/notes"
        # From the first: ours is written when the merge request is young.
        for note in self._list(notes, {"order_by": "created_at", "sort": "asc"}):
            if note["system"] or marker not in note["body"]:
                continue
            body = change(str(note["body"]))
            try:
                # Unchanged as well: that it is ours is known by this alone.
                self._api.http_put(self._path(f"{notes}/{note['id']}"), post_data={"body": body})
            except gitlab.GitlabHttpError as e:
                if e.response_code == HTTPStatus.FORBIDDEN and "insufficient_scope" not in str(e.response_body):
                    continue  # somebody else's, who has quoted ours
                raise
            return "unchanged" if body == note["body"] else "edited"
        return ""

    def _written(self, iid: int, marker: str, change: Callable[[str], str]) -> str:
        import gitlab
        import requests

        body = change("")
        for attempt in range(2):
            try:
                self._api.http_post(self._path(f"merge_requests/{iid}/notes"), post_data={"body": body})
                break
            except (gitlab.GitlabHttpError, requests.RequestException) as e:
                status = getattr(e, "response_code", None)
                if attempt or (status is not None and status < HTTPStatus.INTERNAL_SERVER_ERROR):
                    raise
                # The note may have been written and the answer lost: look before it is written a second time.
                if self._edited(iid, marker, change):
                    break
        return "written"

    def _job_status(self, job: str | int) -> str | None:
        return str(self._api.http_get(self._path(f"jobs/{job}"))["status"])

    def _deployment_status(self, job: str) -> str | None:
        found = self._api.http_get(
            self._path("deployments"), query_data={"order_by": "id", "sort": "desc", "per_page": _RECENT}
        )
        made = [each["deployable"] for each in found if str((each.get("deployable") or {}).get("id")) == job]
        return str(made[0]["status"]) if made else None

    def _list(self, what: str, options: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        return iter(
            self._api.http_list(self._path(what), query_data={**(options or {}), "per_page": _RECENT}, iterator=True)
        )

    def _path(self, what: str) -> str:
        from gitlab.utils import EncodedId

        return f"/projects/{EncodedId(self.project)}/{what}"

    @property
    def _api(self) -> Any:  # noqa: ANN401 - the library's types would be imported with it
        if self._made is None:
            from branchenv.clients.gitlab_session import SECONDS, GitLabSession

            self._made = GitLabSession(
                self.url,
                timeout=self._timeout or SECONDS,
                private_token=self._token or None,
                job_token=self._job_token or None,
                ssl_verify=self._ca_file or True,
            )
        return self._made

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        """Say of every failure what was asked, what happened, and what to do."""
        import gitlab
        import requests

        try:
            yield
        except requests.RequestException as e:
            raise GitLabError(
                f"GitLab does not answer at {self.url} ({what}): {_cause(e)}",
                fix="try again later; if it is up, look at BRANCHENV_GITLAB_URL or CI_SERVER_URL, proxy, certificates",
            ) from e
        except gitlab.GitlabError as e:
            raise self._refused(what, e.response_code, str(e.error_message), str(e.response_body or "")) from e
        except (KeyError, TypeError, ValueError) as e:
            raise GitLabError(
                f"{self.url} does not answer as GitLab does ({what}): {e!r}",
                fix="is this GitLab's URL? look at CI_SERVER_URL (BRANCHENV_GITLAB_URL)",
            ) from e

    def _refused(self, what: str, status: int | None, message: str, body: str) -> GitLabError:
        own = (
            "give it one that may: a project access token with role Developer and scope api, as BRANCHENV_GITLAB_TOKEN"
        )
        if status == HTTPStatus.UNAUTHORIZED and self.by_job_token:
            rule, fix = f"a job's own token may not do this ({what})", own
        elif status == HTTPStatus.UNAUTHORIZED:
            rule, fix = f"GitLab refuses {self._token_name}: it is wrong, revoked or has expired", own
        elif "insufficient_scope" in body:
            rule, fix = f"{self._token_name} lacks a scope for this ({what})", own
        elif status == HTTPStatus.FORBIDDEN:
            rule, fix = f"GitLab does not allow {self._token_name} to do this ({what}): {message}", own
        elif status == HTTPStatus.NOT_FOUND:
            rule = f"GitLab has no such thing, or hides it from {self._token_name}: {what} of {self.project}"
            fix = "look at the project's path (--project), and whether the token is of this project"
        elif status == HTTPStatus.TOO_MANY_REQUESTS:
            rule, fix = f"GitLab's rate limit is reached ({what}): {message}", "try again in a few minutes"
        elif status is not None and status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            rule, fix = f"GitLab has an error of its own ({what}): {status} {message}", "try again later"
        else:
            rule, fix = f"GitLab answers {status or 'something else than data'} ({what}): {message}", "see what it says"
        return GitLabError(rule, fix=fix, status=status)


def _merge_request(data: Mapping[str, Any]) -> MergeRequest:
    return MergeRequest(
        iid=int(data["iid"]),
        branch=str(data["source_branch"]),
        state=str(data["state"]),
        url=str(data.get("web_url", "")),
        author=str((data.get("author") or {}).get("username", "")),
        # A fork that was deleted has no id any more.
        from_fork=data.get("source_project_id") != data.get("target_project_id"),
    )


def _cause(error: BaseException) -> str:
    """Return the innermost message: the outer ones repeat it with addresses of objects."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return str(error) or type(error).__name__


@contextmanager
def _unless_missing() -> Iterator[None]:
    import gitlab

    try:
        yield
    except gitlab.GitlabHttpError as e:
        if e.response_code != HTTPStatus.NOT_FOUND:
            raise
