"""What one workload of a branch environment may say: the model behind the published JSON Schema.

The model knows nothing of Pulumi or Kubernetes objects; `pod.py` and `routing.py` make those from it. Names of fields
follow Kubernetes and Istio where those have one.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator

from components.strict import Strict, broken
from core.names import CANARY, MAX_OBJECT, MAX_SLUG, MAX_WORKLOAD
from core.quantity import parse_quantity

UNNAMED = ""
"""Key of the only workload of an environment that gives it no name."""
_LABEL = r"[a-z](?:-?[a-z0-9])*"
# distribution/reference, without its corner cases: [host[:port]/]path[:tag][@digest]
_IMAGE = (
    r"^(?:(?:[A-Za-z0-9][A-Za-z0-9.-]*)(?::[0-9]+)?/)?[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
    r"(?:/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$"
)
_QUANTITY = r"^[0-9]+(?:\.[0-9]+)?(?:m|k|M|G|T|Ki|Mi|Gi|Ti)?$"
# Workload names that would make an environment variable or an object name of this project's own.
_RESERVED_WORKLOADS = frozenset({CANARY, "branch"})


def _plain_text(value: object) -> object:
    """Take a YAML number or truth value as the text it was surely meant to be."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        raise broken(
            "a number with a dot is read as a float, and 1.10 becomes 1.1",
            f"put it in quotes, e.g. '{value}'",
        )
    return value


