"""A branch stack's config, read and checked."""

from components.strict import Strict
from stacks.config import read
from stacks.settings.branch import BranchSettings


def branch_settings(project: str, stack: str) -> BranchSettings:
    """Read and check the config of a branch stack.

    Raises:
        SettingsError: with every mistake.
    """
    return read(BranchSettings, project, stack, other_model=_base_model, owner="a base stack, base-<cluster>")


def _base_model() -> type[Strict]:
    # A branch stack does without these models, which take as long to build as all of its own.
    from stacks.settings.base import BaseSettings

    return BaseSettings
