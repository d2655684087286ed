"""Options of `select` and `up`: what the environment is to be. Each is a variable too, for GitLab's settings."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.operations.select import Wanted
from core import durations

Image = Annotated[
    str,
    typer.Option(
        "--image", envvar="BRANCHENV_IMAGE", show_default=False, metavar="IMAGE", help="Container image to run."
    ),
]
Images = Annotated[
    list[str] | None,
    typer.Option(
        "--images",
        envvar="BRANCHENV_IMAGES",
        show_default=False,
        metavar="WORKLOAD=IMAGE",
        help="Image of one workload of the environment file; may be repeated (in the variable: separated by spaces).",
    ),
]
Environment = Annotated[
    Path | None,
    typer.Option(
        "--environment",
        envvar="BRANCHENV_ENVIRONMENT",
        show_default=False,
        metavar="FILE",
        help="Environment file, seen from the current folder.",
    ),
]
Chart = Annotated[
    Path | None,
    typer.Option(
        "--chart",
        envvar="BRANCHENV_CHART",
        show_default=False,
        metavar="FOLDER",
        help="The app's Helm chart, seen from the current folder.",
    ),
]
ReadyTimeout = Annotated[
    int | None,
    typer.Option(
        "--ready-timeout",
        envvar="BRANCHENV_READY_TIMEOUT",
        show_default=False,
        metavar="SECONDS",
        help="How long `pulumi up` waits for the pods. Default: 120.",
    ),
]
ExpiresIn = Annotated[
    str,
    typer.Option(
        "--expires-in",
        envvar="BRANCHENV_EXPIRES_IN",
        show_default=False,
        metavar="DURATION",
        help="How long the environment stays, e.g. 3d or 12h. Default: what the base stack gives this app.",
    ),
]
SecretsProvider = Annotated[
    str,
    typer.Option(
        "--secrets-provider",
        envvar="BRANCHENV_SECRETS_PROVIDER",
        show_default=False,
        metavar="URL",
        help="How a new stack's secrets are encrypted, e.g. awskms://...; default: by passphrase.",
    ),
]
Wait = Annotated[
    str,
    typer.Option(
        "--wait",
        envvar="BRANCHENV_WAIT",
        metavar="DURATION",
        help="How long to wait for somebody else who works on the stack.",
    ),
]


def wanted(
    *,
    image: str,
    images: list[str] | None,
    environment: Path | None,
    chart: Path | None,
    ready_timeout: int | None,
    expires_in: str,
    secrets_provider: str,
) -> Wanted:
    """Read these options.

    Raises:
        BranchenvError: a value cannot be read.
    """
    return Wanted(
        image=image,
        images=dict(_pair(each) for each in images or () if each),
        # An empty variable is one that was not given: Path("") is the current folder.
        environment=environment if environment and environment != Path() else None,
        chart=chart if chart and chart != Path() else None,
        ready_timeout_seconds=ready_timeout,
        expires_in=duration(expires_in, "--expires-in") if expires_in else None,
        secrets_provider=secrets_provider,
    )


def duration(text: str, option: str) -> timedelta:
    """Read a duration.

    Raises:
        BranchenvError: it is none.
    """
    try:
        return durations.parse(text)
    except ValueError as e:
        raise BranchenvError(
            "this is no duration", fix=durations.FIX, code=ExitCode.BAD_INPUT, field=option, value=text
        ) from e


def moment(text: str, option: str) -> datetime:
    """Read a date or a time of ISO 8601; without a time zone it is UTC, and a date alone is its first moment.

    Raises:
        BranchenvError: it is neither.
    """
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError) as e:
        raise BranchenvError(
            "this is no date or time",
            fix="write it as in ISO 8601, e.g. 2026-12-01 or 2026-12-01T18:00+01:00 (UTC without a time zone)",
            code=ExitCode.BAD_INPUT,
            field=option,
            value=text,
        ) from e


def _pair(text: str) -> tuple[str, str]:
    workload, equals, image = text.partition("=")
    if not (workload and equals and image):
        raise BranchenvError(
            "an image by workload is written <workload>=<image>",
            fix="e.g. --images web=registry.example.com/web:1.0",
            code=ExitCode.BAD_INPUT,
            field="--images",
            value=text,
        )
    return workload, image
