"""Readiness, liveness and startup probes."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from components.branch.spec.port import Port
from components.branch.spec.text import PlainText
from components.branch.spec.written import Ambiguous
from components.strict import Strict, broken

Seconds = Annotated[int, Field(ge=1, le=3600)]


class Probe(Strict):
    """One probe: HTTP if a path is given, gRPC or a command if one is given, else a TCP connection to the port."""

    path: str | None = Field(None, pattern="^/", examples=["/healthz"])
    """HTTP path that answers 2xx or 3xx when all is well."""
    grpc: str | None = Field(None, examples=["", "shop.Orders"])
    """Service that grpc.health.v1.Health says SERVING of when all is well; "" for the server as a whole."""
    command: tuple[PlainText, ...] | None = Field(None, min_length=1)
    """Command, run in the container, that exits with 0 when all is well."""
    port: Port | None = None
    """Port to ask, if not the workload's own."""
    initial_delay_seconds: int | None = Field(None, ge=0, le=3600)
    """Seconds before the first try."""
    period_seconds: Seconds | None = None
    """Seconds between tries."""
    timeout_seconds: Seconds | None = None
    """Seconds before a try counts as failed."""
    failure_threshold: int | None = Field(None, ge=1, le=3600)
    """Failures in a row that count."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(each is not None for each in (self.path, self.grpc, self.command)) > 1:
            raise broken("a probe has a path or a command, not both; nor grpc beside one", "keep one of them")
        return self


def _off(value: object) -> object:
    return False if isinstance(value, Ambiguous) and value.lower() in {"off", "no"} else value


def _is_off(value: object) -> str:
    return "<off>" if value is False else "<probe>"


ProbeOrOff = Annotated[
    Annotated[
        Annotated[Probe, Tag("<probe>")] | Annotated[Literal[False], Tag("<off>")],
        Discriminator(_is_off),
    ],
    BeforeValidator(_off),
]


class Probes(Strict):
    """How Kubernetes learns that the container is up."""

    path: str | None = Field(None, pattern="^/", examples=["/healthz"])
    """HTTP path for the readiness and startup probes. Without it they open a TCP connection to the port."""
    grpc: str | None = Field(None, examples=["", "shop.Orders"])
    """The same by gRPC: the service that grpc.health.v1.Health is asked for, "" for the server as a whole."""
    readiness: ProbeOrOff = Probe()
    """Asked once the container runs, then every second; while it fails no request is sent. `false` turns it off."""
    liveness: Probe | None = None
    """Restarts the container when it fails. Off by default: a crash restarts it anyway."""
    startup: ProbeOrOff | None = None
    """Keeps the others waiting until the container is up: asked every second, at most as long as `pulumi up` waits. If
    it is not given, only with liveness or without readiness: it costs up to a second. `false` turns it off."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if self.path is not None and self.grpc is not None:
            raise broken("probes ask by path or by grpc, not by both", "keep one of them", at="grpc")
        return self

    @property
    def asked(self) -> tuple[tuple[str, Probe], ...]:
        """Every probe that is on by what the file says, with its key."""
        named = (("readiness", self.readiness), ("liveness", self.liveness), ("startup", self.startup))
        return tuple((name, probe) for name, probe in named if probe)
