"""What a sweep has seen, and what it would do: plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from branchenv.model.records import ClusterRecord, GitLabEnvironment, MergeRequest, StackRecord

GRACE = timedelta(minutes=10)


class Verb(StrEnum):
    """What is done with an environment."""

    DESTROY = "destroy"
    """`pulumi destroy --remove`."""
    DELETE = "delete objects"
    """Those in the cluster that no stack knows."""
    STOP = "stop in GitLab"
    FORGET = "delete in GitLab"
    """The entry of a stopped environment."""
    SLEEP = "sleep"
    """No replicas, and a page that says how to wake it."""
    WARN = "warn"
    """On the merge request."""
    NOTE = "note use"
    """On the stack: how many requests there were, and when that last changed."""


class Rule(StrEnum):
    """Why it is done. docs/operations.md lists these, word for word."""

    BRANCH_GONE = "its branch is gone"
    MERGE_REQUEST_DONE = "its merge request is closed or merged"
    EXPIRED = "it has expired"
    NO_OBJECTS = "its stack has resources, but the cluster has none of its objects"
    EMPTY = "its stack is empty"
    NO_STACK = "no stack knows its objects"
    NOTHING_LEFT = "GitLab lists it, but there is nothing of it"
    EXPIRES_SOON = "it expires soon"
    IDLE = "nobody asked for it"
    USED = "it was asked for"


class Known(Protocol):
    """An environment as the inventory joins it from the sources."""

    @property
    def app(self) -> str:
        """The app."""

    @property
    def slug(self) -> str:
        """The branch's slug."""

    @property
    def branch(self) -> str:
        """Full name of the branch, as far as it is known."""

    @property
    def stack(self) -> StackRecord | None:
        """In Pulumi's backend."""

    @property
    def cluster(self) -> ClusterRecord | None:
        """In the cluster."""

    @property
    def gitlab(self) -> GitLabEnvironment | None:
        """In GitLab."""


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What a sweep has seen beside the environments. Whatever is None was not seen, and nothing rests on it."""

    project: str = ""
    """GitLab project that the branches and merge requests are of, as <group>/<name>."""
    branches: frozenset[str] | None = None
    """All of the project's."""
    merge_requests: Mapping[int, MergeRequest] | None = None
    """By number: the open ones, and those that stacks name."""
    cluster: bool = False
    """Whether all objects of the base stack's cluster were seen."""
    requests: Mapping[tuple[str, str], int] | None = None
    """Requests at the gateway by app and slug, since its proxies started."""
    gone: frozenset[str] = frozenset()
    """Keys of locks whose owner is known to be gone."""
    grace: timedelta = GRACE
    """How long after its last update an environment is nobody's business but its job's."""
    alone: bool = False
    """Whether this base stack is the only one, so that a stack that names none is of this cluster."""


@dataclass(frozen=True, kw_only=True)
class Action:
    """One thing to do with one environment."""

    verb: Verb
    rule: Rule
    app: str
    slug: str
    branch: str
    why: str
    """The rule with its particulars: which branch, since when."""
    environment: Known = field(repr=False, compare=False)
    requests: int | None = None
    """For `NOTE`: the count."""

    @property
    def name(self) -> str:
        """Name of the environment, and of its stack."""
        return f"{self.app}.{self.slug}"


@dataclass(frozen=True, kw_only=True)
class Left:
    """An environment that would be acted on, but for a reason."""

    name: str
    branch: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a sweep would do. Actions on one environment follow each other; environments do not."""

    actions: tuple[Action, ...] = ()
    left: tuple[Left, ...] = ()
