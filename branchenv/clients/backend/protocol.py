"""What a backend can be asked."""

from collections.abc import Iterable
from typing import Protocol

from branchenv.model.records import Lock, StackRecord, Tags


def is_branch(stack: str) -> bool:
    """Return whether a stack is a branch's, `<app>.<slug>`, and not a base stack."""
    return "." in stack


class Backend(Protocol):
    """The stacks of project `branch-environments` in one of Pulumi's backends.

    Every method raises BranchenvError with exit code BACKEND if the backend cannot be reached or refuses.
    """

    @property
    def url(self) -> str:
        """As Pulumi has it."""

    def stacks(self) -> list[StackRecord]:
        """Return every stack of the project, by name; of base stacks the name alone.

        Their states hold secrets, so a job's credentials need not let it read them.
        """

    def stack(self, name: str) -> StackRecord | None:
        """Return one stack, `<app>.<slug>`; None if there is none."""

    def locks(self, name: str) -> tuple[Lock, ...]:
        """Return the locks of a stack, also of one that is not there: its making may have been interrupted."""

    def tags(self, name: str) -> Tags:
        """Return the tags of a stack; where a backend keeps them apart, also of one that is not there."""

    def write_tags(self, name: str, tags: Tags) -> None:
        """Set all of our tags of a stack at once; those of others stay."""

    def break_locks(self, name: str, locks: Iterable[Lock]) -> None:
        """Remove locks of any owner: ask `branchenv.locks` first whether the owner has ended."""

    def forget(self, name: str) -> None:
        """Remove the tags that a stack left which is no longer there."""