def _quantity(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _is_mapping(value: object) -> str:
    return "<reference>" if isinstance(value, dict | EnvSource) else "<text>"


def _workload_name(name: str) -> str:
    if not re.fullmatch(_LABEL, name) or len(name) > MAX_WORKLOAD:
        raise broken(
            f"a workload name is at most {MAX_WORKLOAD} of a-z, 0-9 and single dashes, starting with a letter",
            "rename the workload, e.g. web or api",
        )
    if name in _RESERVED_WORKLOADS:
        raise broken(
            "this name is kept for the environment's own objects and variables",
            "choose another, e.g. web",
        )
    return name


def _route_path(path: str) -> str:
    if not re.fullmatch(r"/[A-Za-z0-9._~!$&'()+,;=:@%/-]*", path) or "//" in path:
        raise broken(
            "a path is a prefix that starts with a slash, without wildcard, query or fragment",
            "write the prefix alone, e.g. /api",
        )
    # /api and /api/ claim the same requests.
    return path.rstrip("/") or "/"


Image = Annotated[
    str,
    Field(pattern=_IMAGE, max_length=512, examples=["registry.example.com/shop:1.0"]),
]
Port = Annotated[int, Field(ge=1, le=65535, examples=[8080])]
WorkloadName = Annotated[str, BeforeValidator(_workload_name)]
RoutePath = Annotated[str, BeforeValidator(_route_path), WithJsonSchema({"type": "string", "pattern": "^/"})]
Duration = Annotated[str, Field(pattern=r"^(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h))+$", examples=["10s", "500ms"])]
Seconds = Annotated[int, Field(ge=1, le=3600)]
Quantity = Annotated[
    str,
    BeforeValidator(_quantity),
    Field(pattern=_QUANTITY),
    WithJsonSchema({"type": ["string", "number"], "pattern": _QUANTITY}),
]
EnvName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", examples=["LOG_LEVEL"])]
PlainText = Annotated[
    str,
    BeforeValidator(_plain_text),
    WithJsonSchema({"type": ["string", "integer", "boolean"]}),
]


class KeyRef(Strict):
    """One key of a Secret or ConfigMap in the app's namespace."""

    name: str = Field(min_length=1, examples=["shop-settings"])
    """Name of the Secret or ConfigMap."""
    key: str = Field(min_length=1, examples=["database-url"])
    """Key inside it."""
    optional: bool = False
    """Start the container even if the object or the key does not exist."""


class EnvSource(Strict):
    """An environment variable taken from a Secret or a ConfigMap."""

    secret_key_ref: KeyRef | None = None
    """Take the value from a Secret."""
    config_map_key_ref: KeyRef | None = None
    """Take the value from a ConfigMap."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.secret_key_ref is None) == (self.config_map_key_ref is None):
            raise broken(
                "a reference names exactly one of secretKeyRef and configMapKeyRef",
                "keep one, e.g. {secretKeyRef: {name: shop-settings, key: database-url}}",
            )
        return self


EnvValue = Annotated[
    Annotated[PlainText, Tag("<text>")] | Annotated[EnvSource, Tag("<reference>")],
    Discriminator(_is_mapping),
]


class Amounts(Strict):
    """Amounts of processor, memory and disk, as Kubernetes writes them."""

    cpu: Quantity | None = Field(None, examples=["50m", "1"])
    """Processor cores."""
    memory: Quantity | None = Field(None, examples=["64Mi", "1Gi"])
    """Memory."""
    ephemeral_storage: Quantity | None = Field(None, examples=["1Gi"])
    """Disk space of the container itself."""


class Resources(Strict):
    """What the container asks for and what it may use. A limit left out grows with its request."""

    requests: Amounts = Amounts()
    """What the scheduler reserves. Default: 50m cpu, 64Mi memory."""
    limits: Amounts = Amounts()
    """What the container may use. Default: 1 cpu, 512Mi memory."""

    @model_validator(mode="after")
    def _request_within_limit(self) -> Self:
        for what in Amounts.model_fields:
            request, limit = getattr(self.requests, what), getattr(self.limits, what)
            if request is not None and limit is not None and parse_quantity(request) > parse_quantity(limit):
                raise broken(
                    f"the {what} request {request} is above its limit {limit}",
                    "raise the limit or lower the request",
                    at="requests",
                )
        return self


class Probe(Strict):
    """One probe: HTTP if a path is given, a command if one is given, else a TCP connection to the port."""

    path: str | None = Field(None, pattern="^/", examples=["/healthz"])
    """HTTP path that answers 2xx or 3xx when all is well."""
    command: tuple[str, ...] | None = Field(None, min_length=1)
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
        if self.path is not None and self.command is not None:
            raise broken("a probe has a path or a command, not both", "keep one of them")
        return self


def _is_off(value: object) -> str:
    return "<off>" if value is False else "<probe>"


ProbeOrOff = Annotated[
    Annotated[Probe, Tag("<probe>")] | Annotated[Literal[False], Tag("<off>")],
    Discriminator(_is_off),
]


class Probes(Strict):
    """How Kubernetes learns that the container is up."""

    path: str | None = Field(None, pattern="^/", examples=["/healthz"])
    """HTTP path for the readiness and startup probes. Without it they open a TCP connection to the port."""
    readiness: ProbeOrOff = Probe()
    """Asked once the container runs, then every second; while it fails no request is sent. `false` turns it off."""
    liveness: Probe | None = None
    """Restarts the container when it fails. Off by default: a crash restarts it anyway."""
    startup: ProbeOrOff | None = None
    """Keeps the others waiting until the container is up: asked every second, at most as long as `pulumi up` waits. If
    it is not given, only with liveness or without readiness: it costs up to a second. `false` turns it off."""


class Security(Strict):
    """What the container may do. The defaults meet the `restricted` Pod Security Standard."""

    run_as_user: int | None = Field(65532, ge=0)
    """User id. The default makes images run whose own user is root or has no number; `null` takes the image's user."""
    run_as_group: int | None = Field(65532, ge=0)
    """Group id; `null` takes the image's group."""
    run_as_non_root: bool = True
    """Refuse to start as user 0."""
    allow_privilege_escalation: bool = False
    """Let a process gain more rights than its parent (setuid, sudo)."""
    read_only_root_filesystem: bool = False
    """Make the image's files unwritable; /tmp stays writable."""
    add_capabilities: tuple[str, ...] = Field((), examples=[["NET_BIND_SERVICE"]])
    """Linux capabilities to add."""
    drop_capabilities: tuple[str, ...] = ("ALL",)
    """Linux capabilities to drop."""
    seccomp_profile: Literal["RuntimeDefault", "Unconfined"] = "RuntimeDefault"
    """Filter of system calls."""

    @model_validator(mode="after")
    def _root_is_meant(self) -> Self:
        if self.run_as_user == 0 and self.run_as_non_root:
            raise broken(
                "runAsUser 0 is root, and runAsNonRoot forbids root",
                "set runAsNonRoot: false as well if the image really needs root",
                at="runAsUser",
            )
        return self


class Retries(Strict):
    """What the gateway does when an attempt to reach the workload fails."""

    attempts: int = Field(2, ge=0, le=10)
    """Attempts after the first; 0 turns retries off."""
    per_try_timeout: Duration | None = None
    """Time for one attempt."""
    retry_on: str = Field(
        "connect-failure,refused-stream",
        min_length=1,
        examples=["connect-failure,refused-stream,503"],
    )
    """Envoy's retry conditions. By default only failures in which the app has surely not seen the request."""


class Cors(Strict):
    """Which other sites' pages may call this route."""

    allow_origins: tuple[str, ...] = Field(min_length=1, examples=[["https://app.example.com"]])
    """Origins, exactly; `*` for all."""
    allow_methods: tuple[str, ...] = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    """HTTP methods."""
    allow_headers: tuple[str, ...] = ()
    """Request headers."""
    expose_headers: tuple[str, ...] = ()
    """Response headers that the page may read."""
    max_age: Duration | None = None
    """How long a browser may remember this."""
    allow_credentials: bool = False
    """Allow cookies and authorization headers."""

    @model_validator(mode="after")
    def _no_credentials_for_all(self) -> Self:
        if self.allow_credentials and "*" in self.allow_origins:
            raise broken(
                "allowCredentials with origin * would let every site act for the user",
                "list the origins, or turn allowCredentials off",
                at="allowCredentials",
            )
        return self


class Route(Strict):
    """Requests whose path starts with a prefix, whole segments at a time: /api takes /api/x and not /apiary."""

    path: RoutePath = "/"
    """Path prefix."""
    rewrite: RoutePath | None = None
    """Prefix that the workload sees in its place; `/` strips it."""
    retries: Retries = Retries()
    """Retries."""
    timeout: Duration | None = None
    """Time for the whole request. None by default."""
    cors: Cors | None = None
    """Cross-origin requests."""


class Canary(Strict):
    """A second image of the same workload, which takes a share of its traffic."""

    image: Image
    """The second image."""
    weight: int = Field(ge=1, le=99, examples=[20])
    """Per cent of requests that it takes."""
    replicas: int = Field(1, ge=1, le=50)
    """Number of its pods."""


class Workload(Strict):
    """One container image that runs as a Deployment behind a Service."""

    image: Image | None = None
    """Container image. May be left out where the stack's config gives it."""
    port: Port = 8080
    """Port that the container listens on."""
    command: tuple[str, ...] | None = Field(None, min_length=1)
    """Replaces the image's entrypoint."""
    args: tuple[str, ...] | None = Field(None, min_length=1)
    """Replaces the image's command."""
    env: dict[EnvName, EnvValue] = Field({}, examples=[{"LOG_LEVEL": "debug"}])
    """Environment variables, beside BRANCH, BRANCH_SLUG, BRANCH_URL and the siblings' <WORKLOAD>_URL."""
    replicas: int = Field(1, ge=0, le=50)
    """Number of pods."""
    resources: Resources = Resources()
    """Processor and memory."""
    probes: Probes = Probes()
    """Probes."""
    routes: tuple[Route, ...] | None = None
    """Paths that it answers at the environment's URL. An only workload answers everything; a workload without routes
    is reached by its siblings alone."""
    canary: Canary | None = None
    """A second image that takes a share of the traffic."""
    security: Security = Security()
    """What the container may do."""
    service_account: str | None = Field(None, min_length=1)
    """ServiceAccount. Default: the app's own."""
    automount_service_account_token: bool = False
    """Give the container a token of the Kubernetes API. Cloud identities work without it."""
    image_pull_policy: Literal["IfNotPresent", "Always", "Never"] = "IfNotPresent"
    """When to pull the image."""
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
    def _paths_once(self) -> Self:
        paths = [route.path for route in self.routes or ()]
        if twice := sorted({path for path in paths if paths.count(path) > 1}):
            raise broken(f"the path {twice[0]} is claimed twice", "keep one route for it", at="routes")
        return self


MAX_CANARY_WORKLOAD = MAX_OBJECT - MAX_SLUG - len(CANARY) - 2 * len("--")


def routes_of(workloads: Mapping[str, Workload], name: str) -> tuple[Route, ...]:
    """Give a workload's routes; an only workload that says nothing answers everything."""
    routes = workloads[name].routes
    if routes is None:
        return (Route(),) if len(workloads) == 1 else ()
    return routes
