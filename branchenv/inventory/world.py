"""What each source answered: plain data, no input or output."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from branchenv.model.base import app_of
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import ClusterRecord, GitLabEnvironment, MergeRequest, StackRecord
from core.contract import Base

GRACE = timedelta(minutes=10)


class Reach(StrEnum):
    """Whether a source was seen."""

    SEEN = "seen"
    MISSING = "missing"
    """It could not be reached, or refused."""
    DOUBTFUL = "doubtful"
    """It answered, but hardly as the source that was meant: another cluster, another project."""
    NOT_ASKED = "not asked"
    """Nothing says where it is."""


@dataclass(frozen=True, kw_only=True)
class SourceStatus:
    """What became of asking one source."""

    name: str
    """backend, cluster or gitlab; gateway, for its counts of requests."""
    reach: Reach
    why: str = ""
    """Why it was not seen, or which part of it."""
    fix: str = ""


@dataclass(frozen=True, kw_only=True)
class World:
    """What the sources answered. Whatever is None was not seen, and nothing may rest on it."""

    app: str = ""
    """The app whose environments were asked for; empty for all."""
    project: str = ""
    """GitLab project that branches, merge requests and entries are of, as <group>/<name>."""
    base: Base | None = None
    """Contract of the cluster's base stack; None if it was not found, or cannot be read."""
    stacks: Sequence[StackRecord] | None = None
    """Base stacks too, of which the name is known alone."""
    objects: Sequence[ClusterRecord] | None = None
    branches: frozenset[str] | None = None
    """All of the project's."""
    merge_requests: Sequence[MergeRequest] | None = None
    """The open ones, and those that stacks name."""
    entries: Sequence[GitLabEnvironment] | None = None
    """Of the project, called <app>/<branch>."""
    requests: Mapping[tuple[str, str], int] | None = None
    """Requests at the gateway by app and slug, since its proxies started."""
    dead_locks: frozenset[str] = frozenset()
    """Keys of locks whose owner is known to have ended."""
    sources: tuple[SourceStatus, ...] = ()
    errors: Mapping[str, BranchenvError] = field(default_factory=dict)
    """Why a source, or `base`, is missing, by name."""
    grace: timedelta = GRACE
    """How long after its last update an environment is left to the job that made it."""

    @property
    def unreliable(self) -> tuple[SourceStatus, ...]:
        """Sources that were asked and not seen: as long as there is one, nothing is deleted.

        Not the gateway's counts, on which only sleep rests.
        """
        return tuple(
            each
            for each in self.sources
            if each.reach in (Reach.MISSING, Reach.DOUBTFUL) and each.name in ("backend", "cluster", "gitlab")
        )

    @property
    def cluster_is_doubtful(self) -> bool:
        """Whether it has no object of any environment, though stacks say that there are some."""
        return any(each.name == "cluster" and each.reach == Reach.DOUBTFUL for each in self.sources)

    @property
    def has_one_base(self) -> bool:
        """Whether the backend has one base stack only, so that a stack that names none is of its cluster."""
        return sum(each.name.startswith("base-") for each in self.stacks or ()) == 1

    def required_base(self) -> Base:
        """Return the base stack, for one who can say nothing without it, nor without the stacks.

        Raises:
            BranchenvError: the backend was not seen, or the cluster has no such base stack, or that cannot be read.
        """
        if self.base and self.stacks is not None:
            return self.base
        raise self.errors.get("backend") or self.errors["base"]

    @property
    def wrong_base(self) -> BranchenvError | None:
        """Return why the cluster has no such base stack; None if it has, or was not seen at all."""
        error = self.errors.get("base")
        return error if error and error.code == ExitCode.BASE else None

    def check_app(self) -> None:
        """Refuse an app that neither the base stack nor any stack or object knows; without a base nobody can say.

        Raises:
            BranchenvError: with the names that there are.
        """
        seen = {each.app for each in self.stacks or () if each.slug} | {each.app for each in self.objects or ()}
        if self.app and self.base and self.app not in seen:
            app_of(self.base, self.app)
