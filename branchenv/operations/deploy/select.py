"""Make a branch's stack ready for `pulumi up`: made, configured, tagged, free of dead locks, healed."""

import string
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from branchenv import console, git, locks
from branchenv.clients import history, processes, pulumi_cli
from branchenv.clients.backend import Backend, open_backend
from branchenv.clients.pulumi_cli import PulumiError
from branchenv.model.context import Pipeline, Target, pipeline
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import StackRecord, Tags
from branchenv.note import events
from branchenv.operations import lookup
from branchenv.operations.config import digests, remembered, stack_config
from branchenv.operations.config.digests import Asking, MovingTags
from branchenv.operations.deploy import order
from branchenv.operations.lifetime.limits import make_room
from branchenv.operations.ownership import check_cluster, check_owner, check_state
from branchenv.operations.repair import repair
from branchenv.operations.repair.drift import Drift
from core.contract import App, Base

_DIGITS = string.digits + string.ascii_lowercase


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """What is deployed; empty where nothing tells."""

    commit: str
    root: str
    """Top folder of its checkout."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the environment is to be."""

    image: str = ""
    images: Mapping[str, str] = field(default_factory=dict)
    environment: Path | None = None
    """Environment file."""
    chart: Path | None = None
    """Folder of the app's Helm chart."""
    ready_timeout_seconds: int | None = None
    expires_in: timedelta | None = None
    """How long from now the environment stays. None: as the base stack says for this app."""
    secrets_provider: str = ""
    """For a new stack."""
    folder: Mapping[str, Path] = field(default_factory=dict)
    """What the current folder says where neither file nor chart is given: `environment` or `chart`."""
    whole: bool = False
    """Whether nothing is added to it later: something must say what runs."""
    moving_tags: MovingTags = MovingTags.REGISTRY
    again: Checkout | None = None
    """What was deployed before, and is deployed again. None: it is a deploy of what is checked out."""
    rollback: bool = False
    """Beside `again`: whether that is another version than the present one."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """Beside `again`: which image each tag named then."""
    fresh_data: bool = False
    """Whether the branch's data begin anew."""

    def config(self) -> dict[str, object]:
        """Return the stack's config, without what every stack has."""
        given: dict[str, object] = {
            "image": self.image,
            "images": dict(self.images),
            "environment": str(self.environment.resolve()) if self.environment else "",
            "chart": str(self.chart.resolve()) if self.chart else "",
            stack_config.READY_TIMEOUT: self.ready_timeout_seconds,
        }
        return {key: value for key, value in given.items() if value}


