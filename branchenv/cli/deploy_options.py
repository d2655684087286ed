"""Options of `select` and `up`: what the environment is to be. Each is a variable too, for GitLab's settings."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from branchenv.cli import project_file
from branchenv.cli.option import option
from branchenv.model import context
from branchenv.model.errors import bad_input
from branchenv.operations.config.digests import MovingTags
from branchenv.operations.deploy.wanted import Wanted
from core import durations

ENVIRONMENT_FILE = "environment.yaml"
"""What a deploy runs where nothing says otherwise, as the GitLab component's input `environment` has it."""
SHORTEST_READY_TIMEOUT, LONGEST_READY_TIMEOUT = 5, 3600
"""Seconds, as the program's own setting has it; a test keeps them alike."""

Image = Annotated[
    str,
    option("--image", "IMAGE", "Container image to run.", variable="BRANCHENV_IMAGE"),
]
Images = Annotated[
    list[str] | None,
    option(
        "--images",
        "WORKLOAD=IMAGE",
        "Image of one workload of the environment file; may be repeated (in the variable: separated by spaces).",
        variable="BRANCHENV_IMAGES",
    ),
]
Environment = Annotated[
    Path | None,
    option(
        "--environment", "FILE", "Environment file, seen from the current folder.", variable="BRANCHENV_ENVIRONMENT"
    ),
]
Chart = Annotated[
    Path | None,
    option("--chart", "FOLDER", "The app's Helm chart, seen from the current folder.", variable="BRANCHENV_CHART"),
]
ReadyTimeout = Annotated[
    str,
    option(
        "--ready-timeout",
        "DURATION",
        "How long `pulumi up` waits for the pods, e.g. 5m. Default: 2m.",
        variable="BRANCHENV_READY_TIMEOUT",
    ),
]
ExpiresIn = Annotated[
    str,
    option(
        "--expires-in",
        "DURATION",
        "How long the environment stays, e.g. 3d or 12h. Default: what the base stack gives this app.",
        variable="BRANCHENV_EXPIRES_IN",
    ),
]
Tags = Annotated[
    MovingTags,
    typer.Option(
        "--moving-tags",
        envvar="BRANCHENV_MOVING_TAGS",
        help="A tag may name another image at every push: ask its registry for the digest, fall back on the commit, or "
        "take it as it stands.",
    ),
]
SecretsProvider = Annotated[
    str,
    option(
        "--secrets-provider",
        "URL",
        "How a new stack's secrets are encrypted, e.g. awskms://...; default: by passphrase.",
        variable="BRANCHENV_SECRETS_PROVIDER",
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


@dataclass(frozen=True, kw_only=True)
class DeployOptions:
    """What the environment is to be, and how long a deploy waits."""

    image: Image = ""
    images: Images = None
    environment: Environment = None
    chart: Chart = None
    ready_timeout: ReadyTimeout = ""
    expires_in: ExpiresIn = ""
    moving_tags: Tags = MovingTags.REGISTRY
    secrets_provider: SecretsProvider = ""
    wait: Wait = "5m"

    def wanted(self, *, whole: bool = False) -> Wanted:
        """Read what the environment is to be.

        Args:
            whole: nothing is added to it later, so something must say what runs.

        Raises:
            BranchenvError: a value cannot be read.
        """
        return Wanted(
            image=self.image,
            images=dict(_pair(each) for each in self.images or () if each),
            # An empty variable is one that was not given: Path("") is the current folder.
            environment=self.environment if self.environment and self.environment != Path() else None,
            chart=self.chart if self.chart and self.chart != Path() else None,
            ready_timeout_seconds=_whole_seconds(self.ready_timeout, "--ready-timeout") if self.ready_timeout else None,
            expires_in=duration(self.expires_in, "--expires-in") if self.expires_in else None,
            secrets_provider=self.secrets_provider,
            moving_tags=self.moving_tags,
            folder={} if context.pipeline() else _of_folder(),
            whole=whole,
        )

    @property
    def max_wait(self) -> float:
        """Seconds to wait for somebody else who works on the stack.

        Raises:
            BranchenvError: it is no duration.
        """
        return duration(self.wait, "--wait").total_seconds()


def _of_folder() -> dict[str, Path]:
    """Find what the current folder says to run, by `.branchenv.toml` or by a file named as the component's jobs expect.

    In jobs they come from the component's inputs, where an empty one says that there is no such file.
    """
    file_settings = project_file.read()
    if file_settings.chart and not file_settings.environment:
        return {"chart": file_settings.chart}
    file = file_settings.environment or Path(ENVIRONMENT_FILE)
    return {"environment": file} if file_settings.environment or file.is_file() else {}


def duration(text: str, option: str) -> timedelta:
    """Read a duration.

    Raises:
        BranchenvError: it is none.
    """
    try:
        return durations.parse(text)
    except ValueError as e:
        raise bad_input(option, text, "this is no duration", durations.FIX) from e


def _whole_seconds(text: str, option: str) -> int:
    """Read a duration. A number alone is one of seconds, as the stack's own config has it."""
    found = int(duration(f"{text}s" if text.isdecimal() else text, option).total_seconds())
    if not SHORTEST_READY_TIMEOUT <= found <= LONGEST_READY_TIMEOUT:
        raise bad_input(
            option, text, f"it is from {SHORTEST_READY_TIMEOUT}s to {LONGEST_READY_TIMEOUT // 3600}h", "e.g. 2m"
        )
    return found


def moment(text: str, option: str) -> datetime:
    """Read a date or a time of ISO 8601; without a time zone it is UTC, and a date alone is its first moment.

    Raises:
        BranchenvError: it is neither.
    """
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError) as e:
        raise bad_input(
            option,
            text,
            "this is no date or time",
            "write it as in ISO 8601, e.g. 2026-12-01 or 2026-12-01T18:00+01:00 (UTC without a time zone)",
        ) from e


def _pair(text: str) -> tuple[str, str]:
    workload, equals, image = text.partition("=")
    if not (workload and equals and image):
        raise bad_input(
            "--images",
            text,
            "an image by workload is written <workload>=<image>",
            "e.g. --images web=registry.example.com/web:1.0",
        )
    return workload, image
