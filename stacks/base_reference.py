"""Reads a base stack's outputs, as a StackReference does."""

from typing import Any

import pulumi
from pulumi.runtime import invoke

from stacks.problems import Problem, SettingsError, shown

# What `pulumi.StackReference` is made of, asked as a function instead of as a resource, because
# - the engine ends the program when a StackReference's stack does not exist, and the program cannot explain it;
# - the outputs are plain values here, so that all is checked before the first resource;
# - a reference kept in a branch's state would make its refresh fail once the base is gone.
_READ_STACK_OUTPUTS = "pulumi:pulumi:readStackOutputs"


def base_outputs(base: str, stack: str) -> dict[str, Any]:
    """Give the outputs of a base stack of this project, or of any stack named in full.

    Args:
        base: `base-<cluster>`, or <organization>/<project>/<stack>.
        stack: the stack that asks, for the message.

    Raises:
        SettingsError: there is no such stack, or it cannot be read.
    """
    name = base if "/" in base else f"{pulumi.get_organization()}/{pulumi.get_project()}/{base}"
    try:
        result = invoke(_READ_STACK_OUTPUTS, {"name": name}).value
    except Exception as e:  # the engine's refusals have no type of their own
        if "unknown stack" in str(e):
            rule = f"there is no stack {name} in this backend"
            fix = (
                f"pulumi stack init {base} && pulumi up -s {base}, or name another: pulumi config set base <base stack>"
            )
        else:
            rule = f"the base stack can be read; the engine says: {_first_line(e)}"
            fix = "look at `pulumi whoami -v` (which backend?) and at the passphrase or key of that backend"
        raise SettingsError(stack, [Problem(field="base", value=shown(base), rule=rule, fix=fix)]) from e
    outputs = (result or {}).get("outputs") or {}
    return dict(outputs)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
