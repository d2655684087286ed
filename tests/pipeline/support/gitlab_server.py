"""A local HTTP server that answers as GitLab's REST API (v4) documents, for the endpoints that `branchenv` uses.

It keeps its state as data (`gitlab_data.py`), checks tokens, pages lists, and on demand fails in the ways in which
GitLab does. A job token may do what https://docs.gitlab.com/ci/jobs/ci_job_token/#job-token-access lists.

Left out: everything that `branchenv` never asks; rate limits of its own (a `Fault` stands for them); roles beyond "a
note is edited by who wrote it"; keyset pagination; pipelines, which the tests' runner plays.
"""

import json
import re
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, NamedTuple, Self
from urllib.parse import parse_qs, unquote, urlsplit

from tests.pipeline.support.gitlab_data import Project, Token, matching, shown_token

PREFIX = "/api/v4"
_PROJECT = r"/projects/(?P<project>[^/]+)"
_REQUEST = _PROJECT + r"/merge_requests/(?P<iid>\d+)"
_ENVIRONMENT = _PROJECT + r"/environments/(?P<id>\d+)"
_MOST_PER_PAGE = 100


@dataclass(kw_only=True)
class Fault:
    """A way to fail, for the next requests that fit."""

    status: int = 0
    """What to answer; 0 to answer as usual, if late."""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = '{"message": "a fault on demand"}'
    method: str = ""
    """Of the requests that fail; empty for any."""
    path: str = ""
    """Regular expression that their path holds."""
    times: int = 1
    delay: float = 0.0
    """Seconds of silence before the answer."""
    drop: bool = False
    """Close the connection without a word."""
    done: bool = False
    """What was asked is done all the same: the answer is lost on its way."""


class Request(NamedTuple):
    """What was asked."""

    method: str
    path: str
    """With the query, without the API's prefix."""


class _Refused(Exception):  # noqa: N818 - an answer, not an error
    """An answer that is no success."""

    def __init__(self, status: int, **body: str) -> None:
        super().__init__(str(status))
        self.status = status
        self.body = body or {"message": f"{status} {_REASONS.get(status, '')}".strip()}


_REASONS = {401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}


@dataclass(kw_only=True)
class _Call:
    """One request, as an endpoint sees it."""

    project: Project
    token: Token
    found: Mapping[str, str]
    query: Mapping[str, list[str]]
    body: Mapping[str, Any]

    def parameter(self, name: str, default: str = "") -> str:
        return self.query.get(name, [default])[0]

    def merge_request(self) -> dict[str, Any]:
        try:
            return self.project.merge_requests[int(self.found["iid"])]
        except KeyError:
            raise _Refused(404) from None

    def environment(self) -> dict[str, Any]:
        try:
            return self.project.environments[int(self.found["id"])]
        except KeyError:
            raise _Refused(404) from None

    def note(self) -> dict[str, Any]:
        for note in self.project.notes.get(int(self.found["iid"]), []):
            if note["id"] == int(self.found["id"]):
                return note
        raise _Refused(404)


class _Route(NamedTuple):
    method: str
    pattern: re.Pattern[str]
    answer: Callable[[_Call], Any]
    job_token: bool
    """Whether a job's own token will do."""


_ROUTES: list[_Route] = []


def _route(method: str, path: str, *, job_token: bool = False) -> Callable[[Callable[[_Call], Any]], None]:
    def add(answer: Callable[[_Call], Any]) -> None:
        _ROUTES.append(_Route(method, re.compile(PREFIX + path), answer, job_token))

    return add


@_route("GET", _PROJECT)
def _get_project(call: _Call) -> Any:
    return call.project.shown()


@_route("GET", _PROJECT + "/repository/branches", job_token=True)
def _list_branches(call: _Call) -> Any:
    return [{"name": name, "default": name == call.project.default_branch} for name in sorted(call.project.branches)]


@_route("GET", _PROJECT + "/merge_requests", job_token=True)
def _list_merge_requests(call: _Call) -> Any:
    state = call.parameter("state", "all")
    branch = call.parameter("source_branch")
    found = matching(
        iter(call.project.merge_requests.values()), state="" if state == "all" else state, source_branch=branch
    )
    wanted = {int(iid) for iid in call.query.get("iids[]", [])}
    found = [each for each in found if not wanted or each["iid"] in wanted]
    return sorted(found, key=lambda each: int(each["iid"]), reverse=call.parameter("sort", "desc") == "desc")


@_route("GET", _REQUEST, job_token=True)
def _get_merge_request(call: _Call) -> Any:
    return call.merge_request()


@_route("GET", _REQUEST + "/notes", job_token=True)
def _list_notes(call: _Call) -> Any:
    iid = int(call.merge_request()["iid"])
    notes = call.project.notes.get(iid, [])
    return notes if call.parameter("sort", "desc") == "asc" else notes[::-1]