def wanted_again(config: Mapping[str, Any], source: Checkout) -> Wanted:
    """Return options that deploy what was deployed before.

    Args:
        config: of the stack then, with files where they are now.
        source: what that was.
    """
    return Wanted(
        image=str(config.get("image", "")),
        images=config.get("images") or {},
        environment=Path(config["environment"]) if "environment" in config else None,
        chart=Path(config["chart"]) if "chart" in config else None,
        ready_timeout_seconds=int(config.get(stack_config.READY_TIMEOUT) or 0) or None,
        # What the tags named then.
        digests=config.get(stack_config.DIGESTS) or {},
        whole=True,
        again=source,
    )


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
        there = pool.submit(_branch_is_there, target, job)
        base, app, target = lookup.resolve(backend, target)
        record = backend.stack(target.stack)
        if record:
            check_cluster(record, base.cluster)
        # So does this, and a push that finds nothing pays nearly nothing for it.
        drift = (record, looking.submit(repair.drift_of, record, target.base))
        _check(target, record, app, there, backend)
        _check_order(target, wanted, record, job)
    last = _Last(target.stack)
    if wanted.whole:
        remembered.check(_chosen(wanted, record, job, last), target)
    expires = _expiry(wanted.expires_in, app, record)
    new = record is None or not record.resources
    if new or (record and record.tags.asleep):
        make_room(backend, base, target)

    if tells:
        tags = record.tags if record else backend.tags(target.stack)
        url = record.url if record and record.resources else ""
        events.begins(target, tags, url, back=wanted.again.commit if wanted.again and wanted.rollback else None)
    end = time.monotonic() + max_wait
    interrupted = False
    while True:
        broke = locks.wait_until_free(
            backend,
            target.stack,
            tags=record.tags if record else backend.tags(target.stack),
            job_ended=locks.asks_gitlab(target.project),
            max_wait=max(0.0, end - time.monotonic()),
            unlock=target.command("unlock"),
        )
        interrupted = interrupted or broke
        # Whoever was waited for may have removed the stack, or deployed it.
        record = backend.stack(target.stack)
        new = record is None or not record.resources
        _check_order(target, wanted, record, job)
        noted = _tags(target, wanted, job, record, expires, deploys=tells)
        try:
            if record is None:
                # Before the stack: a `pulumi` that is killed while it makes it leaves a lock, and this tells whose.
                backend.write_tags(target.stack, noted)
            if record is None or job is None:
                # A job names the stack that it goes on with, so one that is there need not be selected: a fifth of a
                # second.
                pulumi_cli.select(target.stack, secrets_provider=wanted.secrets_provider)
            config = _configured(target, wanted, record, job, last, asking, base, noted)
            backend.write_tags(target.stack, noted)
            repair.repair_stack(target, record, base, interrupted=interrupted, drifted=_drifted(record, target, drift))
        except PulumiError as e:
            # Somebody else began at the same moment.
            if not e.is_busy or time.monotonic() >= end:
                raise
            locks.give_way()
            continue
        return Selected(target=target, app=app, backend=backend, tags=noted, new=new, config=config)


def _asking(wanted: Wanted, job: Pipeline | None) -> Asking | None:
    if wanted.again or wanted.moving_tags == MovingTags.OFF:
        return None
    commit = _source(wanted, job).commit if wanted.moving_tags == MovingTags.COMMIT else ""
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
            raise BranchenvError(
                f"{rule}, and there is none",
                fix=f"correct the path, which is seen from {Path.cwd()}",
                code=ExitCode.BAD_INPUT,
                field=what,
                value=path,
            )


def _branch_is_there(target: Target, job: Pipeline | None) -> bool:
    """Whether the branch still exists; outside of GitLab nobody is asked."""
    if job is None or not job.remote or job.from_fork or job.branch != target.branch:
        return True
    from branchenv.clients.git import branches

    try:
        return target.branch in branches(job.remote)
    except BranchenvError as e:
        console.warn(f"nothing tells whether the branch still exists: {e.rule}")
        return True


