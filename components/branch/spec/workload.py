"""A workload: a container image that runs as a Deployment behind a Service."""

from collections.abc import Mapping
from typing import Self

from pydantic import Field, model_validator

from components.branch.spec.container import Container
from components.branch.spec.image import Image
from components.branch.spec.name import WorkloadName
from components.branch.spec.port import PortOrNone, Protocol
from components.branch.spec.probes import Probes
from components.branch.spec.route import Route, claimed_twice
from components.branch.spec.volume import Volume
from components.strict import Strict, broken
from core.names import CANARY, MAX_OBJECT, MAX_SLUG

MAX_CANARY_WORKLOAD = MAX_OBJECT - MAX_SLUG - len(CANARY) - 2 * len("--")


class Canary(Strict):
    """A second image of the same workload, which takes a share of its traffic."""

    image: Image
    """The second image."""
    weight: int = Field(ge=1, le=99, examples=[20])
    """Per cent of requests that it takes."""
    replicas: int = Field(1, ge=1, le=50)
    """Number of its pods."""


class Workload(Container):
    """One container image that runs as a Deployment behind a Service."""

    protocol: Protocol = "http"
    """What it speaks: http; http2 (without TLS) or grpc, through the URL as well; tcp, for siblings alone. Siblings
    reach http at <slug>--<workload>, port 80, and the others at their own port."""
    port: PortOrNone = 8080
    """Port that the container listens on; `none` for a worker that listens on none."""
    replicas: int = Field(1, ge=0, le=50)
    """Number of pods."""
    probes: Probes = Probes()
    """Probes."""
    volumes: dict[WorkloadName, Volume] = Field({}, examples=[{"data": {"path": "/var/lib/app", "size": "1Gi"}}])
    """Folders whose content is kept from push to push, by name; where each branch has a namespace of its own. One pod
    at a time has them: the old one ends before the new one begins, so the workload does not answer meanwhile."""
    routes: tuple[Route, ...] | None = None
    """Paths that it answers at the environment's URL. An only workload answers everything; a workload without routes
    is reached by its siblings alone."""
    canary: Canary | None = None
    """A second image that takes a share of the traffic."""
    drain_seconds: int = Field(2, ge=0, le=300)
    """How long a pod that is being replaced goes on answering, until the gateway has forgotten it."""
    termination_grace_period_seconds: int = Field(5, ge=1, le=600)
    """Seconds from the order to stop until the container is killed, drainSeconds included."""

    @model_validator(mode="after")
    def _drain_within_grace(self) -> Self:
        if self.drain_seconds >= self.termination_grace_period_seconds:
            raise broken(
                f"drainSeconds {self.drain_seconds} leaves the container no time to stop within "
                f"terminationGracePeriodSeconds {self.termination_grace_period_seconds}",
                "raise terminationGracePeriodSeconds or lower drainSeconds",
                at="drainSeconds",
            )
        return self

    @model_validator(mode="after")
    def _one_pod_has_volumes(self) -> Self:
        if not self.volumes:
            return self
        if self.canary or self.replicas > 1:
            raise broken(
                "one pod at a time has a volume, and no second one of a canary or of several replicas",
                "take canary and replicas out; or move what is kept to a workload of its own, which the others ask",
                at="volumes",
            )
        paths = [*self.scratch, *(volume.path for volume in self.volumes.values())]
        if twice := sorted({path for path in paths if paths.count(path) > 1}):
            raise broken(
                f"{', '.join(twice)} is the path of two folders", "give each volume a path of its own", at="volumes"
            )
        return self

    @property
    def routable(self) -> bool:
        """Whether the gateway can send it requests."""
        return self.port is not None and self.protocol != "tcp"

    @model_validator(mode="after")
    def _routes_speak_http(self) -> Self:
        if self.routable:
            return self
        if self.port is None:
            rule = "a workload that listens on no port is reached by nobody"
            fix = "take it out, or give the workload its port"
        else:
            rule = "the gateway sends HTTP alone, and plain TCP names no host: siblings reach it at its own port"
            fix = "take it out, or write protocol: http, http2 or grpc, whichever it speaks"
        for what in ("routes", "canary"):
            if getattr(self, what):
                raise broken(rule, fix, at=what)
        if self.port is None and self.protocol != "http":
            raise broken(rule, "take protocol out, or give the workload its port", at="protocol")
        return self

    @model_validator(mode="after")
    def _probes_speak_it(self) -> Self:
        probes = self.probes
        if self.port is None:
            asking = [
                f"probes.{name}"
                for name, probe in probes.asked
                if name in probes.model_fields_set and not probe.command and probe.port is None
            ]
            if (probes.path or probes.grpc) is not None or asking:
                raise broken(
                    "a workload that listens on no port answers no probe over the network",
                    "take it out, or let it run a command: probes: {readiness: {command: [...]}}",
                    at=asking[0] if asking else "probes",
                )
        elif self.protocol != "http":
            at_path = [f"probes.{name}" for name, probe in probes.asked if probe.path and probe.port is None]
            if probes.path or at_path:
                fix = (
                    'write probes: {grpc: ""}, where it has grpc.health.v1.Health'
                    if self.protocol == "grpc"
                    else ("take path out: the port is then only opened")
                )
                raise broken(
                    f"the kubelet asks a path by HTTP/1.1, which a workload of protocol {self.protocol} does not speak",
                    f"{fix}; or name a port that speaks it: probes: {{readiness: {{path: /healthz, port: 8081}}}}",
                    at=at_path[0] if at_path else "probes",
                )
        return self

    @model_validator(mode="after")
    def _paths_once(self) -> Self:
        if twice := claimed_twice(self.routes or ()):
            raise broken(f"{twice} is claimed twice", "keep one route for it", at="routes")
        return self


def routes_of(workloads: Mapping[str, Workload], name: str) -> tuple[Route, ...]:
    """Return a workload's routes; an only workload that says nothing answers everything, if it speaks HTTP."""
    routes = workloads[name].routes
    if routes is None:
        return (Route(),) if len(workloads) == 1 and workloads[name].routable else ()
    return routes