@_route("POST", _REQUEST + "/notes")
def _create_note(call: _Call) -> Any:
    if not call.body.get("body"):
        raise _Refused(400, error="body is missing")
    return call.project.comment(int(call.merge_request()["iid"]), str(call.body["body"]), user=call.token.user)


@_route("PUT", _REQUEST + r"/notes/(?P<id>\d+)")
def _edit_note(call: _Call) -> Any:
    note = call.note()
    if note["author"]["username"] != call.token.user:
        raise _Refused(403)
    note["body"] = str(call.body["body"])
    return note


@_route("GET", _PROJECT + "/environments", job_token=True)
def _list_environments(call: _Call) -> Any:
    search, states = call.parameter("search"), call.parameter("states")
    if search and call.parameter("name"):
        raise _Refused(400, error="name, search are mutually exclusive")
    if search and len(search) < 3:
        raise _Refused(400, message="400 Bad request - Search query is less than 3 characters")
    if states not in ("", "available", "stopping", "stopped"):
        raise _Refused(400, message="400 Bad request - Requested states are invalid")
    found = matching(iter(call.project.environments.values()), name=call.parameter("name"), state=states)
    return sorted((each for each in found if search in each["name"]), key=lambda each: str(each["name"]))


@_route("GET", _ENVIRONMENT, job_token=True)
def _get_environment(call: _Call) -> Any:
    return call.environment()


@_route("POST", _ENVIRONMENT + "/stop", job_token=True)
def _stop_environment(call: _Call) -> Any:
    environment = call.environment()
    forced = call.parameter("force") == "true" or call.body.get("force") is True
    if environment["state"] == "available" and environment["name"] in call.project.on_stop and not forced:
        environment["state"] = "stopping"
        call.project.stop_jobs.append(environment["name"])
    elif environment["state"] != "stopping" or forced:
        environment["state"] = "stopped"
    return environment


@_route("DELETE", _ENVIRONMENT, job_token=True)
def _delete_environment(call: _Call) -> Any:
    if call.environment()["state"] != "stopped":
        raise _Refused(403)
    del call.project.environments[int(call.found["id"])]


@_route("GET", _PROJECT + r"/jobs/(?P<id>\d+)")
def _get_job(call: _Call) -> Any:
    try:
        return call.project.jobs[int(call.found["id"])]
    except KeyError:
        raise _Refused(404) from None


@_route("GET", _PROJECT + r"/pipelines/(?P<id>\d+)/jobs")
def _list_jobs_of_pipeline(call: _Call) -> Any:
    return call.project.pipelines.get(int(call.found["id"]), [])


@_route("GET", _PROJECT + "/deployments", job_token=True)
def _list_deployments(call: _Call) -> Any:
    wanted = call.parameter("environment")
    found = [each for each in call.project.deployments.values() if wanted in ("", each["environment"]["name"])]
    return found[::-1] if call.parameter("sort", "asc") == "desc" else found


