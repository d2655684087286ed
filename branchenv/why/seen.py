"""One pod as it was seen, and the words in which it is spoken of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from branchenv.why import texts
from branchenv.why.reason import Reason, ReasonKind

Object = Mapping[str, Any]
"""Of the API server, as it says it."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One pod, and what else is known of it."""

    pod: Object
    workload: str
    """As the environment file calls it; of a chart, the object's name."""
    declared: bool = True
    """Whether an environment file makes it; else a chart, which has its own names for all settings."""
    events: Sequence[Object] = ()
    """About it, the newest last."""
    logs: Mapping[str, str] = field(default_factory=dict)
    """By container: of the run that ended last, or of the one that is not ready."""

    @property
    def warnings(self) -> list[Object]:
        """Events that are none of success."""
        return [each for each in self.events if each.get("type") == "Warning"]

    def spec(self, container: Object) -> Object:
        """Return what a container was to be."""
        spec = self.pod.get("spec", {})
        every = [*spec.get("containers", ()), *spec.get("initContainers", ())]
        return next((each for each in every if each["name"] == container["name"]), {})

    def its(self, container: Object) -> str:
        """Speak of a container, by its name where there are several."""
        spec = self.pod.get("spec", {})
        alone = len([*spec.get("containers", ()), *spec.get("initContainers", ())]) == 1
        return "its container" if alone else f"its container {container['name']}"

    def setting(self, path: str) -> str:
        """Name a setting, by its path in the environment file."""
        return f"{path} of {self.workload}" if self.declared else f"{path.rpartition('.')[2]} in the chart"

    def reason(self, kind: ReasonKind, what: str, fix: str = "", *, container: Object | None = None) -> Reason:
        """Return a cause that this pod shows.

        Args:
            kind: of it.
            what: one line.
            fix: how to do it right.
            container: whose log tells more.
        """
        log = self.logs.get(container["name"], "") if container else ""
        return Reason(
            kind=kind,
            workload=self.workload,
            what=what,
            fix=fix,
            log=texts.lines(log),
            pod=self.pod["metadata"]["name"],
        )


def is_ready(pod: Object) -> bool:
    """Whether a pod takes requests, or has done its work."""
    status = pod.get("status", {})
    return status.get("phase") == "Succeeded" or any(
        each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions", ())
    )


def statuses(pod: Object) -> Iterator[Object]:
    """Return the status of each of a pod's containers, in the order in which they start."""
    status = pod.get("status", {})
    yield from status.get("initContainerStatuses", ())
    yield from status.get("containerStatuses", ())