def _check(target: Target, record: StackRecord | None, app: App, there: "Future[bool]", backend: Backend) -> None:
    if target.branch == app.default_branch:
        raise BranchenvError(
            f"{target.branch} is the default branch of {target.app}: Argo CD syncs it, it is no branch environment",
            fix="deploy another branch",
            code=ExitCode.BAD_INPUT,
            field="branch",
            value=target.branch,
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


def _expiry(asked: timedelta | None, app: App, record: StackRecord | None) -> datetime | None:
    """When the environment ends. What somebody has extended is not cut short by a push."""
    now = datetime.now(UTC)
    if asked is None:
        if app.lifecycle.lifetime is None:
            return None
        end = now + app.lifecycle.lifetime
        before = record.tags.expires if record and record.resources else None
        return max(end, before) if before else end
    longest = app.lifecycle.max_lifetime
    if asked <= timedelta():
        rule, fix = "an environment cannot end in the past", "give a duration from now, e.g. 3d"
    elif longest is not None and asked > longest:
        rule, fix = f"the base stack allows this app at most {_written(longest)}", "give a shorter one"
    else:
        return now + asked
    raise BranchenvError(rule, fix=fix, code=ExitCode.BAD_INPUT, field="--expires-in", value=_written(asked))


def _tags(
    target: Target,
    wanted: Wanted,
    job: Pipeline | None,
    record: StackRecord | None,
    expires: datetime | None,
    *,
    deploys: bool = True,
) -> Tags:
    """Return what is noted of a deploy, or of a look at what it would change."""
    now = datetime.now(UTC)
    # An environment that was stopped and comes back is a new one.
    before = record.tags if record and record.resources else Tags()
    source = _source(wanted, job)
    return replace(
        before,
        branch=target.branch,
        app=target.app,
        project=target.project or before.project,
        merge_request=(job.merge_request if job else None) or before.merge_request,
        commit=source.commit,
        root=source.root,
        rolled_back=before.commit if wanted.rollback else before.rolled_back if wanted.again else "",
        pipeline_id=order.newest(record, job) if deploys and not wanted.again else before.pipeline_id,
        data=_new_data(now) if wanted.fresh_data or record is None or not record.resources else before.data,
        pipeline=job.url if job else "",
        job=locks.job_tag(job.job) if job else "",
        owner=(job.user if job else "") or processes.user_name(),
        created=before.created or now,
        updated=now,
        expires=expires,
        asleep=False,
        warned=None,
    )


def _new_data(now: datetime) -> str:
    """Return a name that no data of the branch had before, short enough for the names of databases: the second."""
    number, name = int(now.timestamp()), ""
    while number:
        number, digit = divmod(number, len(_DIGITS))
        name = _DIGITS[digit] + name
    return name


def _configured(
    target: Target,
    wanted: Wanted,
    record: StackRecord | None,
    job: Pipeline | None,
    last: "_Last",
    asking: Asking | None,
    base: Base,
    tags: Tags,
) -> dict[str, Any]:
    chosen = _chosen(wanted, record, job, last)
    before = record.outputs.get("config") if record else None
    local = base.platform == "local"
    pinned = asking.answers(chosen.values, before or {}, local=local) if asking else dict(wanted.digests)
    source: dict[str, object] = {key: value for key, value in asdict(_source(wanted, job)).items() if value}
    if wanted.rollback or tags.rolled_back:
        source["rollback"] = True
    noted = {stack_config.SOURCE: source, stack_config.DIGESTS: pinned, stack_config.DATA: tags.data}
    return stack_config.composed(
        pulumi_cli.config_file(target.stack),
        {
            "base": target.base,
            "branch": target.branch,
            **{key: value for key, value in noted.items() if value},
            **chosen.values,
        },
        # A deploy wakes what sleeps.
        without=(*chosen.without, *stack_config.SLEEP, *noted),
        secrets=record.secrets if record else {},
    )


class _Last:
    """What a stack was last deployed with: asked once, and again only if somebody has deployed it meanwhile."""

    def __init__(self, stack: str) -> None:
        self._stack = stack
        self._known: dict[datetime | None, Mapping[str, Any] | None] = {}

    def at(self, update: datetime | None) -> Mapping[str, Any] | None:
        """Return the config, as of the stack's last update."""
        if update not in self._known:
            self._known[update] = history.last_deployed(self._stack)
        return self._known[update]


def _chosen(wanted: Wanted, record: StackRecord | None, job: Pipeline | None, last: _Last) -> remembered.Config:
    folder = {key: str(path.resolve()) for key, path in wanted.folder.items()}
    return remembered.config(
        wanted.config(),
        folder,
        new=record is None,
        in_job=job is not None,
        deployed=lambda: last.at(record.last_update if record else None),
    )


def _source(wanted: Wanted, job: Pipeline | None) -> Checkout:
    if wanted.again:
        return wanted.again
    commit = job.commit if job else git.output(None, "rev-parse", "HEAD")
    return Checkout(commit=commit, root=git.output(None, "rev-parse", "--show-toplevel"))


def _written(duration: timedelta) -> str:
    import humanize

    return humanize.precisedelta(duration, minimum_unit="minutes") if duration > timedelta() else "0"
