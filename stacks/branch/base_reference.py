"""Reads what a branch's base stack has published in its cluster."""

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import NamedTuple

import pulumi

from core.contract import Base
from core.names import BASE_STACK


class Published(NamedTuple):
    """A contract, and where it was found."""

    base: Base
    where: str
    """What a person calls the cluster."""


class BaseReference:
    """A question for the contract of a base stack, which the API server answers while the program goes on."""

    def __init__(self, base: str) -> None:
        """Ask.

        Args:
            base: `base-<cluster>`.
        """
        self._base = base
        pool = ThreadPoolExecutor(1)
        # The SDK knows the stack's config by the context.
        self._answer = pool.submit(copy_context().run, self._ask, pulumi.get_stack())
        pool.shutdown(wait=False)

    def contract(self) -> Published:
        """Return the contract.

        Raises:
            SettingsError: the cluster has no such base stack, or does not answer.
        """
        return self._answer.result()

    def _ask(self, stack: str) -> Published:
        # Imported here: all of it takes as long to import as the cluster to answer.
        from core.publication import ContractError
        from stacks.cluster_api import asked, connect
        from stacks.config import given
        from stacks.settings.errors import Problem, SettingsError, shown

        def refusal(rule: str, fix: str) -> SettingsError:
            return SettingsError(stack, [Problem(field="base", value=shown(self._base), rule=rule, fix=fix)])

        if not BASE_STACK.fullmatch(self._base):
            fix = f"name one: pulumi config set base base-<cluster> -s {stack}"
            raise refusal("a base stack is called base-<cluster>, in lower case", fix)
        api = connect(stack, given("kubernetes"))
        try:
            return Published(asked(stack, api, lambda: api.contract(self._base)), api.where)
        except ContractError as e:
            raise refusal(e.rule, e.fix) from e
