"""Who holds a stack's lock, and does the holder still run?

Pulumi's own backends never give up a lock by themselves: a `pulumi` that was killed leaves it for good. A lock is
broken here only if its owner is known to have ended. Neither age nor silence is proof of that.
"""

import random
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from branchenv import console
from branchenv.clients import processes
from branchenv.clients.backend import Backend
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import Lock, Tags

JobEnded = Callable[[str], bool | None]
"""Whether the GitLab job of an id has ended; None if that cannot be known."""

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0


@dataclass(frozen=True, kw_only=True)
class LockOwner:
    """What is known of a lock's owner."""

    lock: Lock
    ended: bool
    why: str
    at_work: bool = False
    """Whether the owner is known to be at work, so that its lock must not be broken."""

    def __str__(self) -> str:
        age = console.seconds((datetime.now(UTC) - self.lock.since).total_seconds())
        return f"{self.lock.user}@{self.lock.host} (process {self.lock.pid}), since {age}: {self.why}"


def job_tag(job: str) -> str:
    """Return what `select` notes of the job it runs in: <job id>@<host name>. Empty outside of GitLab."""
    return f"{job}@{socket.gethostname()}" if job else ""


def judge(lock: Lock, *, job: str = "", job_ended: JobEnded | None = None) -> LockOwner:
    """Find out whether a lock's owner has ended.

    Args:
        lock: of a stack.
        job: which CI job last worked on the stack, as its tags have it.
        job_ended: asks GitLab; None where it cannot be asked.
    """
    here = lock.host == socket.gethostname()
    if here and processes.runs(lock.pid, since=lock.since):
        return LockOwner(lock=lock, ended=False, at_work=True, why="its process runs on this machine")
    job_id, _, job_host = job.partition("@")
    if job_id and job_host == lock.host:
        ended = job_ended(job_id) if job_ended else None
        if ended:
            return LockOwner(lock=lock, ended=True, why=f"its job {job_id} has ended")
        # Containers may share a host name: one that does not see another's process must not call it dead. Only a
        # job's own earlier step is certain to have been here.
        if ended is False and job != job_tag(_own_job()):
            return LockOwner(lock=lock, ended=False, at_work=True, why=f"its job {job_id} has not ended")
    # A process of another user may run and yet be hidden from this one.
    if here and lock.user == processes.user_name():
        return LockOwner(lock=lock, ended=True, why="its process on this machine has ended")
    if here:
        return LockOwner(lock=lock, ended=False, why=f"only {lock.user} can tell whether the process runs")
    return LockOwner(lock=lock, ended=False, why=f"nothing tells whether it still runs on {lock.host or 'its host'}")


def break_dead(backend: Backend, stack: str, *, tags: Tags, job_ended: JobEnded | None) -> tuple[list[LockOwner], bool]:
    """Break the locks whose owners have ended.

    Args:
        backend: of the stack.
        stack: name.
        tags: of the stack.
        job_ended: asks GitLab; None where it cannot be asked.

    Returns:
        What holds the stack still, and whether anything was broken.
    """
    found = [judge(lock, job=tags.job, job_ended=job_ended) for lock in backend.locks(stack)]
    dead = [owner for owner in found if owner.ended]
    for owner in dead:
        console.say(f"breaking the lock of {owner}")
    if dead:
        backend.break_locks(stack, [owner.lock for owner in dead])
    return [owner for owner in found if not owner.ended], bool(dead)


def wait_until_free(
    backend: Backend, stack: str, *, tags: Tags, job_ended: JobEnded | None, max_wait: float, unlock: str
) -> bool:
    """Wait for those who work on the stack, and break the locks of owners that have ended.

    Args:
        backend: of the stack.
        stack: name.
        tags: of the stack.
        job_ended: asks GitLab; None where it cannot be asked.
        max_wait: seconds to wait.
        unlock: the command that breaks its locks, for the message.

    Returns:
        Whether a lock was broken: what its owner was doing was not finished.

    Raises:
        BranchenvError: somebody still works on it.
    """
    held, broke = break_dead(backend, stack, tags=tags, job_ended=job_ended)
    if not held:
        return broke
    end = time.monotonic() + max_wait
    pause = _FIRST_PAUSE
    with console.step(f"{stack}: waiting for {_owners(held)}"):
        while held:
            if time.monotonic() >= end:
                raise _locked(stack, held, unlock)
            time.sleep(min(pause, max(0.0, end - time.monotonic())))
            pause = min(pause * 1.5, _LONGEST_PAUSE)
            held, again = break_dead(backend, stack, tags=tags, job_ended=job_ended)
            broke = broke or again
    return broke


def give_way() -> None:
    """Wait a random time after a lock conflict: two that see each other's locks both give up.

    For a random time, so that both do not come back at the same moment again.
    """
    time.sleep(random.uniform(_FIRST_PAUSE, 5 * _FIRST_PAUSE))  # noqa: S311 - nothing is kept secret by it


def asks_gitlab(project: str) -> JobEnded:
    """Return a `JobEnded` that connects to GitLab when it is first asked, for hardly any stack is locked.

    Args:
        project: <group>/<name>; empty for the job's own.
    """
    known: dict[str, bool | None] = {}

    def job_ended(job: str) -> bool | None:
        # An ended job stays so; of a running one GitLab is asked again.
        if not known.get(job):
            known[job] = _ask(project, job)
        return known[job]

    return job_ended


def _ask(project: str, job: str) -> bool | None:
    import os

    try:
        from branchenv.clients.gitlab import GitLab

        gitlab = GitLab.from_environment(os.environ, project or None)
        return gitlab.job_ended(job) if gitlab else None
    except BranchenvError as e:
        console.warn(f"GitLab cannot be asked whether job {job} has ended: {e.rule}")
        return None


def _own_job() -> str:
    import os

    return os.environ.get("CI_JOB_ID", "")


def _owners(held: Iterable[LockOwner]) -> str:
    return ", ".join(f"{each.lock.user}@{each.lock.host}" for each in held)


def _locked(stack: str, held: Iterable[LockOwner], unlock: str) -> BranchenvError:
    owners = "; ".join(str(each) for each in held)
    return BranchenvError(
        f"somebody works on {stack}: {owners}",
        fix=f"wait, or ask them; if they have stopped: {unlock} --older-than 2h",
        code=ExitCode.LOCKED,
    )
