"""Does what a plan says: environments in parallel, the actions on one environment one after the other."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING

from branchenv import locks
from branchenv.clients import pulumi_cli
from branchenv.clients.backend import Backend
from branchenv.inventory.world import World
from branchenv.model.context import pipeline
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import StackRecord, Tags
from branchenv.note import events
from branchenv.note.writer import NoteTarget
from branchenv.sweep.plan import Action, SweepPlan, Verb
from branchenv.sweep.rules import merge_request_of

if TYPE_CHECKING:
    from branchenv.clients.gitlab import GitLab
    from branchenv.clients.kubernetes import Cluster


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What could not be done. The actions that were to follow on the same environment were not tried."""

    action: Action
    why: str
    fix: str = ""


Do = Callable[[Action], None]
"""Does one action; raises what is wrong."""


def apply(plan: SweepPlan, do: Do, *, parallel: int, done: Callable[[Action], None] = lambda _: None) -> list[Failure]:
    """Do what a plan says.

    Args:
        plan: of a sweep that has just looked.
        do: does one action.
        parallel: environments worked on at a time.
        done: called after each action that was done, from any thread.

    Returns:
        What failed, by environment. A failure in one does not stop the others.

    Raises:
        SystemExit: the job was cancelled; what was at work has ended in order, the rest was not begun.
    """

    def one(actions: Sequence[Action]) -> Failure | None:
        for action in actions:
            if received:
                return None
            try:
                do(action)
            except BranchenvError as e:
                return Failure(action=action, why=e.rule, fix=e.fix)
            except Exception as e:  # noqa: BLE001 - whatever it is, the other environments are not to suffer from it
                return Failure(action=action, why=f"{type(e).__name__}: {e}")
            done(action)
        return None

    groups = [list(group) for _, group in groupby(plan.actions, key=lambda action: action.name)]
    with pulumi_cli.passing_on() as received, ThreadPoolExecutor(parallel) as pool:
        return [failure for failure in pool.map(one, groups) if failure]


class Hands:
    """Does actions, on the real things."""

    def __init__(
        self, backend: Backend, world: World, *, cluster: "Cluster | None" = None, gitlab: "GitLab | None" = None
    ) -> None:
        """Take what is needed; connections are made when they are first used.

        Args:
            backend: of the stacks.
            world: what the sources answered, which the plan rests on.
            cluster: None where it was not seen.
            gitlab: None where it was not seen.
        """
        self._backend = backend
        self._world = world
        self._cluster = cluster
        self._gitlab = gitlab

    def __call__(self, action: Action) -> None:
        """Do one action.

        Raises:
            BranchenvError: it failed, or somebody has changed the environment since it was looked at.
        """
        {
            Verb.DESTROY: self._destroy,
            Verb.DELETE: self._delete,
            Verb.STOP: self._stop,
            Verb.FORGET: self._forget,
            Verb.SLEEP: self._sleep,
            Verb.WARN: self._warn,
            Verb.NOTE: self._note,
        }[action.verb](action)

    def _destroy(self, action: Action) -> None:
        record = self._unchanged(action)
        locks.break_dead(
            self._backend,
            record.name,
            tags=record.tags,
            job_ended=locks.asks_gitlab(record.tags.project),
        )
        if job := pipeline():
            # Should this job be killed, this says whose its lock is.
            self._backend.write_tags(record.name, replace(record.tags, job=locks.job_tag(job.job)))
        pulumi_cli.destroy(record.name, quiet=True)
        self._backend.forget(record.name)
        # What a killed `up` made and never recorded, is not in the state that was destroyed.
        if action.environment.cluster and self._cluster:
            self._cluster.delete(action.environment.cluster)
        events.removed(NoteTarget.of_stack(record), action.why, by=events.SWEEP)

    def _delete(self, action: Action) -> None:
        if self._backend.stack(action.name) is not None:
            raise _changed(action)
        if action.environment.cluster and self._cluster:
            self._cluster.delete(action.environment.cluster)
        place = NoteTarget(app=action.app, slug=action.slug, branch=action.branch, project=self._world.project)
        events.removed(place, action.why, by=events.SWEEP)

    def _stop(self, action: Action) -> None:
        if action.environment.gitlab and self._gitlab:
            self._gitlab.stop_environment(action.environment.gitlab.id)

    def _forget(self, action: Action) -> None:
        if action.environment.gitlab and self._gitlab:
            self._gitlab.delete_environment(action.environment.gitlab.id)

    def _sleep(self, action: Action) -> None:
        from branchenv.operations.lifetime.sleep import sleep

        sleep(self._backend, self._unchanged(action), reason="nobody asked for it", by=events.SWEEP)

    def _warn(self, action: Action) -> None:
        record = self._unchanged(action)
        iid, expires = merge_request_of(record.tags, self._world), record.tags.expires
        if iid is None or expires is None or self._gitlab is None:
            return
        if not events.expires_soon(record, iid).note:
            raise BranchenvError("its merge request got no warning", fix="nothing: the next sweep tries again")
        self._write(record, warned=expires)

    def _note(self, action: Action) -> None:
        now = datetime.now(UTC)
        self._write(self._unchanged(action), requests=action.requests, active=now, updated=now)

    def _write(self, record: StackRecord, **changes: object) -> None:
        tags: Tags = replace(record.tags, **changes)  # type: ignore[arg-type]
        self._backend.write_tags(record.name, tags)

    def _unchanged(self, action: Action) -> StackRecord:
        """Return the stack as it is now, which must be as it was looked at."""
        seen, now = action.environment.stack, self._backend.stack(action.name)
        if seen is None or now is None or (seen.last_update, seen.tags.expires) != (now.last_update, now.tags.expires):
            raise _changed(action)
        if [lock for lock in now.locks if lock.key not in self._world.dead_locks]:
            raise _changed(action)
        return now


def _changed(action: Action) -> BranchenvError:
    return BranchenvError(
        f"{action.name} was changed since the sweep looked at it",
        fix="nothing: the next sweep looks again",
        code=ExitCode.LOCKED,
    )
