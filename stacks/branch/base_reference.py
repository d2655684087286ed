"""Reads a base stack's outputs, as a StackReference does."""

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import pulumi
from pulumi.runtime import invoke

# What `pulumi.StackReference` is made of, asked as a function instead of as a resource, because
# - the engine ends the program when a StackReference's stack does not exist, and the program cannot explain it;
# - the outputs are plain values here, so that all is checked before the first resource;
# - a reference kept in a branch's state would make its refresh fail once the base is gone.
_READ_STACK_OUTPUTS = "pulumi:pulumi:readStackOutputs"


class BaseReference:
    """A question for the outputs of a base stack, which the engine answers while the program goes on.

    The engine takes a fifth of a second, most of it to make a key of the passphrase. Imports take as long.
    """

    def __init__(self, base: str) -> None:
        """Ask.

        Args:
            base: `base-<cluster>` of this project, or any stack as <organization>/<project>/<stack>.
        """
        self.base = base
        self._name = base if "/" in base else f"{pulumi.get_organization()}/{pulumi.get_project()}/{base}"
        pool = ThreadPoolExecutor(1)
        # The SDK knows its engine by the context.
        self._answer = pool.submit(copy_context().run, invoke, _READ_STACK_OUTPUTS, {"name": self._name})
        pool.shutdown(wait=False)

    def outputs(self, stack: str) -> dict[str, Any]:
        """Give the outputs.

        Args:
            stack: the stack that asks, for the message.

        Raises:
            SettingsError: there is no such stack, or it cannot be read.
        """
        try:
            result = self._answer.result().value
        except Exception as e:  # the engine's refusals have no type of their own
            raise self._refusal(e, stack) from e
        outputs = (result or {}).get("outputs") or {}
        return dict(outputs)

    def _refusal(self, error: Exception, stack: str) -> Exception:
        # Not before the question: these take as long to import as the answer takes.
        from stacks.settings.errors import Problem, SettingsError, shown

        base = self.base
        if "unknown stack" in str(error):
            rule = f"there is no stack {self._name} in this backend"
            fix = (
                f"pulumi stack init {base} && pulumi up -s {base}, or name another: pulumi config set base <base stack>"
            )
        else:
            rule = f"the base stack can be read; the engine says: {_first_line(error)}"
            fix = "look at `pulumi whoami -v` (which backend?) and at the passphrase or key of that backend"
        return SettingsError(stack, [Problem(field="base", value=shown(base), rule=rule, fix=fix)])


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
