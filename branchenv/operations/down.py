"""`branchenv down`: everything of an environment goes, whatever state it was left in."""

import os
import time
from dataclasses import replace

from branchenv import console
from branchenv.clients import pulumi_cli
from branchenv.clients.backend import Backend, open_backend
from branchenv.clients.pulumi_cli import PulumiError
from branchenv.model.base import read_base
from branchenv.model.context import Target, pipeline
from branchenv.model.errors import BranchenvError
from branchenv.model.records import StackRecord
from branchenv.operations import leftovers, locks
from branchenv.operations.ownership import check_owner, check_state


def down(target: Target, *, patience: float, yes: bool, quiet: bool) -> None:
    """Remove an environment; one that is not there is no error.

    Args:
        target: the branch.
        patience: seconds to wait for somebody else who works on the stack.
        yes: do not ask.
        quiet: show Pulumi's output only if it fails.

    Raises:
        BranchenvError: it could not be removed, it is somebody else's, or a person said no.
    """
    backend = open_backend()
    target = _resolved(backend, target)
    record = backend.stack(target.stack)
    if record:
        check_owner(target, record)
        check_state(record, backend)
        _show(record)
        console.confirm(f"Remove {record.name}", yes=yes or not console.interactive())
    remove(backend, target, patience=patience, quiet=quiet)
    if record and pipeline() is None:
        _tell_gitlab(record)


def remove(backend: Backend, target: Target, *, patience: float, quiet: bool) -> None:
    """Remove an environment without asking.

    Args:
        backend: of its stack.
        target: the branch.
        patience: seconds to wait for somebody else who works on the stack.
        quiet: show Pulumi's output only if it fails.

    Raises:
        BranchenvError: it could not be removed.
    """
    name = target.stack
    end = time.monotonic() + patience
    removed = False
    while True:
        tags = backend.tags(name)
        locks.wait_until_free(
            backend,
            name,
            tags=tags,
            job_ended=locks.asks_gitlab(target.project),
            patience=max(0.0, end - time.monotonic()),
            branch=target.branch,
        )
        if backend.stack(name) is None:
            break
        if job := pipeline():
            # Should this job be killed, its lock can be told by this.
            backend.write_tags(name, replace(tags, job=locks.job_tag(job.job)))
        try:
            pulumi_cli.destroy(name, quiet=quiet)
        except PulumiError as e:
            # Somebody was faster: with a lock, or with the removal.
            if not e.is_missing and not (e.is_locked and time.monotonic() < end):
                raise
            continue
        removed = True
        break
    backend.forget(name)
    leftovers.remove(backend, target)
    console.say(f"{name} is removed" if removed else f"there is no stack {name}: nothing to do")


def _resolved(backend: Backend, target: Target) -> Target:
    """Let the base stack say which slugs are reserved; a stop works without one as well."""
    try:
        record = backend.stack(target.base)
        return (
            target.reserving(read_base(record.outputs, target.base).app(target.app).reserved_slugs)
            if record
            else target
        )
    except BranchenvError:
        return target


def _show(record: StackRecord) -> None:
    about = [f"branch {record.branch}", f"{record.resources} resources"]
    if record.url:
        about.append(record.url)
    if record.tags.owner:
        about.append(f"last deployed by {record.tags.owner}")
    console.say(f"{record.name}: {', '.join(about)}")


def _tell_gitlab(record: StackRecord) -> None:
    """Let GitLab show that the environment has stopped; where it cannot be told, a sweep will do it."""
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
        console.warn(f"GitLab was not told that the environment has stopped: {e.rule}")
