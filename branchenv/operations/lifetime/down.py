"""`branchenv down`: everything of an environment goes, whatever state it was left in."""

import os
import time
from dataclasses import replace

from branchenv import console, locks
from branchenv.clients import pulumi_cli
from branchenv.clients.backend import Backend, open_backend
from branchenv.clients.base_contract import base_of
from branchenv.clients.pulumi_cli import PulumiError
from branchenv.model.base import app_of
from branchenv.model.context import Target, pipeline
from branchenv.model.errors import BranchenvError
from branchenv.model.records import StackRecord, Tags
from branchenv.note import events
from branchenv.note.writer import NoteTarget
from branchenv.operations.config import remembered
from branchenv.operations.lifetime import leftovers
from branchenv.operations.ownership import check_cluster, check_owner, check_state
from core.suggestions import did_you_mean


def down(target: Target, *, max_wait: float, yes: bool, quiet: bool) -> bool:
    """Remove an environment; one that is not there is no error.

    Args:
        target: the branch.
        max_wait: seconds to wait for somebody else who works on the stack.
        yes: do not ask.
        quiet: show Pulumi's output only if it fails.

    Returns:
        Whether there was one.

    Raises:
        BranchenvError: it could not be removed, it is somebody else's, or a person said no; or there is none, and no
            such app or base stack either.
    """
    backend = open_backend()
    target, cluster = _resolved(target)
    record = backend.stack(target.stack)
    if record:
        check_owner(target, record)
        check_cluster(record, cluster)
        check_state(record, backend)
        _show(record)
        console.confirm(f"Remove {record.name}", yes=yes or not console.interactive())
    elif pipeline() is None:
        _check_names(backend, target)
    tags = record.tags if record else Tags()
    removed = remove(backend, target, max_wait=max_wait, quiet=quiet)
    if record and pipeline() is None:
        _tell_gitlab(record)
    if record or pipeline():
        events.removed(NoteTarget.of(target, tags), again=record is not None)
    return removed


def remove(backend: Backend, target: Target, *, max_wait: float, quiet: bool) -> bool:
    """Remove an environment without asking.

    Args:
        backend: of its stack.
        target: the branch.
        max_wait: seconds to wait for somebody else who works on the stack.
        quiet: show Pulumi's output only if it fails.

    Returns:
        Whether there was something to remove.

    Raises:
        BranchenvError: it could not be removed.
    """
    name = target.stack
    end = time.monotonic() + max_wait
    removed = False
    while True:
        tags = backend.tags(name)
        locks.wait_until_free(
            backend,
            name,
            tags=tags,
            job_ended=locks.asks_gitlab(target.project),
            max_wait=max(0.0, end - time.monotonic()),
            unlock=target.command("unlock"),
        )
        if backend.stack(name) is None:
            break
        if job := pipeline():
            # Should this job be killed, this says whose its lock is.
            backend.write_tags(name, replace(tags, job=locks.job_tag(job.job)))
        try:
            pulumi_cli.destroy(name, quiet=quiet)
        except PulumiError as e:
            # Somebody was faster: with a lock, or with the removal.
            if not e.is_missing and not (e.is_locked and time.monotonic() < end):
                raise e.about(target) from e
            continue
        removed = True
        break
    backend.forget(name)
    remembered.forget(name)
    leftovers.remove(backend, target)
    console.say(f"{name} is removed" if removed else f"there is no stack {name}: nothing to do")
    return removed


def _resolved(target: Target) -> tuple[Target, str]:
    """Ask the base stack for the reserved slugs and the cluster; a stop works without one as well.

    Returns:
        The target, and the cluster's identity, empty if nothing tells.
    """
    try:
        base = base_of(target.base)
        return target.reserving(app_of(base, target.app).reserved_slugs), base.cluster
    except BranchenvError:
        from branchenv.clients.kubernetes import identity

        return target, identity()


def _check_names(backend: Backend, target: Target) -> None:
    """Distinguish a mistyped name from an environment that was removed before.

    Raises:
        BranchenvError: there is no such base stack or app.
    """
    # Imported here: only a stop that finds nothing needs it.
    from branchenv.operations import lookup

    _, _, target = lookup.resolve(backend, target)
    if meant := did_you_mean(target.branch, lookup.branches(backend, target.app)):
        console.warn(f"branch {target.branch} has no environment: {meant}")


def _show(record: StackRecord) -> None:
    about = [f"branch {record.branch}", f"{record.resources} resources"]
    if record.url:
        about.append(record.url)
    if record.tags.owner:
        about.append(f"last deployed by {record.tags.owner}")
    console.say(f"{record.name}: {', '.join(about)}")


def _tell_gitlab(record: StackRecord) -> None:
    """Mark the environment as stopped in GitLab; if that fails, a sweep does it later."""
    from branchenv.clients.gitlab import GitLab

    if not (os.environ.get("BRANCHENV_GITLAB_TOKEN") or os.environ.get("GITLAB_TOKEN")):
        return
    try:
        gitlab = GitLab.from_environment(os.environ, record.tags.project or None)
        if gitlab is None:
            return
        for environment in gitlab.environments("available"):
            if environment.url == record.url:
                gitlab.stop_environment(environment.id)
    except BranchenvError as e:
        console.warn(f"GitLab could not be informed that the environment has stopped: {e.rule}")
