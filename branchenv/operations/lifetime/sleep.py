"""Put an environment to sleep and wake it: replicas to zero and back, by Pulumi's own config and a real `pulumi up`.

The next `up` therefore finds what it expects. What the environment is made of comes from its own output `config`, so
that this works on any machine; files that it names come from git (`deployed_from.py`).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from branchenv import console, locks
from branchenv.clients import pulumi_cli
from branchenv.clients.backend import Backend
from branchenv.clients.pulumi_cli import PulumiError
from branchenv.model.context import pipeline
from branchenv.model.errors import BranchenvError
from branchenv.model.records import StackRecord
from branchenv.note import events
from branchenv.operations.config import deployed_from, stack_config
from branchenv.operations.repair import repair


def sleep(backend: Backend, record: StackRecord, *, reason: str = "", by: str = "", quiet: bool = True) -> None:
    """Put an environment to sleep, or leave it awake as it was. One that sleeps already stays as it is.

    One whose falling asleep was killed counts as asleep, and falls asleep when this is run again.

    Args:
        backend: of its stack.
        record: the stack.
        reason: why, as the end of a sentence; the page shows it.
        by: who does it, for the note on the merge request; empty for the job or person at work.
        quiet: show Pulumi's output only if it fails.

    Raises:
        BranchenvError: it cannot be; the app answers then.
    """
    slept = _slept(record)
    if record.tags.asleep and slept and not slept.get("waking"):
        return
    more: dict[str, object] = {"asleep": True, "asleepReason": reason, "asleepLink": _link(record)}
    repair.bring_back(record, repair.drift_of(record))
    with deployed_from.config_of(record) as config:
        _note_job(backend, record)
        # Before it is so: the page answers first.
        backend.write_tags(record.name, replace(backend.tags(record.name), asleep=True, requests=None))
        try:
            if _routed_by_chart(record, config):
                # As when it wakes: the page is at the URL before the pods go, which a chart's own order does not say.
                _deploy(record, {**config, **more, "waking": True}, quiet=quiet)
            _deploy(record, {**config, **more}, quiet=quiet)
        except PulumiError as e:
            if not e.is_locked:
                _take_back(record, config, "awake")
            asleep = record.tags.asleep and e.is_locked
            backend.write_tags(record.name, replace(backend.tags(record.name), asleep=asleep))
            raise
    events.sleeps(record, reason, by=by)


def wake(
    backend: Backend,
    record: StackRecord,
    *,
    quiet: bool = True,
    explain: Callable[[PulumiError], BranchenvError] | None = None,
) -> None:
    """Wake an environment, or leave it asleep as it was: the page answers until the pods are ready.

    One that is awake is deployed again as it is, so that a wake that was killed is finished by the next.

    Args:
        backend: of its stack.
        record: the stack.
        quiet: show Pulumi's output only if it fails.
        explain: says why it failed, while the pods that tell it are there; None for Pulumi's own words.

    Raises:
        BranchenvError: it cannot be; the page then stays.
    """
    repair.bring_back(record, repair.drift_of(record))
    slept = _slept(record)
    with deployed_from.config_of(record) as config:
        _note_job(backend, record)
        try:
            if slept and _routed_by_chart(record, config):
                # What comes first in a chart is not ours to say: its pods have an `up` of their own.
                _deploy(record, {**config, **slept, "waking": True}, quiet=quiet)
            _deploy(record, config, quiet=quiet)
        except PulumiError as e:
            error = explain(e) if explain else e
            if slept and not e.is_locked:
                _take_back(record, {**config, **slept}, "asleep")
            raise error from e
    now = datetime.now(UTC)
    backend.write_tags(record.name, replace(backend.tags(record.name), asleep=False, updated=now, active=now))
    events.wakes(record)


def _link(record: StackRecord) -> str:
    """Link for people: the pipeline, whose page leads to the merge request."""
    return record.tags.pipeline


def _routed_by_chart(record: StackRecord, config: Mapping[str, object]) -> bool:
    """Whether the environment's chart makes its route; of an older program's, which does not say, it may."""
    said = record.outputs.get("routedByChart")
    return _has_chart(config) if said is None else bool(said)


def _has_chart(config: Mapping[str, object]) -> bool:
    if "chart" in config:
        return True
    if "environment" not in config:
        return False
    import yaml

    whole = yaml.safe_load(Path(str(config["environment"])).read_text(encoding="utf-8"))
    return isinstance(whole, dict) and "chart" in whole


def _note_job(backend: Backend, record: StackRecord) -> None:
    """Note this job in the stack's tags, so that its lock can be broken if the job is killed."""
    if job := pipeline():
        backend.write_tags(record.name, replace(backend.tags(record.name), job=locks.job_tag(job.job)))


def _slept(record: StackRecord) -> dict[str, object]:
    """Return the config by which it sleeps; nothing if its last finished `pulumi up` left it awake."""
    config = record.outputs.get("config") or {}
    return {key: config[key] for key in stack_config.SLEEP if key in config} if config.get("asleep") else {}


def _deploy(record: StackRecord, config: Mapping[str, object], *, quiet: bool) -> None:
    """Run `pulumi up` with a config; where a later one is to read a file in the program's folder, it finds the same."""
    values = {key: value for key, value in config.items() if value not in ("", None)}
    own = pulumi_cli.config_file(record.name)
    without = (*stack_config.WHAT_RUNS, *stack_config.SLEEP)
    whole = stack_config.composed(own, values, without=without, secrets=record.secrets)
    with stack_config.of_one_run(whole) as file:
        pulumi_cli.up(record.name, quiet=quiet, config_file=file)
    if own.exists():
        stack_config.save(own, whole)


def _take_back(record: StackRecord, config: Mapping[str, object], state: str) -> None:
    """Deploy what was there before: half of a change is neither asleep nor awake."""
    console.say(f"{record.name} is left {state}, as it was")
    try:
        _deploy(record, config, quiet=True)
    except BranchenvError as e:
        console.warn(f"{record.name} is in between ({e.rule}); run the same command again: it resumes from there")
