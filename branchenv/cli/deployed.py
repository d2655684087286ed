"""What a command that deploys a branch prints in the end: its URL, or a document for programs."""

from collections.abc import Callable

from branchenv import console
from branchenv.cli import options
from branchenv.model.context import Target
from branchenv.model.records import StackRecord
from branchenv.operations import outcome


def deploy(which: options.Which, how: options.Output, by: Callable[[Target], StackRecord]) -> None:
    """Deploy a branch, and print what came of it.

    Args:
        which: names the branch.
        how: to print it.
        by: what deploys it.

    Raises:
        BranchenvError: it failed; the document was printed.
    """
    with outcome.printed(as_json=how.json) as done:
        target = which.target()
        done.about(target)
        record = by(target)
        done.ended("ready", record)
    if not how.json:
        console.data(record.url)