class GitLabServer:
    """GitLab, on a port of this machine. Use it in a `with` block, or `start` and `stop` it."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self._address = address
        self.projects: list[Project] = []
        self.tokens: dict[str, Token] = {}
        """By the text that is sent as PRIVATE-TOKEN."""
        self.job_tokens: dict[str, Token] = {}
        """By the text that is sent as JOB-TOKEN."""
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        """What was asked, in order."""
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        handler = type("Handler", (_Handler,), {"gitlab": self})
        self._server = _Server((address, 0), handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="gitlab", daemon=True
        )

    @property
    def url(self) -> str:
        """What GitLab calls CI_SERVER_URL."""
        return f"http://{self._address}:{self._server.server_port}"

    def start(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Answer no more: from now on the connection is refused."""
        self._stopping.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.stop()

    def add_project(self, path: str) -> Project:
        """Make a project."""
        self.projects.append(Project(path=path))
        return self.projects[-1]

    def asked(self, method: str, holds: str = "") -> int:
        """Count the requests of a method whose path holds a text."""
        return sum(request.method == method and holds in request.path for request in self.requests)

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], body: Mapping[str, Any]
    ) -> tuple[int, Any, dict[str, str]]:
        """Answer one request.

        Returns:
            Status, body and headers.
        """
        parts = urlsplit(target)
        query = parse_qs(parts.query)
        with self._lock:
            try:
                found = self._answer(method, parts.path, headers, query, body)
            except _Refused as refused:
                return refused.status, refused.body, {}
            if isinstance(found, list):
                return 200, *_page(found, query, f"{self.url}{parts.path}")
            status = {"POST": 200 if parts.path.endswith("/stop") else 201, "DELETE": 204}.get(method, 200)
            return status, found, {}

    def fault(self, request: Request) -> Fault | None:
        """Note a request, and give the fault that it meets."""
        with self._lock:
            self.requests.append(request)
            for fault in self.faults:
                if fault.times and fault.method in ("", request.method) and re.search(fault.path, request.path):
                    fault.times -= 1
                    return fault
        return None

    def silent(self, seconds: float) -> None:
        """Say nothing for a time; a server that stops does not wait for its end."""
        self._stopping.wait(seconds)

    def _answer(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        query: Mapping[str, list[str]],
        body: Mapping[str, Any],
    ) -> Any:
        token, by_job = self._token(headers)
        if path in (f"{PREFIX}/user", f"{PREFIX}/personal_access_tokens/self"):
            if token is None or by_job:
                raise _Refused(401)
            return {"id": 1, "username": token.user} if path.endswith("/user") else dict(shown_token(token))
        for route in _ROUTES:
            if route.method == method and (found := route.pattern.fullmatch(path)):
                return self._routed(
                    route, found.groupdict(), token if route.job_token or not by_job else None, query, body
                )
        raise _Refused(404, error="404 Not Found")

    def _routed(
        self,
        route: _Route,
        found: Mapping[str, str],
        token: Token | None,
        query: Mapping[str, list[str]],
        body: Mapping[str, Any],
    ) -> Any:
        # Projects are private here: who has no token that counts is told that there is none, or to show one.
        if token is None:
            raise (
                _Refused(404, message="404 Project Not Found")
                if route.pattern.pattern == PREFIX + _PROJECT
                else _Refused(401)
            )
        wanted = unquote(found["project"])
        project = next((each for each in self.projects if wanted in (each.path, str(each.id))), None)
        if project is None:
            raise _Refused(404, message="404 Project Not Found")
        if token.project and token.project != project.path:
            raise _Refused(
                403,
                message=f"Authentication by CI/CD job token not allowed from {token.project} to {project.path}.",
            )
        needed = {"api", "read_api"} if route.method == "GET" else {"api"}
        if not token.project and not needed & set(token.scopes):
            raise _Refused(
                403,
                error="insufficient_scope",
                error_description="The request requires higher privileges than provided by the access token.",
                scope=" ".join(sorted(needed)),
            )
        return route.answer(_Call(project=project, token=token, found=found, query=query, body=body))

    def _token(self, headers: Mapping[str, str]) -> tuple[Token | None, bool]:
        """Return the request's token, and whether it is a job's."""
        if sent := headers.get("PRIVATE-TOKEN"):
            token = self.tokens.get(sent)
            if token is None:
                raise _Refused(401)
            if token.revoked:
                raise _Refused(401, error="invalid_token", error_description="Token was revoked.")
            return token, False
        if sent := headers.get("JOB-TOKEN"):
            token = self.job_tokens.get(sent)
            if token is None or not self._runs(token):
                raise _Refused(401)
            return token, True
        return None, False

    def _runs(self, token: Token) -> bool:
        jobs = [project.jobs.get(token.job) for project in self.projects if project.path == token.project]
        return not token.job or any(job is not None and job["status"] == "running" for job in jobs)


def refused_url() -> str:
    """Return a URL at which the connection is refused."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def _page(items: list[Any], query: Mapping[str, list[str]], url: str) -> tuple[list[Any], dict[str, str]]:
    """Cut one page out of a list, with the headers that lead to the others."""
    size = min(int(query.get("per_page", ["20"])[0]), _MOST_PER_PAGE)
    page = int(query.get("page", ["1"])[0])
    pages = max(1, -(-len(items) // size))
    rest = "&".join(f"{key}={value}" for key, values in query.items() if key != "page" for value in values)
    following = str(page + 1) if page < pages else ""
    links = [
        f'<{url}?{rest}&page={number}>; rel="{rel}"' for rel, number in (("next", following), ("first", "1")) if number
    ]
    headers = {
        "X-Page": str(page),
        "X-Per-Page": str(size),
        "X-Next-Page": following,
        "X-Prev-Page": str(page - 1) if page > 1 else "",
        "X-Total": str(len(items)),
        "X-Total-Pages": str(pages),
        "Link": ", ".join(links),
    }
    return items[(page - 1) * size : page * size], headers


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A connection that a client keeps open must not hold up the end of a test.
    block_on_close = False


class _Handler(BaseHTTPRequestHandler):
    gitlab: ClassVar[GitLabServer]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        gitlab = self.gitlab
        fault = gitlab.fault(Request(self.command, self.path.removeprefix(PREFIX)))
        if fault and fault.delay:
            gitlab.silent(fault.delay)
        if fault and fault.drop:
            self.close_connection = True
            return
        if fault and fault.status and not fault.done:
            self._send(fault.status, fault.body.encode(), fault.headers)
            return
        status, body, headers = gitlab.answer(
            self.command, self.path, dict(self.headers), json.loads(sent) if sent.startswith(b"{") else {}
        )
        if fault and fault.done:
            self._send(fault.status, fault.body.encode(), fault.headers)
            return
        self._send(status, b"" if status == 204 else json.dumps(body).encode(), headers)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - http.server calls them so

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        try:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client waits no longer

    def log_message(self, *_: Any) -> None:
        """Leave the test's output alone."""
