"""Whose turn it is: a pipeline never overwrites what a newer one has deployed.

GitLab counts pipelines up, over all projects, so the greater id is that of the later push. When a job starts says
nothing of that: it may have waited for a runner, or been retried a week later.
"""

from branchenv.model.context import PIPELINE_VARIABLE, Pipeline, Target
from branchenv.model.errors import BranchenvError, ExitCode, bad_input
from branchenv.model.records import StackRecord


def check(target: Target, record: StackRecord | None, job: Pipeline | None) -> None:
    """Refuse a job whose pipeline is older than the newest that has deployed the branch, or begun to.

    A person's deploy is never too old, and neither is one of what was removed meanwhile.

    Raises:
        BranchenvError: it is outdated, or the pipeline's id is no number.
    """
    own = number(job)
    newest = record.tags.pipeline_id if record and record.resources else None
    if own is None or newest is None or own >= newest:
        return
    raise BranchenvError(
        f"pipeline {own} is outdated: pipeline {newest}, which is newer, has deployed {target.branch} or begun to",
        fix="nothing is to be done if the newer one is wanted; else start a new pipeline of the branch, or go back to "
        f"what ran before: {target.command('rollback')}",
        code=ExitCode.OUTDATED,
    )


def newest(record: StackRecord | None, job: Pipeline | None) -> int | None:
    """Return the newest pipeline that has deployed a stack, this job's among them; None if it was done by hand alone.

    Raises:
        BranchenvError: the pipeline's id is no number.
    """
    known = [each for each in (record.tags.pipeline_id if record else None, number(job)) if each is not None]
    return max(known, default=None)


def number(job: Pipeline | None) -> int | None:
    """Return the id of a job's pipeline; None where GitLab names none.

    Raises:
        BranchenvError: it is no number.
    """
    if job is None or not job.number:
        return None
    if not job.number.isdecimal():
        raise bad_input(
            PIPELINE_VARIABLE,
            job.number,
            "a pipeline's id is a number",
            f"in the job that starts this pipeline: variables: {{{PIPELINE_VARIABLE}: $CI_PIPELINE_ID}}",
        )
    return int(job.number)
