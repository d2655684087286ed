"""What `up` and `down` tell a program: one JSON document on stdout, whether it went well or not."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from branchenv import console
from branchenv.clients.backend import open_backend
from branchenv.model.context import Target
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import StackRecord

VERSION = 1
"""Of the document. Fields may be added; none is renamed or taken away without another version."""


@dataclass(kw_only=True)
class Outcome:
    """How a command ended; what is not known is None."""

    version: int = VERSION
    app: str | None = None
    branch: str | None = None
    stack: str | None = None
    url: str | None = None
    """What answers there is of `commit`, also after a deploy that failed."""
    state: str = "failed"
    """ready, removed, absent (there was nothing to remove) or failed."""
    commit: str | None = None
    expires: datetime | None = None
    exit_code: int = ExitCode.FAILED
    error: str | None = None
    """As it stands on stderr."""

    def about(self, target: Target) -> None:
        """Say which branch it is."""
        self.app, self.branch, self.stack = target.app, target.branch, target.stack

    def ended(self, state: str, record: StackRecord | None = None) -> None:
        """Say that it went well."""
        self.state, self.exit_code = state, int(ExitCode.DONE)
        if record:
            self.know(record)

    def know(self, record: StackRecord) -> None:
        """Say what a stack tells of its environment."""
        self.stack, self.url, self.expires = record.name, record.url or None, record.tags.expires
        self.commit = record.tags.commit or None


@contextmanager
def printed(*, as_json: bool) -> Iterator[Outcome]:
    """Print how a command ended.

    Args:
        as_json: print it; else nothing is done.
    """
    outcome = Outcome()
    try:
        yield outcome
    except BranchenvError as e:
        outcome.exit_code, outcome.error = int(e.code), str(e)
        if as_json and outcome.stack:
            _ask(outcome)
        raise
    except SystemExit as e:
        # A cancellation, passed on to `pulumi`.
        outcome.exit_code = e.code if isinstance(e.code, int) else int(ExitCode.FAILED)
        raise
    finally:
        if as_json:
            console.json_data(outcome)


def _ask(outcome: Outcome) -> None:
    """Find out what still answers; that nobody can see it is no news beside the failure."""
    try:
        record = open_backend().stack(outcome.stack or "")
    except BranchenvError:
        return
    if record:
        outcome.know(record)
