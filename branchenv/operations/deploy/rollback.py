"""Go back to what ran before the last push, from the stack's own history: nothing is built, and git stays as it is."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from branchenv.clients import history
from branchenv.clients.backend import open_backend
from branchenv.clients.history import Update
from branchenv.model.context import Target
from branchenv.model.errors import BranchenvError, bad_input
from branchenv.model.records import StackRecord
from branchenv.operations import lookup
from branchenv.operations.config import deployed_from
from branchenv.operations.config.stack_config import DIGESTS, FILES, READY_TIMEOUT, SOURCE, WHAT_RUNS
from branchenv.operations.deploy import up
from branchenv.operations.deploy.wanted import Checkout, wanted_again
from branchenv.operations.ownership import check_owner, check_state

_LOOKED_AT = 100
"""Changes of a stack, the newest first."""
_SHORTEST = 7
"""Characters of a commit."""

Config = Mapping[str, Any]


def rollback(target: Target, *, to: str = "", max_wait: float, quiet: bool) -> StackRecord:
    """Deploy again what was deployed before.

    Args:
        target: the branch.
        to: commit that was deployed once, or how it begins; empty for the last good push before the present one.
        max_wait: seconds to wait for somebody else who works on the stack.
        quiet: show Pulumi's output only if it fails.

    Returns:
        Its stack, as it is then.

    Raises:
        BranchenvError: there is nothing to go back to, or it failed.
    """
    backend = open_backend()
    _, _, target = lookup.resolve(backend, target)
    record = backend.stack(target.stack)
    if record is None:
        raise lookup.missing(backend, target)
    check_owner(target, record)
    check_state(record, backend)
    config = chosen(history.updates(target.stack, most=_LOOKED_AT), target, to)
    commit, root = _source(config)
    if not commit and any(config.get(key) for key in FILES):
        raise _nothing(
            target, "its history does not say from which commit it was deployed before, and its files may have changed"
        )
    # As if it ran still, so that its files are found in git. Keys that were not given have Pulumi.yaml's defaults.
    ran = {key: config[key] for key in (*WHAT_RUNS, SOURCE, DIGESTS, READY_TIMEOUT) if config.get(key)}
    tags = replace(record.tags, commit=commit, root=root)
    then = replace(record, outputs={**record.outputs, "config": ran}, tags=tags)
    with deployed_from.config_of(then) as found:
        wanted = replace(wanted_again(found, Checkout(commit=commit, root=root)), rollback=True)
        return up.up(target, wanted, max_wait=max_wait, quiet=quiet)


def chosen(changes: Sequence[Update], target: Target, to: str = "") -> Config:
    """Choose what to go back to.

    Args:
        changes: of the stack, the newest first.
        target: the branch.
        to: commit, or how it begins; empty for the last good push before the present one.

    Raises:
        BranchenvError: there is nothing.
    """
    tried = [each for each in _since_made(changes) if each.kind == "update"]
    done = [each.config for each in tried if each.succeeded]
    if to:
        return _at(done, target, to)
    if done and not tried[0].succeeded and _what(tried[0].config) != _what(done[0]):
        # The last push came to nothing.
        return done[0]
    # What a rollback brought back stands where it was deployed first.
    at = next((i for i, each in enumerate(done) if _what(each) == _what(done[0]) and not _is_rollback(each)), 0)
    before = (each for each in done[at + 1 :] if _what(each) != _what(done[0]) and not _is_rollback(each))
    found = next(before, None)
    if found is None:
        raise _nothing(target, f"nothing else was deployed to {target.stack} before, or it is too long ago")
    return found


def _at(done: Sequence[Config], target: Target, to: str) -> Config:
    found = next((each for each in done if len(to) >= _SHORTEST and _source(each)[0].startswith(to.lower())), None)
    if found is None:
        known = list(dict.fromkeys(commit[:12] for commit, _ in map(_source, done) if commit))
        raise bad_input(
            "--to",
            to,
            f"no such commit of {target.branch} was deployed with success, as far as its history goes",
            f"give at least {_SHORTEST} characters of one of {', '.join(known)}"
            if known
            else f"leave --to out, or deploy something else: {target.command('up')} --image <image>",
        )
    return found


def _since_made(changes: Sequence[Update]) -> Sequence[Update]:
    """Leave out what was before a `pulumi destroy`: that was another environment."""
    end = next((i for i, each in enumerate(changes) if each.kind == "destroy" and each.succeeded), len(changes))
    return changes[:end]


def _what(config: Config) -> Hashable:
    """Return what distinguishes one push from another: also its commit, as the same path holds other files then."""
    commit, root = _source(config)

    def place(key: str) -> str:
        try:
            return str(deployed_from.within(Path(str(config[key])), root))
        except ValueError:
            return str(config[key])

    images = {**(config.get("images") or {}), **(config.get(DIGESTS) or {})}
    files = tuple((key, place(key)) for key in FILES if config.get(key))
    return commit, config.get("image", ""), tuple(sorted(images.items())), files


def _source(config: Config) -> tuple[str, str]:
    source = config.get(SOURCE) or {}
    return str(source.get("commit", "")), str(source.get("root", ""))


def _is_rollback(config: Config) -> bool:
    return bool((config.get(SOURCE) or {}).get("rollback"))


def _nothing(target: Target, why: str) -> BranchenvError:
    return bad_input(
        "branch", target.branch, why, f"deploy what is wanted: push it, or {target.command('up')} --image <image>"
    )
