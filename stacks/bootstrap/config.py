"""A bootstrap stack's config, read and checked."""

from stacks.config import read
from stacks.settings.base import BaseSettings
from stacks.settings.bootstrap import BootstrapConfig, BootstrapSettings
from stacks.settings.errors import Problem, SettingsError, shown


def bootstrap_settings(project: str, stack: str) -> BootstrapSettings:
    """Read and check the config of a bootstrap stack.

    Raises:
        SettingsError: with every mistake.
    """
    owner = "a base stack, base-<cluster>"
    settings = read(BootstrapConfig, project, stack, other_model=lambda: BaseSettings, owner=owner).bootstrap
    cloud = stack.split("-")[1]
    problems = [
        Problem(
            field=f"{project}: bootstrap.{name}",
            value="(none)" if given is None else shown(given.model_dump(exclude_none=True)),
            rule=f"the stack {stack} is for {cloud}, and for nothing else",
            fix=f"set it, as examples/bootstrap/{name}.yaml does" if name == cloud else "take it out",
        )
        for name, given in (("aws", settings.aws), ("google", settings.google))
        if (given is None) is (name == cloud)
    ]
    if problems:
        raise SettingsError(stack, problems)
    return settings
