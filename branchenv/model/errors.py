"""Errors: what a person reads when something cannot be done, and the exit code that a script sees."""

from collections.abc import Sequence
from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended. Listed in docs/operations.md."""

    DONE = 0
    FAILED = 1
    """Something failed that has no code of its own; what it was is printed."""
    BAD_INPUT = 2
    """An option, a variable or a file; nothing was done."""
    BACKEND = 10
    """Pulumi's backend cannot be reached or read."""
    CLUSTER = 11
    """The cluster cannot be reached, or refuses."""
    GITLAB = 12
    """GitLab cannot be reached, or refuses."""
    BASE = 13
    """The cluster has no such base stack, or it has another contract."""
    LOCKED = 14
    """Somebody who is still there works on the stack."""
    NOT_YOURS = 15
    """The stack or an object was made by someone else."""
    CAP = 16
    """The app has as many environments as it may have."""
    BRANCH_DELETED = 17
    """The branch no longer exists: nothing is deployed."""
    NO_ANSWER = 18
    """The URL does not answer as it should."""
    STATE = 19
    """A stack's state is damaged."""
    NOT_READY = 20
    """Pods do not start, or do not answer; the reasons are printed."""
    REFUSED = 21
    """A rule, a quota or a limit of the cluster refuses it; the reason is printed."""
    OUTDATED = 22
    """A newer pipeline has deployed the branch, or begun to: the older one changes nothing."""


class BranchenvError(Exception):
    """What cannot be done, and what to do about it."""

    def __init__(
        self,
        rule: str,
        *,
        fix: str,
        code: ExitCode = ExitCode.FAILED,
        field: str = "",
        value: object = "",
        brief: Sequence[str] = (),
    ) -> None:
        """Say what is wrong.

        Args:
            rule: what does not hold, or what happened.
            fix: what the person can do.
            code: exit code of the command.
            field: option, variable or file that is wrong; empty where nothing that was given is.
            value: what was found there.
            brief: the rule in short, a line each, for a note; none where the rule is short itself.
        """
        super().__init__(rule)
        self.rule = rule
        self.fix = fix
        self.code = code
        self.field = field
        self.value = value
        self.brief = brief

    def __str__(self) -> str:
        if not self.field:
            return f"{self.rule}\n    fix:   {self.fix}"
        return f"{self.field}\n    value: {self.value}\n    rule:  {self.rule}\n    fix:   {self.fix}"


def bad_input(field: str, value: object, rule: str, fix: str) -> BranchenvError:
    """Return the error for an option, a variable or a file that cannot be used.

    Args:
        field: which one.
        value: what was found there.
        rule: what does not hold.
        fix: what the person can do.
    """
    return BranchenvError(rule, fix=fix, code=ExitCode.BAD_INPUT, field=field, value=value)
