"""Checks a base stack's config file as `pulumi up` does, without a cluster: `python -m stacks.check <stack> <file>`."""

import sys
from pathlib import Path

import yaml
from pydantic import ValidationError

from stacks.base.checks.between_keys import mistakes
from stacks.settings.base import BaseSettings
from stacks.settings.errors import SettingsError, problems_of

_PROJECT = "branch-environments"
_MISTAKES = 2


def check(stack: str, file: Path) -> None:
    """Find every mistake of the config.

    Args:
        stack: name, for the message.
        file: Pulumi.<stack>.yaml.

    Raises:
        SettingsError: with every mistake.
    """
    config = yaml.safe_load(file.read_text(encoding="utf-8"))["config"]
    values = {key.removeprefix(f"{_PROJECT}:"): value for key, value in config.items()}
    try:
        found = mistakes(BaseSettings.model_validate(values))
    except ValidationError as e:
        raise SettingsError(stack, problems_of(e, BaseSettings, _PROJECT)) from e
    if found:
        raise SettingsError(stack, found)


if __name__ == "__main__":
    try:
        check(sys.argv[1], Path(sys.argv[2]))
    except SettingsError as e:
        print(e)  # noqa: T201 - read by whoever runs this
        sys.exit(_MISTAKES)
