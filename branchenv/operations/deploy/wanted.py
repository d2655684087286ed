"""What a deploy is asked for, by options or by what was deployed before."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from branchenv import git
from branchenv.model.context import Pipeline
from branchenv.operations.config import stack_config
from branchenv.operations.config.digests import MovingTags


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """What is deployed; empty where nothing tells."""

    commit: str
    root: str
    """Top folder of its checkout."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the environment is to be."""

    image: str = ""
    images: Mapping[str, str] = field(default_factory=dict)
    environment: Path | None = None
    """Environment file."""
    chart: Path | None = None
    """Folder of the app's Helm chart."""
    ready_timeout_seconds: int | None = None
    expires_in: timedelta | None = None
    """How long from now the environment stays. None: as the base stack says for this app."""
    secrets_provider: str = ""
    """For a new stack."""
    folder: Mapping[str, Path] = field(default_factory=dict)
    """What the current folder says where neither file nor chart is given: `environment` or `chart`."""
    whole: bool = False
    """Whether nothing is added to it later: something must say what runs."""
    moving_tags: MovingTags = MovingTags.REGISTRY
    again: Checkout | None = None
    """What was deployed before, and is deployed again. None: it is a deploy of what is checked out."""
    rollback: bool = False
    """Beside `again`: whether that is another version than the present one."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """Beside `again`: which image each tag named then."""
    fresh_data: bool = False
    """Whether the branch begins with fresh data."""

    def config(self) -> dict[str, object]:
        """Return the stack's config, without what every stack has."""
        given: dict[str, object] = {
            "image": self.image,
            "images": dict(self.images),
            "environment": str(self.environment.resolve()) if self.environment else "",
            "chart": str(self.chart.resolve()) if self.chart else "",
            stack_config.READY_TIMEOUT: self.ready_timeout_seconds,
        }
        return {key: value for key, value in given.items() if value}


def wanted_again(config: Mapping[str, Any], source: Checkout) -> Wanted:
    """Return options that deploy what was deployed before.

    Args:
        config: of the stack then, with files where they are now.
        source: what that was.
    """
    return Wanted(
        image=str(config.get("image", "")),
        images=config.get("images") or {},
        environment=Path(config["environment"]) if "environment" in config else None,
        chart=Path(config["chart"]) if "chart" in config else None,
        ready_timeout_seconds=int(config.get(stack_config.READY_TIMEOUT) or 0) or None,
        # What the tags named then.
        digests=config.get(stack_config.DIGESTS) or {},
        whole=True,
        again=source,
    )


def checkout_of(wanted: Wanted, job: Pipeline | None) -> Checkout:
    """Return what is deployed: what was before, or what is checked out."""
    if wanted.again:
        return wanted.again
    commit = job.commit if job else git.output(None, "rev-parse", "HEAD")
    return Checkout(commit=commit, root=git.output(None, "rev-parse", "--show-toplevel"))
