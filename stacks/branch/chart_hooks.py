"""Which of a chart's hooks run with a push, when, and in what order: Helm's own rules, for an environment.

https://helm.sh/docs/topics/charts_hooks/
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from components.branch.hooks import Hook
from stacks.branch.chart_rendering import HOOK, metadata_of

_WEIGHT = "helm.sh/hook-weight"
_INSTALL, _UPGRADE = "install", "upgrade"
_EVENTS = {f"{when}-{event}" for when in ("pre", "post") for event in (_INSTALL, _UPGRADE)}
# Helm makes hooks of one weight in the order in which it makes all objects: what others refer to comes first.
_LATE = ("Pod", "Deployment", "StatefulSet", "Job", "CronJob")


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What of a chart's hooks has run: an output of the stack, as its last `pulumi up` that ended well left it."""

    inputs: str = ""
    """What was deployed then; empty if nothing was."""
    hooks: Collection[str] = field(default_factory=frozenset)
    """Their keys."""

    @classmethod
    def read(cls, output: object) -> "Ran":
        """Read it; an environment that was made of a file has deployed no chart yet.

        Args:
            output: of the stack; None if there is none.
        """
        if not isinstance(output, Mapping):
            return cls()
        return cls(inputs=str(output.get("inputs", "")), hooks=frozenset(map(str, output.get("hooks", ()))))


def inputs_of(folder: Path, values: Mapping[str, Any], digests: Mapping[str, str]) -> str:
    """Return a digest of what a chart is deployed from. What it makes is no measure: charts write dates and passwords.

    Args:
        folder: that holds Chart.yaml.
        values: all that are set.
        digests: what tells apart two images of one tag, by image.
    """
    digest = hashlib.sha256(json.dumps([values, dict(digests)], sort_keys=True, default=str).encode())
    for file in sorted(each for each in folder.rglob("*") if each.is_file()):
        digest.update(f"\0{file.relative_to(folder)}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def running(hooks: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the hooks of which an environment knows the moment, in the order in which they run.

    Left out are those of a release's end and of its rollback: a branch is deleted from its state alone, without its
    chart, and goes back by a push. What is rendered has no tests.

    Args:
        hooks: that are rendered.
    """
    return sorted((each for each in hooks if _EVENTS & _events(each)), key=_order)


def plan_hooks(hooks: Iterable[Mapping[str, Any]], inputs: str, ran: Ran) -> list[Hook]:
    """Choose what is there once this push is through.

    A hook whose moment was in an earlier push is still there, unchanged: it is not deleted, and does not run again.

    Args:
        hooks: in their order.
        inputs: digest of what this push deploys.
        ran: what ran before.
    """
    event = _UPGRADE if ran.inputs else _INSTALL
    planned = []
    for manifest in hooks:
        events = _events(manifest)
        when = _moment(events, event)
        hook = Hook(manifest=manifest, when=when or _moment(events, _INSTALL) or "pre", settled=when is None)
        has_run = hook.key in ran.hooks
        # A push without a change is no upgrade: what is for upgrades alone still waits for its first one.
        is_due = when is not None and (event == _INSTALL or inputs != ran.inputs)
        if has_run or is_due:
            planned.append(hook)
    return planned


def _moment(events: Collection[str], event: str) -> Literal["pre", "post"] | None:
    if f"pre-{event}" in events:
        return "pre"
    return "post" if f"post-{event}" in events else None


def _events(manifest: Mapping[str, Any]) -> set[str]:
    return {each.strip() for each in str((metadata_of(manifest).get("annotations") or {}).get(HOOK, "")).split(",")}


def _order(manifest: Mapping[str, Any]) -> tuple[int, int, str]:
    metadata, kind = metadata_of(manifest), str(manifest.get("kind"))
    try:
        weight = int((metadata.get("annotations") or {}).get(_WEIGHT, 0))
    except ValueError:
        # Helm takes what is no number for none.
        weight = 0
    return weight, _LATE.index(kind) + 1 if kind in _LATE else 0, str(metadata.get("name"))
