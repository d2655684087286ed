"""`branchenv why`."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from branchenv import console
from branchenv.cli import options
from branchenv.cli.option import option
from branchenv.clients.backend import open_backend
from branchenv.model import context
from branchenv.model.records import Tags
from branchenv.note import events
from branchenv.note.writer import NoteTarget
from branchenv.operations import lookup

if TYPE_CHECKING:
    from branchenv.operations.inspect.why import Diagnosis

EventLog = Annotated[
    Path | None,
    option(
        "--event-log",
        "FILE",
        "What `pulumi up --event-log FILE` wrote before it failed: the reasons are then those of that failure, "
        "without what its output says already. For the job that ran it.",
    ),
]


def command(
    which: options.Which,
    how: options.Output,
    event_log: EventLog = None,
) -> None:
    """Say why a branch's environment is not up, and how to do it right; or that all is well.

    It looks at the workloads' pods, then at the URL: an image that cannot be pulled, a container that crashes, with its
    last log lines, a probe and what it was answered, a port on which nothing listens, a node that has no room and for
    what, a quota, limit or rule that refuses.

    The exit code is 0 if all is well (or the environment is asleep), 20 if pods do not start or do not answer, 21 if
    something is refused, 18 if the pods are ready and the URL does not answer. Nothing is changed.
    """
    from branchenv.operations.inspect import why

    target = which.target()
    # That nothing can be seen of a failure is printed as well.
    with events.failures(target) if event_log else nullcontext():
        backend = open_backend()
        _, promised, target = lookup.resolve(backend, target)
        found = why.after(event_log, promised, target) if event_log else why.look(backend, promised, target)
    if event_log and context.pipeline():
        _tell(found, backend.tags(target.stack))
    if how.json:
        console.json_data(why.document(found))
    else:
        _show(found, shown=event_log is not None)
    if found.report.code:
        raise typer.Exit(found.report.code)


def _tell(found: "Diagnosis", tags: Tags) -> None:
    from branchenv.why import report

    events.failed(NoteTarget.of(found.report.target, tags), report.brief(found.report))


def _show(found: "Diagnosis", *, shown: bool) -> None:
    from branchenv.why import report

    branch = found.report.target.branch
    if found.note:
        console.say(f"{branch}: {found.note}")
    if not found.report.reasons:
        well = "is asleep" if found.asleep else "is up"
        console.data(f"{branch} {well}{f': {found.url}' if found.url else ''}")
        return
    news = [each for each in found.report.reasons if not (shown and each.told)]
    console.data(f"{branch} is not up" + (f":\n{report.full(news)}" if news else ": Pulumi says why, above"))
