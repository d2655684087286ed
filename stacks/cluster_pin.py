"""Keeps a stack on its cluster: the one of its first `pulumi up`, or the one that its config names."""

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import pulumi
from pulumi.runtime import invoke

_READ_STACK_OUTPUTS = "pulumi:pulumi:readStackOutputs"
OUTPUT = "cluster"
"""Output in which a stack notes its cluster."""


class NotedCluster:
    """A question for this stack's own last outputs, which the engine answers while the program runs."""

    def __init__(self) -> None:
        """Ask."""
        name = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
        pool = ThreadPoolExecutor(1)
        # The SDK knows its engine by the context.
        self._answer = pool.submit(copy_context().run, invoke, _READ_STACK_OUTPUTS, {"name": name})
        pool.shutdown(wait=False)

    def uid(self) -> str:
        """Return the UID of the cluster that the stack is in; empty for a stack that was never brought up.

        Raises:
            SettingsError: the engine cannot read the stack's state.
        """
        return str(self.output(OUTPUT) or "")

    def output(self, name: str) -> Any:  # noqa: ANN401 - JSON
        """Return what the stack's last `pulumi up` that ended well has exported; None if there was none.

        Args:
            name: of the output.

        Raises:
            SettingsError: the engine cannot read the stack's state.
        """
        try:
            answer = self._answer.result().value or {}
        except Exception as e:  # the engine's refusals have no type of their own
            raise self._refusal(e) from e
        return (answer.get("outputs") or {}).get(name)

    def _refusal(self, error: Exception) -> Exception:
        # Not before the question: these take as long to import as the answer takes.
        from stacks.settings.errors import Problem, SettingsError

        rule = f"the stack's own last outputs can be read; the engine says: {str(error).strip().partition(chr(10))[0]}"
        fix = "look at `pulumi whoami -v` (which backend?) and at the passphrase or key of that backend"
        stack = pulumi.get_stack()
        return SettingsError(stack, [Problem(field="stack", value=stack, rule=rule, fix=fix)])


def check_cluster(stack: str, *, found: str, noted: str, where: str, move: str) -> None:
    """Refuse another cluster than the stack's own.

    Args:
        stack: for the message.
        found: UID of the cluster that is connected to.
        noted: UID of the one that the stack is in; empty if it is in none yet.
        where: names the connection, for the message.
        move: what to do if the stack is meant to be in this cluster.

    Raises:
        SettingsError: they are two.
    """
    if noted in ("", found):
        return
    from stacks.settings.errors import Problem, SettingsError

    rule = f"{stack} is in another cluster: its namespace kube-system has the UID {noted}, the one here {found}"
    fix = f"choose the stack's cluster: kubectl config use-context <context>; {move}"
    raise SettingsError(stack, [Problem(field="cluster", value=where, rule=rule, fix=fix)])
