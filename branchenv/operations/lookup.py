"""The environment that a command is about: its base stack, its app, its stack; or one error for what does not exist."""

from dataclasses import dataclass

from branchenv.clients.backend import Backend
from branchenv.clients.base_contract import base_of
from branchenv.model.base import app_of
from branchenv.model.context import Target
from branchenv.model.errors import BranchenvError, ExitCode, bad_input
from branchenv.model.records import StackRecord
from branchenv.model.unknown_names import unknown_base
from core.contract import App, Base
from core.suggestions import did_you_mean


@dataclass(frozen=True, kw_only=True)
class DeployedEnvironment:
    """An environment that is there."""

    target: Target
    """With the slugs that the base stack reserves."""
    base: Base
    app: App
    record: StackRecord


def find(backend: Backend, target: Target) -> DeployedEnvironment:
    """Find an environment.

    Args:
        backend: of its stack.
        target: the branch.

    Raises:
        BranchenvError: there is no such base stack, app or environment.
    """
    base, app, target = resolve(backend, target)
    return DeployedEnvironment(target=target, base=base, app=app, record=stack(backend, target))


def resolve(backend: Backend, target: Target) -> tuple[Base, App, Target]:
    """Return the base stack and the app of a branch, and the branch with the slugs that the base stack reserves.

    Raises:
        BranchenvError: there is no such base stack or app.
    """
    try:
        base = base_of(target.base)
    except BranchenvError as e:
        # The backend may have a base stack of nearly that name.
        if e.code != ExitCode.BASE:
            raise
        raise unknown_base(e, target.base, (each.name for each in backend.stacks())) from e
    app = app_of(base, target.app)
    return base, app, target.reserving(app.reserved_slugs)


def stack(backend: Backend, target: Target) -> StackRecord:
    """Return the stack of an environment; a damaged one is still one.

    Args:
        backend: of the stack.
        target: the branch, with the slugs that the base stack reserves.

    Raises:
        BranchenvError: nothing was ever deployed, or it was removed.
    """
    record = backend.stack(target.stack)
    if record is None or not (record.resources or record.damaged):
        raise missing(backend, target)
    return record


def deployed(backend: Backend, target: Target) -> StackRecord:
    """Return the stack of a branch that has been deployed.

    Raises:
        BranchenvError: there is none, or it has no URL yet.
    """
    record = backend.stack(target.stack)
    if record is None:
        raise missing(backend, target)
    if not record.url:
        raise bad_input(
            "branch",
            target.branch,
            f"{target.stack} has no URL yet: none of its deploys came to an end",
            f"deploy it again: {target.command('up')}",
        )
    return record


def branches(backend: Backend, app: str) -> list[str]:
    """Return the branches of an app that have an environment."""
    return [each.branch for each in backend.stacks() if each.app == app and each.slug and each.resources]


def missing(backend: Backend, target: Target) -> BranchenvError:
    """Return the error of a branch that has no environment.

    Args:
        backend: of the app's stacks, which tells what there is instead.
        target: the branch.
    """
    meant = did_you_mean(target.branch, branches(backend, target.app))
    return bad_input(
        "branch",
        target.branch,
        f"there is no environment {target.stack}: this branch was never deployed, or its environment was removed",
        f"{f'{meant} Else d' if meant else 'd'}eploy it: {target.command('up')}; what there is: "
        f"{target.command('list', branch=False)}",
    )
