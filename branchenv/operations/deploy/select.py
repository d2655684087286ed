"""Make a branch's stack ready for `pulumi up`: made, configured, tagged, free of dead locks, repaired."""

import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from branchenv import locks
from branchenv.clients import pulumi_cli
from branchenv.clients.backend import Backend, open_backend
from branchenv.clients.pulumi_cli import PulumiError
from branchenv.model.context import Pipeline, Target, pipeline
from branchenv.model.errors import BranchenvError, ExitCode, bad_input
from branchenv.model.records import StackRecord, Tags
from branchenv.note import events
from branchenv.operations import lookup
from branchenv.operations.config import digests, remembered, stack_config
from branchenv.operations.config.digests import Asking, MovingTags
from branchenv.operations.deploy import order
from branchenv.operations.deploy.branch import branch_exists
from branchenv.operations.deploy.configured import Deploy, LastDeployed, configured
from branchenv.operations.deploy.tags import expiry, tags_of
from branchenv.operations.deploy.wanted import Wanted, checkout_of
from branchenv.operations.lifetime.limits import make_room
from branchenv.operations.ownership import check_cluster, check_owner, check_state
from branchenv.operations.repair import repair
from branchenv.operations.repair.drift import Drift
from core.contract import App


@dataclass(frozen=True, kw_only=True)
class Selected:
    """A stack that is ready."""

    target: Target
    app: App
    """As the base stack promises it."""
    backend: Backend
    tags: Tags
    new: bool
    """Whether the environment was not there before."""
    config: Mapping[str, Any]
    """Config file for `pulumi up`, as its content: what other runs write has no part in it."""


def select(target: Target, wanted: Wanted, *, max_wait: float, tells: bool = True) -> Selected:
    """Make a branch's stack ready for `pulumi up`.

    Args:
        target: the branch.
        wanted: what the environment is to be.
        max_wait: seconds to wait for somebody else who works on the stack.
        tells: whether the note says that a deploy begins: only if a later command writes how that ended.

    Raises:
        BranchenvError: it cannot be; nothing was made or changed then, unless it is `pulumi` that failed.
    """
    _check_files(wanted)
    job = pipeline()
    backend = open_backend()
    asking = _asking(wanted, job)
    with ThreadPoolExecutor(1) as pool, ThreadPoolExecutor(1) as looking:
        # Both take a while, and nothing may be made before both have answered.
        there = pool.submit(branch_exists, target, job)
        base, app, target = lookup.resolve(backend, target)
        record = backend.stack(target.stack)
        if record:
            check_cluster(record, base.cluster)
        # So does this, and a push that finds nothing pays nearly nothing for it.
        drift = (record, looking.submit(repair.drift_of, record, target.base))
        _check(target, record, app, there, backend)
        _check_order(target, wanted, record, job)
    deploy = Deploy(target=target, wanted=wanted, base=base, last=LastDeployed(target.stack), job=job, asking=asking)
    if wanted.whole:
        remembered.check(deploy.chosen(record), target)
    expires = expiry(wanted.expires_in, app, record)
    new = record is None or not record.resources
    if new or (record and record.tags.asleep):
        make_room(backend, base, target)

    if tells:
        _tell_beginning(target, wanted, record, backend)
    end = time.monotonic() + max_wait
    interrupted = False
    while True:
        broke = _wait_until_free(backend, target, record, max(0.0, end - time.monotonic()))
        interrupted = interrupted or broke
        # Whoever was waited for may have removed the stack, or deployed it.
        record = backend.stack(target.stack)
        new = record is None or not record.resources
        _check_order(target, wanted, record, job)
        tags = tags_of(target, wanted, job, record, expires, deploys=tells)
        try:
            config = _prepared(backend, deploy, record, tags)
            repair.repair_stack(target, record, base, interrupted=interrupted, drifted=_drifted(record, target, drift))
        except PulumiError as e:
            # Somebody else began at the same moment.
            if not e.is_busy or time.monotonic() >= end:
                raise
            locks.give_way()
            continue
        return Selected(target=target, app=app, backend=backend, tags=tags, new=new, config=config)


