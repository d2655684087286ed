"""What a deploy runs where its options do not say it: what this folder says, or what was deployed before.

What is remembered is what the last deploy that came to its end was given: an attempt that failed changes nothing of it,
every machine remembers the same, and what was removed is forgotten.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from branchenv.clients import pulumi_cli
from branchenv.model.context import Target
from branchenv.model.errors import BranchenvError, ExitCode, bad_input
from branchenv.operations.config.stack_config import FILES, WHAT_RUNS

_READY_TIMEOUT = "readyTimeoutSeconds"
_KEPT = (*WHAT_RUNS, _READY_TIMEOUT)
"""Keys that need not be given again."""

Deployed = Callable[[], Mapping[str, Any] | None]
"""Asks what was last deployed; None if nothing ever came to its end. It takes a moment."""


class Config(NamedTuple):
    """What becomes of a stack's config file."""

    values: Mapping[str, object]
    """To set."""
    without: tuple[str, ...]
    """Keys to take out first."""


def config(
    given: Mapping[str, object],
    folder: Mapping[str, object],
    *,
    new: bool,
    in_job: bool,
    deployed: Deployed,
) -> Config:
    """Choose what runs.

    Args:
        given: config by options.
        folder: what the current folder says, for where no option names a file: `environment` or `chart`.
        new: whether there is no such stack.
        in_job: whether a GitLab job asks, which says everything by options.
        deployed: asks what was last deployed.
    """
    if given.keys() & set(WHAT_RUNS):
        file = {} if given.keys() & set(FILES) else folder
        return Config({**file, **given}, _KEPT if new else WHAT_RUNS)
    if new:
        return Config({**folder, **given}, _KEPT)
    last = None if in_job else deployed()
    if last is None:
        # What an interrupted first attempt wrote to the file is kept.
        return Config({**folder, **given}, WHAT_RUNS if folder else ())
    known = {key: last[key] for key in _KEPT if key in last}
    if _READY_TIMEOUT in known:
        known[_READY_TIMEOUT] = int(known[_READY_TIMEOUT])
    if folder and not any(key in known and Path(str(known[key])).exists() for key in FILES):
        known = {key: value for key, value in known.items() if key not in WHAT_RUNS} | dict(folder)
    return Config({**known, **given}, _KEPT)


def check(chosen: Config, target: Target) -> None:
    """Refuse a deploy of which nothing says what it runs, or whose files are on another machine.

    Args:
        chosen: by `config`.
        target: the branch.

    Raises:
        BranchenvError: with what to give.
    """
    up = target.command("up")
    if set(_KEPT) <= set(chosen.without) and not chosen.values.keys() & set(WHAT_RUNS):
        raise BranchenvError(
            f"nothing says what {target.branch} runs: no option, no environment.yaml in this folder, and nothing of it "
            "was deployed before",
            fix=f"write environment.yaml, or: {up} --image <image> (or --environment <file>, or --chart <folder>)",
            code=ExitCode.BAD_INPUT,
        )
    if chosen.values.keys() & set(WHAT_RUNS) == {"images"}:
        raise bad_input(
            "--images",
            chosen.values["images"],
            "images by workload belong to an environment file, and none is given",
            f"name the file as well: {up} --images <workload>=<image> --environment <file>; or one image "
            f"for all of it: {up} --image <image>",
        )
    for key in FILES:
        path = Path(str(chosen.values.get(key, ".")))
        if not path.exists():
            raise bad_input(
                key,
                path,
                f"the {key} that {target.branch} was last deployed from is not on this machine",
                f"in a checkout of the branch: {up} --{key} <path>",
            )


def forget(stack: str) -> None:
    """Remove the config file of a stack that was removed, where there is one."""
    try:
        pulumi_cli.config_file(stack).unlink(missing_ok=True)
    except BranchenvError:
        # No program on this machine: then there is no file of it either.
        return
