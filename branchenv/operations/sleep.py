"""Put an environment to sleep and wake it: replicas to zero and back, by Pulumi's own config and a real `pulumi up`.

The next `up` therefore finds what it expects. What the environment is made of comes from its own output `config`, so
that this works on any machine; files that it names come from git (`sources.py`).
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from branchenv import console
from branchenv.clients import pulumi_cli
from branchenv.clients.backend import Backend
from branchenv.model.context import pipeline
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import StackRecord
from branchenv.operations import deployed_from, locks, stack_config

_SLEEP_KEYS = ("asleep", "asleepReason", "asleepLink", "waking")


def sleep(backend: Backend, record: StackRecord, *, reason: str = "", quiet: bool = True) -> None:
    """Put an environment to sleep. One that sleeps already stays as it is.

    Args:
        backend: of its stack.
        record: the stack.
        reason: why, as the end of a sentence; the page shows it.
        quiet: show Pulumi's output only if it fails.

    Raises:
        BranchenvError: it cannot be.
    """
    if record.tags.asleep:
        return
    more: dict[str, object] = {"asleep": True, "asleepReason": reason, "asleepLink": _link(record)}
    with deployed_from.config_of(record) as config, _config_file(record, {**config, **more}) as file:
        _note_job(backend, record)
        pulumi_cli.up(record.name, quiet=quiet, config_file=file)
    backend.write_tags(record.name, replace(backend.tags(record.name), asleep=True, requests=None))


def wake(backend: Backend, record: StackRecord, *, quiet: bool = True) -> None:
    """Wake an environment: the page answers until the pods are ready.

    One that is awake is deployed again as it is, so that a wake that was killed is finished by the next.

    Args:
        backend: of its stack.
        record: the stack.
        quiet: show Pulumi's output only if it fails.

    Raises:
        BranchenvError: it cannot be; the page goes on answering then.
    """
    with deployed_from.config_of(record) as config:
        _note_job(backend, record)
        if _has_chart(config) and record.outputs.get("config", {}).get("asleep"):
            # What comes first in a chart is not ours to say: its pods have an `up` of their own.
            slept = {key: record.outputs["config"][key] for key in _SLEEP_KEYS if key in record.outputs["config"]}
            with _config_file(record, {**config, **slept, "waking": True}) as file:
                pulumi_cli.up(record.name, quiet=quiet, config_file=file)
        with _config_file(record, config) as file:
            pulumi_cli.up(record.name, quiet=quiet, config_file=file)
    now = datetime.now(UTC)
    backend.write_tags(record.name, replace(backend.tags(record.name), asleep=False, updated=now, active=now))


def stack_of(backend: Backend, name: str) -> StackRecord:
    """Give the stack of an environment that is up.

    Raises:
        BranchenvError: there is none.
    """
    record = backend.stack(name)
    if record is None or not record.resources:
        raise BranchenvError(
            f"there is no environment {name}",
            fix="`branchenv list` shows those that there are; push the branch, or `branchenv up`, to have one",
            code=ExitCode.BAD_INPUT,
            field="branch",
            value=name,
        )
    return record


def _link(record: StackRecord) -> str:
    """Where people go on from: the pipeline, whose page leads to the merge request."""
    return record.tags.pipeline


def _has_chart(config: Mapping[str, object]) -> bool:
    if "chart" in config:
        return True
    if "environment" not in config:
        return False
    import yaml

    whole = yaml.safe_load(Path(str(config["environment"])).read_text(encoding="utf-8"))
    return isinstance(whole, dict) and "chart" in whole


def _note_job(backend: Backend, record: StackRecord) -> None:
    """Let the lock be told by this job, should it be killed."""
    if job := pipeline():
        backend.write_tags(record.name, replace(backend.tags(record.name), job=locks.job_tag(job.job)))


@contextmanager
def _config_file(record: StackRecord, config: Mapping[str, object]) -> Iterator[Path]:
    """Write the stack's config: to its own file, if a later `pulumi up` is to read one, else to one for now."""
    values = {key: value for key, value in config.items() if value not in ("", None)}
    own = pulumi_cli.config_file(record.name)
    without = (*stack_config.WHAT_RUNS, *_SLEEP_KEYS)
    with tempfile.TemporaryDirectory(prefix="branchenv-") as folder:
        file = own if own.exists() else Path(folder) / own.name
        stack_config.write(file, values, without=without, secrets=record.secrets)
        try:
            yield file
        except BranchenvError:
            console.warn(f"{record.name} is in between; the same command again goes on from there")
            raise
