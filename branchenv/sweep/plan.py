"""What a sweep would do: plain data."""

from dataclasses import dataclass, field
from enum import StrEnum

from branchenv.inventory.classify import Environment
from branchenv.inventory.endings import Removal


class Verb(StrEnum):
    """What is done with an environment."""

    DESTROY = "destroy"
    """`pulumi destroy --remove`."""
    DELETE = "delete objects"
    """Those in the cluster without a stack."""
    STOP = "stop in GitLab"
    FORGET = "delete in GitLab"
    """The entry of a stopped environment."""
    SLEEP = "sleep"
    """No replicas, and a page that says how to wake it."""
    WARN = "warn"
    """On the merge request."""
    NOTE = "note use"
    """On the stack: how many requests there were, and when that last changed."""


class Upkeep(StrEnum):
    """Why something is done with an environment that stays. docs/operations.md lists these, word for word."""

    EXPIRES_SOON = "it expires soon"
    IDLE = "nobody asked for it"
    USED = "it was asked for"


@dataclass(frozen=True, kw_only=True)
class Action:
    """One thing to do with one environment."""

    verb: Verb
    rule: Removal | Upkeep
    app: str
    slug: str
    branch: str
    why: str
    """The rule with its particulars: which branch, since when."""
    environment: Environment = field(repr=False, compare=False)
    requests: int | None = None
    """For `NOTE`: the count."""

    @property
    def name(self) -> str:
        """Name of the environment, and of its stack."""
        return f"{self.app}.{self.slug}"


@dataclass(frozen=True, kw_only=True)
class Left:
    """An environment that is left alone, and why."""

    name: str
    branch: str
    why: str


@dataclass(frozen=True, kw_only=True)
class SweepPlan:
    """What a sweep would do. Actions on one environment follow each other; environments do not."""

    actions: tuple[Action, ...] = ()
    left: tuple[Left, ...] = ()
