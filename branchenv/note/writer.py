"""The one place that writes the note on a merge request.

A note never fails what it tells of, and hardly delays it: GitLab has a few seconds in all, and whatever goes wrong is a
warning. There is one note for an environment; each way of changing it (job, person, sweep) edits that one. What is true
now is said by `events.py`, how it reads by `text.py`.
"""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from branchenv import console
from branchenv.model.context import Pipeline, Target, pipeline
from branchenv.model.errors import BranchenvError
from branchenv.model.records import StackRecord, Tags
from branchenv.note import facts as note_facts
from branchenv.note import text as note
from branchenv.note.facts import Facts
from core.background import begin

if TYPE_CHECKING:
    from branchenv.clients.gitlab import GitLab

Change = Callable[[Facts], Facts]
"""Returns what is true now for what was written last; the very same where that still holds."""
_MAX_WAIT = 10.0
"""Seconds that GitLab has for the note of what has ended."""
_BEGIN = 2.0
"""Seconds that a deploy waits at most, once all else is ready, for the note of its beginning."""


@dataclass(frozen=True, kw_only=True)
class NoteTarget:
    """Which environment the note is about, and where it stands."""

    app: str
    slug: str
    branch: str
    base: str = ""
    project: str = ""
    """GitLab project, as <group>/<name>; empty for the job's own."""
    merge_request: int | None = None
    """None: the one that is open for the branch, if there is one."""

    @classmethod
    def of(cls, target: Target, tags: Tags | None = None) -> "NoteTarget":
        """Return the place of a command's target.

        Args:
            target: with the slugs that the base stack reserves, if those are known.
            tags: of its stack, if they are known.
        """
        tags = tags or Tags()
        return cls(
            app=target.app,
            slug=target.slug,
            branch=target.branch,
            base=target.base,
            project=tags.project or target.project,
            merge_request=tags.merge_request,
        )

    @classmethod
    def of_stack(cls, record: StackRecord) -> "NoteTarget":
        """Return the place of a stack, of whatever app."""
        return cls(
            app=record.app,
            slug=record.slug,
            branch=record.branch,
            base=record.base,
            project=record.tags.project,
            merge_request=record.tags.merge_request,
        )


@dataclass(frozen=True, kw_only=True)
class NoteResult:
    """What became of a note."""

    merge_request: int | None = None
    note: str = ""
    """written, edited, unchanged, or nothing."""


@dataclass(frozen=True, kw_only=True)
class NoteOptions:
    """How a note is written."""

    new: bool = True
    """Whether one is written where there is none."""
    by_job_token: bool = False
    """Whether to try with a job's own token, which may not: the warning then says what would."""
    wrong: str = "the note on the merge request stays as it was"
    """What is said of a failure, before its reason."""


def tell(
    place: NoteTarget,
    change: Change,
    options: NoteOptions | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
) -> NoteResult:
    """Change an environment's note, and wait for it.

    Args:
        place: which environment.
        change: what is true now.
        options: how.
        environ: variables that name GitLab and a token, and those of a job.
    """
    options = options or NoteOptions()
    settle()
    writing = _Writing(place, change, options, environ)
    if written := writing.start():
        try:
            return written.result(_MAX_WAIT)
        except BranchenvError as e:
            wrong = e
        except TimeoutError:
            wrong = BranchenvError(f"GitLab has not answered within {_MAX_WAIT:g} s", fix="try again later")
        console.warn(f"{options.wrong}: {wrong.rule}\n    fix:   {wrong.fix}")
    return NoteResult(merge_request=writing.place.merge_request)


def tell_meanwhile(place: NoteTarget, change: Change, *, environ: Mapping[str, str] = os.environ) -> None:
    """Change an environment's note while something else is done; `settle` ends it.

    Only where a merge request is known, as nobody is asked for one. What is wrong with GitLab is said by the note that
    comes after.
    """
    writing = _Writing(place, change, NoteOptions(), environ)
    if writing.place.merge_request is not None and (written := writing.start()):
        _pending.append((writing, written))


