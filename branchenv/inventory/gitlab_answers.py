"""What GitLab says of a project: its branches, merge requests and environments, and which of these it does not tell."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeVar

from branchenv.clients.gitlab import GitLab, GitLabError
from branchenv.model.errors import BranchenvError
from branchenv.model.records import GitLabEnvironment, MergeRequest, StackRecord

_Seen = TypeVar("_Seen")


@dataclass
class GitLabAnswers:
    """What GitLab answered, and what it did not. Whatever is None was not seen."""

    branches: frozenset[str] | None = None
    merge_requests: list[MergeRequest] | None = None
    entries: list[GitLabEnvironment] | None = None
    missing: dict[str, BranchenvError] = field(default_factory=dict)
    """By what was asked."""
    hidden: list[str] = field(default_factory=list)
    """What a job's own token may not see."""


def ask(
    environ: Mapping[str, str], project: str, stacks: Callable[[], Sequence[StackRecord]], *, stopped: bool
) -> GitLabAnswers | None:
    """Ask GitLab.

    Args:
        environ: variables that name GitLab and a token.
        project: as <group>/<name>; empty for the job's own.
        stacks: waits for the stacks, which name merge requests.
        stopped: also give environments that are stopped, which GitLab keeps for good, by the thousand.

    Returns:
        None where nothing says where GitLab is.
    """
    gitlab = GitLab.from_environment(environ, project or None)
    if gitlab is None:
        return None
    answers = GitLabAnswers()
    states = ("",) if stopped else ("available", "stopping")
    answers.branches = _part(answers, gitlab, "branches", lambda: frozenset(gitlab.branches()))
    answers.merge_requests = _part(answers, gitlab, "merge requests", lambda: _merge_requests(gitlab, stacks()))
    answers.entries = _part(
        answers, gitlab, "environments", lambda: [each for state in states for each in gitlab.environments(state)]
    )
    return answers


def _part(answers: GitLabAnswers, gitlab: GitLab, what: str, ask: Callable[[], _Seen]) -> _Seen | None:
    if any(isinstance(each, GitLabError) and each.status is None for each in answers.missing.values()):
        return None  # it does not answer: asking for more would only take more time
    try:
        return ask()
    except GitLabError as e:
        if gitlab.by_job_token and (e.is_refusal or e.status == HTTPStatus.NOT_FOUND):
            answers.hidden.append(what)
        else:
            answers.missing[what] = e
    except BranchenvError as e:
        answers.missing[what] = e
    return None


def _merge_requests(gitlab: GitLab, stacks: Sequence[StackRecord]) -> list[MergeRequest]:
    """Return all open ones, and of the others those that stacks name: only those are known to be over."""
    found = {each.iid: each for each in gitlab.merge_requests("opened")}
    named = {each.tags.merge_request for each in stacks if each.tags.project == gitlab.project}
    if missing := sorted(iid for iid in named - found.keys() if iid is not None):
        found.update({each.iid: each for each in gitlab.merge_requests("all", iids=missing)})
    return list(found.values())
