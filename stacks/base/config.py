"""A base stack's config, read and checked."""

from dataclasses import replace

from stacks.base.checks.between_keys import mistakes
from stacks.config import read
from stacks.settings.base import BaseSettings
from stacks.settings.branch import BranchSettings
from stacks.settings.errors import SettingsError


def base_settings(project: str, stack: str) -> BaseSettings:
    """Read and check the config of a base stack.

    Raises:
        SettingsError: with every mistake.
    """
    owner = "a branch stack, <app>.<slug>"
    settings = read(BaseSettings, project, stack, other_model=lambda: BranchSettings, owner=owner)
    if problems := mistakes(settings):
        raise SettingsError(stack, [replace(each, field=f"{project}: {each.field}") for each in problems])
    return settings
