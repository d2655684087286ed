"""What a note on a merge request tells, as data.

The note itself keeps them, in a comment that nobody sees: whoever edits it next, be it another job, a person or a
sweep, changes what has changed and writes the rest again. Never put a secret in: whoever reads the merge request can.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote

JOBS_VARIABLE = "BRANCHENV_JOBS"
"""What the names of the component's jobs begin with; the component sets it."""
DASHBOARD_VARIABLE = "BRANCHENV_DASHBOARD"
"""Not `off`, if GitLab shows pods and logs of the environment; the component sets it."""
_KEPT = re.compile(r"^<!-- branchenv-facts (?P<facts>\{.*\}) -->$", re.MULTILINE)
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


class NoteState(StrEnum):
    """What is the matter with an environment."""

    DEPLOYING = "deploying"
    FAILED = "failed"
    """The last deploy, or wake, did not complete. What answered before may still do so."""
    UP = "up"
    NO_ANSWER = "no answer"
    """It was deployed, and its URL does not answer as it should."""
    ASLEEP = "asleep"
    REMOVED = "removed"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything that the note says of one environment. What is not known is empty or None, and left out."""

    app: str
    slug: str
    branch: str
    base: str = ""
    """Base stack, for commands to paste."""
    state: NoteState = NoteState.UP
    at: datetime | None = None
    """Since when."""
    url: str = ""
    urls: Mapping[str, str] = field(default_factory=dict)
    """Its other URLs, by the names of their hosts."""
    answered: str = ""
    """What the URL answered when it was last asked."""
    answers: bool | None = None
    """Whether that was well. None: it was not asked."""
    why: str = ""
    """Why it sleeps or was removed."""
    by: str = ""
    """What deployed it by hand, put it to sleep or removed it: words of ours, e.g. `the sweep`."""
    by_url: str = ""
    """URL of the job that did it."""
    user: str = ""
    """Who did that."""
    reasons: tuple[str, ...] = ()
    """Why it failed, a line each, with what people and apps wrote."""
    commit: str = ""
    """That is, or was to be, deployed."""
    title: str = ""
    """Of the commit."""
    rolled_back: str = ""
    """Commit that was, or is to be, taken back for it."""
    live: str = ""
    """Commit of the last version that was seen to answer."""
    images: Mapping[str, str] = field(default_factory=dict)
    """Of that version, by workload."""
    before: Mapping[str, str] = field(default_factory=dict)
    """Of the version before it."""
    pipeline: str = ""
    """URL of the last pipeline that was at work on it, whose manual jobs wake it and so on."""
    pipeline_id: int = 0
    job: str = ""
    """URL of the last job that was at work on it."""
    job_name: str = ""
    started: datetime | None = None
    """When that job started, by GitLab's clock."""
    page: str = ""
    """URL of the environment's page in GitLab."""
    dashboard: bool = False
    """Whether that page shows pods and logs."""
    jobs: str | None = None
    """What the names of the component's jobs begin with. None: they are not there."""
    job_urls: Mapping[str, str] = field(default_factory=dict)
    """Pages of the component's jobs in that pipeline, by name; empty where they are not known."""
    since_push: float | None = None
    """Seconds from the push to the answer."""
    since_job: float | None = None
    """Seconds from the job's start to the answer."""
    expires: datetime | None = None
    soon: bool = False
    """Whether it expires soon."""
    mention: str = ""
    """User in GitLab who is mentioned when it does."""


@dataclass(frozen=True, kw_only=True)
class PipelineJob:
    """What a job in the branch's own pipeline knows of itself; the fields of `Facts` with the same names."""

    pipeline: str
    pipeline_id: int
    job: str
    job_name: str
    started: datetime | None
    page: str
    dashboard: bool
    jobs: str | None


def of_job(environ: Mapping[str, str]) -> PipelineJob:
    """Read a job's variables."""
    number = environ.get("CI_PIPELINE_ID", "")
    return PipelineJob(
        pipeline=environ.get("CI_PIPELINE_URL", ""),
        pipeline_id=int(number) if number.isdigit() else 0,
        job=environ.get("CI_JOB_URL", ""),
        job_name=environ.get("CI_JOB_NAME", ""),
        started=_moment(environ.get("CI_JOB_STARTED_AT", "")),
        page=_page(environ),
        dashboard=environ.get(DASHBOARD_VARIABLE, "off") != "off",
        jobs=environ.get(JOBS_VARIABLE),
    )


def by_job(facts: Facts, job: PipelineJob) -> Facts:
    """Return facts with what a job knows of itself."""
    return replace(facts, **{each.name: getattr(job, each.name) for each in fields(PipelineJob)})


def is_newer(there: Facts, job: PipelineJob) -> bool:
    """Whether what a note tells is from a later job than the one that would change it.

    The later start counts, by GitLab's clock: a newer pipeline's job starts later than an older one's, unless somebody
    deploys the older one again. Where no start is known, the pipeline's number counts.
    """
    if there.started and job.started:
        return there.started > job.started
    return bool(there.pipeline_id and job.pipeline_id and there.pipeline_id > job.pipeline_id)


def kept(facts: Facts) -> str:
    """Write the comment that keeps facts: one line, which nothing in it can end."""
    defaults = Facts(app="", slug="", branch="")
    values = {each.name: getattr(facts, each.name) for each in fields(facts)}
    text = json.dumps({name: _plain(value) for name, value in values.items() if value != getattr(defaults, name)})
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return f"<!-- branchenv-facts {text} -->"


def read(body: str) -> Facts | None:
    """Read the facts that a note keeps; None where it keeps none, or none that can be read."""
    found = _KEPT.search(body)
    if not found:
        return None
    try:
        values: dict[str, Any] = json.loads(found["facts"])
        known = {each.name: values[each.name] for each in fields(Facts) if each.name in values}
        for name in ("at", "started", "expires"):
            if name in known:
                known[name] = datetime.fromisoformat(known[name])
        known |= {"state": NoteState(known.get("state", NoteState.UP)), "reasons": tuple(known.get("reasons", ()))}
        return Facts(**known)
    except (ValueError, TypeError):
        return None


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    return dict(value) if isinstance(value, Mapping) else value


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _page(environ: Mapping[str, str]) -> str:
    """Return the page of the job's environment in GitLab, else that of all environments of the app."""
    project, name = environ.get("CI_PROJECT_URL", ""), environ.get("CI_ENVIRONMENT_NAME", "")
    if not (project and name):
        return ""
    folder = f"folders/{quote(name.partition('/')[0])}"
    return f"{project}/-/environments/{environ.get('CI_ENVIRONMENT_ID') or folder}"