def settle() -> None:
    """Wait until notes that are being written are written, or time is up."""
    while _pending:
        writing, written = _pending.pop()
        wait([written], _BEGIN)
        writing.too_late = True


_pending: "list[tuple[_Writing, Future[NoteResult]]]" = []


class _Writing:
    """One change of a note, in a thread that is left when time is up, as no deploy needs its note."""

    def __init__(self, place: NoteTarget, change: Change, options: NoteOptions, environ: Mapping[str, str]) -> None:
        job = pipeline(environ)
        # A sweep's job, or one that makes room for its own branch, is not at work in this branch's pipeline.
        self._job: Pipeline | None = job if job and job.branch == place.branch else None
        self._change = change
        self._options = options
        self._environ = environ
        known = (self._job.merge_request if self._job else None) or place.merge_request
        self.place = replace(place, merge_request=known)
        self.too_late = False
        """Whether nobody waits any more: what it says may be true no longer."""

    def start(self) -> Future[NoteResult] | None:
        """Begin, unless no GitLab or no token is known."""
        from branchenv.clients.gitlab import GitLab

        gitlab = GitLab.from_environment(self._environ, self.place.project or None)
        if gitlab is None or (gitlab.by_job_token and not self._options.by_job_token):
            return None
        return begin("note", lambda: self._run(gitlab))

    def _run(self, gitlab: "GitLab") -> NoteResult:
        try:
            return self._write(gitlab)
        except BranchenvError:
            raise
        except Exception as e:  # whatever it is, the deploy has worked without a note
            raise BranchenvError(f"{type(e).__name__}: {e}", fix="please report it") from e

    def _write(self, gitlab: "GitLab") -> NoteResult:
        iid = self._merge_request(gitlab)
        if iid is None:
            return NoteResult()
        mark = note.marker(self.place.app, self.place.slug)
        write = gitlab.put_note if self._options.new else gitlab.edit_note
        return NoteResult(merge_request=iid, note=write(iid, mark, lambda body: self._changed(body, gitlab)))

    def _changed(self, body: str, gitlab: "GitLab") -> str:
        """Return the note's text for what it was."""
        if self.too_late:
            raise BranchenvError("GitLab has answered too late", fix="try again later")
        there = note_facts.read(body)
        own = note_facts.of_job(self._environ) if self._job else None
        if there and own and note_facts.is_newer(there, own):
            return body
        facts = there or Facts(app=self.place.app, slug=self.place.slug, branch=self.place.branch)
        after = self._change(facts)
        if there and after is there:
            return body
        after = replace(after, branch=self.place.branch, base=self.place.base or facts.base)
        if own is None:
            return note.write(after)
        known = there.job_urls if there and there.pipeline_id == own.pipeline_id else {}
        return note.write(replace(note_facts.by_job(after, own), job_urls=known or _job_urls(gitlab, own)))

    def _merge_request(self, gitlab: "GitLab") -> int | None:
        """Return the known merge request, else the first open one of the branch; of one that has ended, the last."""
        if self.place.merge_request is not None:
            return self.place.merge_request
        from_fork = bool(self._job and self._job.from_fork)
        found = [each for each in gitlab.merge_requests(branch=self.place.branch) if each.from_fork == from_fork]
        if not found and not self._options.new:
            every = gitlab.merge_requests("all", branch=self.place.branch)
            found = [each for each in every if each.from_fork == from_fork][-1:]
        return found[0].iid if found else None


def _job_urls(gitlab: "GitLab", job: note_facts.PipelineJob) -> Mapping[str, str]:
    """Find the pages of the component's jobs; none where GitLab does not tell: the pipeline's page has them as well."""
    if job.jobs is None or not job.pipeline_id:
        return {}
    try:
        every = gitlab.jobs_of_pipeline(job.pipeline_id)
    except BranchenvError:
        return {}
    return {name: every[name] for each in note.MANUAL_JOBS if (name := f"{job.jobs}{each}") in every}
