"""What one cause of a failure is, to people and to scripts."""

from dataclasses import dataclass
from enum import StrEnum


class ReasonKind(StrEnum):
    """What stands in the way."""

    IMAGE = "image"
    """It cannot be pulled."""
    ROOM = "room"
    """No node takes the pod."""
    REFUSED = "refused"
    """A rule, a quota or a limit refuses an object."""
    CONTAINER = "container"
    """It cannot be started: a missing Secret, a command that does not exist."""
    CRASH = "crash"
    """It was started, and ended."""
    MEMORY = "memory"
    """It was killed, as it used more than its limit."""
    PORT = "port"
    """It runs, and nothing listens where its probe asks."""
    PROBE = "probe"
    """It runs, and its probe is answered with no, or not in time."""
    STARTING = "starting"
    """Nothing is known to be wrong yet."""
    URL = "url"
    """The pods are ready, and the URL does not answer."""
    DEPLOY = "deploy"
    """`pulumi up` itself said why it failed."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One cause."""

    kind: ReasonKind
    workload: str
    """As the environment file calls it; of a chart, the object's name. Empty where it is of none."""
    what: str
    """One line."""
    fix: str = ""
    log: tuple[str, ...] = ()
    """The container's last lines."""
    pod: str = ""
    """One that shows it."""
    told: bool = False
    """Whether Pulumi's own output says it in full. Named as in `why --json`, whose fields keep their names."""

    def __str__(self) -> str:
        return f"{self.workload}: {self.what}" if self.workload else self.what
