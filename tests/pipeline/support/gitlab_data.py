"""What the local GitLab keeps: plain data, which tests and the runner of the pipeline tests change as they please."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

_IDS = count(101)
_CREATED = "2026-01-01T09:00:00.000Z"
BOT = "project_1_bot"
"""User of a project access token."""


@dataclass(frozen=True, kw_only=True)
class Token:
    """A personal, project or group access token, or a job's own."""

    user: str = BOT
    scopes: tuple[str, ...] = ("api",)
    expires: str | None = "2099-12-31"
    revoked: bool = False
    project: str = ""
    """For a job token: path of the job's project."""
    job: int = 0
    """For a job token: the job, whose end is the token's end."""


@dataclass(kw_only=True)
class Project:
    """One project. Objects are kept as the API shows them."""

    path: str
    id: int = field(default_factory=lambda: next(_IDS))
    default_branch: str = "main"
    branches: set[str] = field(default_factory=lambda: {"main"})
    merge_requests: dict[int, dict[str, Any]] = field(default_factory=dict)
    """By iid."""
    notes: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    """By the merge request's iid, the oldest first."""
    environments: dict[int, dict[str, Any]] = field(default_factory=dict)
    """By id."""
    on_stop: set[str] = field(default_factory=set)
    """Names of the environments whose last deployment has a stop job: GitLab starts it when they are stopped."""
    stop_jobs: list[str] = field(default_factory=list)
    """Names of the environments whose stop job was started by the API."""
    jobs: dict[int, dict[str, Any]] = field(default_factory=dict)
    pipelines: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    """Jobs by the pipeline's id."""
    deployments: dict[int, dict[str, Any]] = field(default_factory=dict)

    def open_merge_request(self, branch: str, *, state: str = "opened", fork: bool = False) -> int:
        """Add a merge request and its source branch, and give its iid."""
        iid = len(self.merge_requests) + 1
        if not fork:
            self.branches.add(branch)
        self.merge_requests[iid] = {
            "id": next(_IDS),
            "iid": iid,
            "title": f"Merge {branch}",
            "state": state,
            "source_branch": branch,
            "target_branch": self.default_branch,
            "source_project_id": self.id + 1_000_000 if fork else self.id,
            "target_project_id": self.id,
            "project_id": self.id,
            "author": {"id": 1, "username": "ada"},
            "web_url": f"https://gitlab.example.com/{self.path}/-/merge_requests/{iid}",
            "created_at": _CREATED,
        }
        return iid

    def comment(self, iid: int, body: str, *, user: str = "ada", system: bool = False) -> dict[str, Any]:
        """Add a note to a merge request."""
        note = {
            "id": next(_IDS),
            "body": body,
            "author": {"id": 1, "username": user},
            "created_at": _CREATED,
            "updated_at": _CREATED,
            "system": system,
            "noteable_iid": iid,
            "noteable_type": "MergeRequest",
            "project_id": self.id,
        }
        self.notes.setdefault(iid, []).append(note)
        return note

    def bodies(self, iid: int) -> list[str]:
        """Return what people and programs wrote to a merge request."""
        return [str(note["body"]) for note in self.notes.get(iid, []) if not note["system"]]

    def start_job(self, id: int, *, environment: str = "", on_stop: bool = False) -> None:  # noqa: A002 - as GitLab calls it
        """Note that a job runs.

        Args:
            id: of the job.
            environment: that it deploys to; made if there is none.
            on_stop: whether the environment has a stop job.
        """
        self.jobs[id] = {"id": id, "name": "job", "status": "running", "ref": "branch"}
        if environment:
            self._environment(environment)
            if on_stop:
                self.on_stop.add(environment)
            number = next(_IDS)
            self.deployments[number] = {
                "id": number,
                "iid": len(self.deployments) + 1,
                "environment": {"name": environment},
                "deployable": self.jobs[id],
                "status": "running",
                "created_at": _CREATED,
            }

    def end_job(self, id: int, status: str = "success", *, url: str | None = None) -> None:  # noqa: A002
        """Note how a job ended: an environment that it deployed to is available from now on if it ended well.

        Args:
            id: of the job.
            status: success, failed or canceled.
            url: of the environment, from the job's dotenv report.
        """
        self.jobs[id]["status"] = status
        for deployment in self.deployments.values():
            if deployment["deployable"]["id"] == id:
                deployment["status"] = status
                if status == "success":
                    self.deployed(deployment["environment"]["name"], url)

    def deployed(self, name: str, url: str | None = None) -> int:
        """Make an environment available, new or stopped before, and give its id."""
        environment = self._environment(name)
        environment.update(state="available", external_url=url or environment["external_url"])
        return int(environment["id"])

    def stopped(self, name: str) -> None:
        """Note that the stop job of an environment has ended well."""
        self._environment(name)["state"] = "stopped"

    def delete_branch(self, branch: str) -> None:
        """Delete a branch; GitLab stops the branch's environments by itself, which is the runner's to do here."""
        self.branches.discard(branch)

    def _environment(self, name: str) -> dict[str, Any]:
        for environment in self.environments.values():
            if environment["name"] == name:
                return environment
        number = next(_IDS)
        self.environments[number] = {
            "id": number,
            "name": name,
            "slug": name.replace("/", "-"),
            "external_url": None,
            "state": "available",
            "tier": "development",
            "created_at": _CREATED,
            "updated_at": _CREATED,
        }
        return self.environments[number]

    def shown(self) -> dict[str, Any]:
        """Return the project as the API shows it."""
        return {"id": self.id, "path_with_namespace": self.path, "default_branch": self.default_branch}


def matching(items: Iterator[dict[str, Any]], **wanted: str) -> list[dict[str, Any]]:
    """Return the objects whose fields have these values; an empty value stands for any."""
    return [item for item in items if all(not value or item.get(key) == value for key, value in wanted.items())]


def shown_token(token: Token) -> Mapping[str, Any]:
    """Return an access token as the API shows it to its bearer."""
    return {
        "id": 1,
        "name": "branchenv",
        "revoked": token.revoked,
        "active": not token.revoked,
        "scopes": list(token.scopes),
        "user_id": 1,
        "expires_at": token.expires,
    }
