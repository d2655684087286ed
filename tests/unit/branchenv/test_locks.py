"""A lock is broken only if its owner is known to be gone."""

import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from branchenv import locks
from branchenv.clients import processes
from branchenv.clients.backend import open_backend
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import Lock, Tags

_HERE = socket.gethostname()
_UNLOCK = "branchenv unlock feature/x --app shop"
_STACK = "shop.never-made"


def _lock(pid: int, *, host: str = _HERE, user: str = "", since: datetime | None = None) -> Lock:
    return Lock(key="x", user=user or processes.user_name(), host=host, pid=pid, since=since or datetime.now(UTC))


def _dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_lock_of_a_process_that_has_ended_is_gone() -> None:
    assert locks.judge(_lock(_dead_pid())).ended, "its process on this machine has ended"


def test_the_lock_of_a_zombie_is_gone() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert Path(f"/proc/{process.pid}").exists(), "it is still listed, as nobody has asked how it ended"
    assert locks.judge(_lock(process.pid)).ended, "yet it will never give its lock back"
    process.wait()


def test_the_lock_of_a_process_that_runs_is_kept() -> None:
    owner = locks.judge(_lock(os.getpid()))
    assert not owner.ended, "it is at work"
    assert owner.at_work, "and known to be, so that even a person cannot break it by age"


def test_a_process_that_came_by_the_number_later_does_not_hold_the_lock() -> None:
    long_ago = datetime.now(UTC) - timedelta(days=400)
    assert locks.judge(_lock(os.getpid(), since=long_ago)).ended, "this process was not there when it was taken"


@pytest.mark.parametrize("since", [timedelta(), timedelta(days=400)])
def test_a_lock_of_another_machine_is_kept_however_old(since: timedelta) -> None:
    owner = locks.judge(_lock(1, host="laptop", since=datetime.now(UTC) - since))
    assert not owner.ended, "age is no proof"


def test_the_dead_process_of_another_user_is_not_taken_for_dead() -> None:
    assert not locks.judge(_lock(_dead_pid(), user="carol")).ended, "it may be hidden from this user"


@pytest.mark.parametrize(("ended", "released"), [(True, True), (False, False), (None, False)])
def test_the_lock_of_a_job_goes_when_gitlab_says_that_it_has_ended(ended: bool | None, released: bool) -> None:
    asked = []

    def job_ended(job: str) -> bool | None:
        asked.append(job)
        return ended

    owner = locks.judge(_lock(7, host="runner-1"), job="42@runner-1", job_ended=job_ended)
    assert owner.ended is released, "GitLab knows"
    assert asked == ["42"], "it was asked about the job of that host"


def test_a_job_on_another_host_than_the_lock_says_nothing_about_it() -> None:
    owner = locks.judge(_lock(7, host="laptop"), job="42@runner-1", job_ended=lambda _: True)
    assert not owner.ended, "a person's lock is not a job's"


def test_another_job_that_still_runs_under_this_host_name_keeps_its_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI_JOB_ID", "43")
    owner = locks.judge(_lock(_dead_pid()), job=f"42@{_HERE}", job_ended=lambda _: False)
    assert not owner.ended, "containers may share a host name, and do not see each other's processes"
    own = locks.judge(_lock(_dead_pid()), job=f"43@{_HERE}", job_ended=lambda _: False)
    assert own.ended, "a job's own earlier step was here"


def _write(folder: Path, pid: int, *, host: str = _HERE, name: str = "a") -> Path:
    place = folder / ".pulumi" / "locks" / "organization" / "branch-environments" / _STACK
    place.mkdir(parents=True, exist_ok=True)
    moment = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    file = place / f"{name}.json"
    lock = {"pid": pid, "username": processes.user_name(), "hostname": host, "timestamp": moment}
    file.write_text(json.dumps(lock))
    return file


def test_dead_locks_of_a_stack_that_was_never_made_are_broken_and_live_ones_kept(tmp_path: Path) -> None:
    dead, live = _write(tmp_path, _dead_pid()), _write(tmp_path, os.getpid(), name="b")
    backend = open_backend(f"file://{tmp_path}?metadata=skip")
    assert backend.stack(_STACK) is None, "its making was interrupted"
    held, broke = locks.break_dead(backend, _STACK, tags=Tags(), job_ended=None)
    assert broke, "one was broken"
    assert not dead.exists(), "that of the process that has ended"
    assert live.exists(), "the other one's owner works on the stack"
    assert [each.lock.pid for each in held] == [os.getpid()], "and is told"


def test_waiting_ends_and_says_who_holds_the_lock(tmp_path: Path) -> None:
    _write(tmp_path, 1, host="laptop")
    backend = open_backend(f"file://{tmp_path}")
    with pytest.raises(BranchenvError, match="@laptop") as caught:
        locks.wait_until_free(backend, _STACK, tags=Tags(), job_ended=None, max_wait=0.05, unlock=_UNLOCK)
    assert caught.value.code == ExitCode.LOCKED, "which a script can tell"
    assert "branchenv unlock feature/x" in caught.value.fix, "and what to do"


def test_waiting_ends_at_once_when_the_job_has_ended(tmp_path: Path) -> None:
    _write(tmp_path, 1, host="runner-1")
    backend = open_backend(f"file://{tmp_path}")
    answers = iter([False, True])
    broke = locks.wait_until_free(
        backend,
        _STACK,
        tags=Tags(job="42@runner-1"),
        job_ended=lambda _: next(answers),
        max_wait=30,
        unlock=_UNLOCK,
    )
    assert broke, "its lock was broken as soon as GitLab said so"
    assert not backend.locks(_STACK), "the stack is free"
