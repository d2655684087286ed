"""`branchenv announce`."""

from pathlib import Path
from typing import Annotated

import typer

from branchenv import console
from branchenv.cli import deploy_options, options
from branchenv.cli.option import option
from branchenv.clients import http_probe
from branchenv.clients.backend import open_backend
from branchenv.model.errors import bad_input
from branchenv.note import events
from branchenv.note.writer import NoteTarget
from branchenv.operations import lookup
from branchenv.operations.deploy import announce
from branchenv.operations.deploy.readiness import Check

Timeout = Annotated[
    str, typer.Option("--timeout", envvar="BRANCHENV_TIMEOUT", metavar="DURATION", help="How long to wait for it.")
]
AtPath = Annotated[
    str, typer.Option("--path", envvar="BRANCHENV_PATH", metavar="PATH", help="What to ask for, e.g. /healthz.")
]
Expected = Annotated[
    list[str] | None,
    option(
        "--expect-header", "NAME=VALUE", "Header that the answer must have, e.g. of the new version; may be repeated."
    ),
]
Dotenv = Annotated[
    Path | None,
    option("--dotenv", "FILE", "Write BRANCHENV_URL here, for artifacts:reports:dotenv."),
]

Cancelled = Annotated[
    bool,
    typer.Option("--cancelled", help="Only say on the merge request that the job was cancelled; for its after_script."),
]


def command(
    which: options.Which,
    how: options.Output,
    timeout: Timeout = "2m",
    path: AtPath = "/",
    expect_header: Expected = None,
    dotenv: Dotenv = None,
    cancelled: Cancelled = False,
) -> None:
    """Wait until a branch's URL answers, say so on its merge request, and print the URL.

    It tells apart what stands in the way: DNS, certificate, no route yet, no healthy pod, an error of the app. The note
    is written once and edited on later pushes. If GitLab cannot be reached, that is a warning: the deploy has worked.
    Where the gateway lets in only who has a token, it is shown the one in BRANCHENV_URL_TOKEN.
    """
    target = which.target()
    if cancelled:
        events.cancelled(NoteTarget.of(target))
        return
    max_wait = deploy_options.duration(timeout, "--timeout").total_seconds()
    headers = dict(_header(text) for text in expect_header or ())
    if not path.startswith("/"):
        raise bad_input("--path", path, "a path starts with a slash", "e.g. --path /healthz")
    with events.failures(target):
        backend = open_backend()
        _, found, target = lookup.resolve(backend, target)
        record = lookup.deployed(backend, target)
    expected = http_probe.Expected(path=path, headers=headers, asleep=record.tags.asleep)
    check = Check(timeout=max_wait, expected=expected, access=found.access, namespace=found.namespace_of(target.slug))
    done = announce.announce(backend, target, check, dotenv=dotenv)
    if how.json:
        console.json_data(done)
        return
    console.say(f"{done.branch} answers {done.status} ({done.state}), after {console.seconds(done.seconds)}")
    console.data(done.url)


def _header(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name.strip() or not equals:
        raise bad_input("--expect-header", text, "a header has a name and a value", "e.g. --expect-header x-version=2")
    return name.strip(), value.strip()