def _tell_beginning(target: Target, wanted: Wanted, record: StackRecord | None, backend: Backend) -> None:
    tags = record.tags if record else backend.tags(target.stack)
    url = record.url if record and record.resources else ""
    events.begins(target, tags, url, back=wanted.again.commit if wanted.again and wanted.rollback else None)


def _wait_until_free(backend: Backend, target: Target, record: StackRecord | None, max_wait: float) -> bool:
    """Wait for whoever works on the stack, and say whether they left it broken."""
    return locks.wait_until_free(
        backend,
        target.stack,
        tags=record.tags if record else backend.tags(target.stack),
        job_ended=locks.asks_gitlab(target.project),
        max_wait=max_wait,
        unlock=target.command("unlock"),
    )


def _prepared(backend: Backend, deploy: Deploy, record: StackRecord | None, tags: Tags) -> dict[str, Any]:
    """Make the stack if there is none, write its tags, and return its config."""
    stack = deploy.target.stack
    if record is None:
        # Before the stack: a `pulumi` that is killed while it makes it leaves a lock, and this tells whose.
        backend.write_tags(stack, tags)
    if record is None or deploy.job is None:
        # A job names the stack that it goes on with, so one that is there need not be selected: a fifth of a second.
        pulumi_cli.select(stack, secrets_provider=deploy.wanted.secrets_provider)
    config = configured(deploy, record, tags)
    backend.write_tags(stack, tags)
    return config


def _asking(wanted: Wanted, job: Pipeline | None) -> Asking | None:
    if wanted.again or wanted.moving_tags == MovingTags.OFF:
        return None
    commit = checkout_of(wanted, job).commit if wanted.moving_tags == MovingTags.COMMIT else ""
    return Asking(digests.named(wanted.config()), commit=commit)


def _drifted(
    record: StackRecord | None, target: Target, looked: "tuple[StackRecord | None, Future[list[Drift]]]"
) -> list[Drift]:
    """Return what was found, unless the stack was deployed since."""
    before, found = looked
    if record and before and record.last_update == before.last_update:
        return found.result()
    return repair.drift_of(record, target.base)


def remember(target: Target, config: Mapping[str, Any]) -> None:
    """Keep a stack's config where a later `pulumi up`, and the next `branchenv up`, find it.

    Args:
        target: the branch.
        config: content of a config file.
    """
    stack_config.save(pulumi_cli.config_file(target.stack), config)


def _check_files(wanted: Wanted) -> None:
    for what, path, there, rule in (
        ("environment", wanted.environment, Path.is_file, "an environment file is a file"),
        ("chart", wanted.chart, lambda path: (path / "Chart.yaml").is_file(), "a chart is a folder with Chart.yaml"),
    ):
        if path and not there(path):
            raise bad_input(
                what, path, f"{rule}, and there is none", f"correct the path, which is seen from {Path.cwd()}"
            )


def _check(target: Target, record: StackRecord | None, app: App, there: "Future[bool]", backend: Backend) -> None:
    if target.branch == app.default_branch:
        raise bad_input(
            "branch",
            target.branch,
            f"{target.branch} is the default branch of {target.app}: Argo CD syncs it, it is no branch environment",
            "deploy another branch",
        )
    if record:
        check_owner(target, record)
        check_state(record, backend)
    if not there.result():
        raise BranchenvError(
            "the branch was deleted since this pipeline began: deploying it would leave an environment nobody removes",
            fix="nothing is to be done; push the branch again to have its environment back",
            code=ExitCode.BRANCH_DELETED,
            field="branch",
            value=target.branch,
        )


def _check_order(target: Target, wanted: Wanted, record: StackRecord | None, job: Pipeline | None) -> None:
    # What was deployed before is older on purpose.
    if wanted.again is None:
        order.check(target, record, job)
