"""What one workload of a branch environment may say: the model behind the published JSON Schema.

The model knows nothing of Pulumi or Kubernetes objects; `pod.py` and `virtual_service.py` make those from it. Names of
fields follow Kubernetes and Istio where those have one.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator

from components.branch.written import Ambiguous, WrittenFloat, WrittenInt
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
NO_PORT = "none"
"""What a file says for `port` of a workload that listens on none."""
_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
_QUANTITY = r"^[0-9]+(?:\.[0-9]+)?(?:m|k|M|G|T|Ki|Mi|Gi|Ti)?$"
_SIZE = r"^(?:[0-9]+(?:\.[0-9]+)?(?:k|M|G|T|Ki|Mi|Gi|Ti)|0)$"
# https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter#x-envoy-retry-on
_RETRY_ON = frozenset(
    {
        "5xx",
        "cancelled",
        "connect-failure",
        "deadline-exceeded",
        "envoy-ratelimited",
        "gateway-error",
        "http3-post-connect-failure",
        "internal",
        "refused-stream",
        "reset",
        "reset-before-request",
        "resource-exhausted",
        "retriable-4xx",
        "unavailable",
    }
)
# Workload names that would make an environment variable or an object name of this project's own.
_RESERVED_WORKLOADS = frozenset({CANARY, "branch"})


def _plain_text(value: object) -> object:
    """Take a YAML number or truth value as the text it was surely meant to be."""
    if value is None:
        raise broken("there is no value", 'write <key>: "" for an empty one, or take it out')
    if isinstance(value, list):
        raise broken("this is one text, not a list", 'write the items as the app splits them, e.g. <key>: "a,b"')
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, WrittenInt | WrittenFloat):
        return value.written
    if isinstance(value, float):
        raise broken("a number with a dot is read as a float, and 1.10 becomes 1.1", f'put it in quotes: "{value}"')
    return str(value) if isinstance(value, int) else value


def _variable_name(name: str) -> str:
    if not re.fullmatch(_VARIABLE, name):
        meant = re.sub(r"^(?=[0-9])|[^A-Za-z0-9_]", "_", name)
        raise broken(
            "a variable's name is letters, digits and _, and begins with no digit", f"call it {meant or 'NAME'}"
        )
    return name


def _variables(value: object) -> object:
    if not isinstance(value, list):
        return value
    named = [each.get("name") if isinstance(each, dict) else str(each).partition("=")[0] for each in value]
    names = [name for name in named if isinstance(name, str) and re.fullmatch(_VARIABLE, name)]
    told = ", ".join(f"{name}: <value>" for name in names) or "LOG_LEVEL: debug"
    raise broken("variables are a mapping of names to values, not a list", f"write env: {{{told}}}")


def _quantity(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _port(value: object) -> object:
    if value is None:
        raise broken("there is no value", f"write port: {NO_PORT} for a workload that listens on no port")
    return None if value == NO_PORT else value


def _size(value: object) -> object:
    """Refuse a size without a unit, which would be bytes, and one in `m`, which is thousandths of a byte."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return value
    written = str(value)
    if re.fullmatch(_SIZE, written):
        return written
    if not (found := re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*", written)):
        return written
    number, unit = found.groups()
    meant = {"k": "Ki", "g": "Gi", "t": "Ti"}.get(unit[:1].lower(), "Mi")
    rule = "a size has a unit: Ki, Mi, Gi or Ti (or k, M, G, T for powers of ten)"
    if unit == "m":
        rule += "; m are thousandths of a byte"
    elif not unit:
        rule += f"; {number} alone would be bytes"
    raise broken(rule, f"write {number}{meant}")


def _is_mapping(value: object) -> str:
    return "<reference>" if isinstance(value, dict | EnvSource) else "<text>"


def _workload_name(name: str) -> str:
    if not re.fullmatch(_LABEL, name) or len(name) > MAX_WORKLOAD:
        raise broken(
            f"the name of a workload or a job is at most {MAX_WORKLOAD} of a-z, 0-9 and single dashes, starting with a "
            "letter",
            "rename it, e.g. web or api",
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


def _folder(path: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9._-]+)+/?", path) or ".." in path.split("/"):
        raise broken("a folder is an absolute path in the container, and not its root", "write e.g. /var/cache/app")
    return path.rstrip("/")


def _origin(origin: str) -> str:
    """Refuse what no browser sends: an origin is compared as a whole."""
    if origin in {"*", "null"}:
        return origin
    scheme, separator, rest = origin.rpartition("://")
    host, _, tail = rest.partition("/")
    host = host.lower()
    scheme = scheme.lower() or "https"
    default = {"http": ":80", "https": ":443"}.get(scheme)
    right = f"{scheme}://{host.removesuffix(default) if default else host}"
    if not re.fullmatch(r"[a-z][a-z0-9+.-]*://(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*(?::(?:[0-9]+|\*))?", right):
        raise broken(
            "an origin is scheme://host[:port]; `*.` before the host stands for any names, `*` as port for any",
            "write it as the browser's Origin header has it, e.g. https://app.example.com or https://*.example.com",
        )
    if not separator or tail or origin != right:
        raise broken(
            "browsers send an origin as scheme://host[:port]: in lower case, without path, slash or the scheme's own "
            "port, so this would never match",
            f"write {right}",
        )
    return origin


def _method(method: str) -> str:
    if method != method.upper():
        raise broken(
            "browsers compare methods as they are written, so this would never match", f"write {method.upper()}"
        )
    return method


def _retry_on(conditions: str) -> str:
    given = [each.strip() for each in conditions.split(",")]
    unknown = [each for each in given if each not in _RETRY_ON and not re.fullmatch(r"[1-5][0-9]{2}", each)]
    if unknown:
        close = difflib.get_close_matches(unknown[0], sorted(_RETRY_ON), n=1)
        raise broken(
            f"Envoy has no retry condition {unknown[0]!r}, so it would never hold",
            f"write {close[0]}" if close else f"write some of {', '.join(sorted(_RETRY_ON))}, or a status, e.g. 503",
        )
    return ",".join(given)


def _image(image: str) -> str:
    """Refuse what no registry takes, and say what was probably meant."""
    if re.fullmatch(_IMAGE, image):
        return image
    name, at, digest = re.sub(r"^\s*(?:[a-z]+://)?|\s+$|:$", "", image).partition("@")
    repository, colon, tag = name.rpartition(":") if ":" in name.rpartition("/")[2] else (name, "", "")
    meant = f"{repository.lower()}{colon}{tag}{at}{digest}"
    rule = (
        "an image is [registry/]repository[:tag][@sha256:<64 digits>], the repository in lower case, without a scheme"
    )
    if "$" in image:
        raise broken(
            f"{rule}; this one holds a variable that nothing has filled in", "set the variable, or write its value"
        )
    fits = re.fullmatch(_IMAGE, meant)
    raise broken(
        rule, f"write {meant}" if fits else "write it as `docker pull` takes it, e.g. registry.example.com/shop:1.0"
    )


Image = Annotated[
    str,
    Field(max_length=512, examples=["registry.example.com/shop:1.0"]),
    AfterValidator(_image),
    WithJsonSchema(
        {"type": "string", "maxLength": 512, "pattern": _IMAGE, "examples": ["registry.example.com/shop:1.0"]}
    ),
]
Port = Annotated[int, Field(ge=1, le=65535, examples=[8080])]
PortOrNone = Annotated[
    Port | None,
    BeforeValidator(_port),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1, "maximum": 65535}, {"const": NO_PORT}]}),
]
Protocol = Literal["http", "http2", "grpc", "tcp"]
WorkloadName = Annotated[str, BeforeValidator(_workload_name)]
RoutePath = Annotated[str, BeforeValidator(_route_path), WithJsonSchema({"type": "string", "pattern": "^/"})]
FolderPath = Annotated[
    str, BeforeValidator(_folder), WithJsonSchema({"type": "string", "pattern": "^/.", "examples": ["/var/cache/app"]})
]
Duration = Annotated[str, Field(pattern=r"^(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h))+$", examples=["10s", "500ms"])]
Seconds = Annotated[int, Field(ge=1, le=3600)]
Quantity = Annotated[
    str,
    BeforeValidator(_quantity),
    Field(pattern=_QUANTITY),
    WithJsonSchema({"type": ["string", "number"], "pattern": _QUANTITY}),
]
Size = Annotated[
    str,
    BeforeValidator(_size),
    Field(pattern=_SIZE),
    WithJsonSchema({"type": ["string", "integer"], "pattern": _SIZE, "maximum": 0}),
]
EnvName = Annotated[
    str,
    AfterValidator(_variable_name),
    WithJsonSchema({"type": "string", "pattern": f"^{_VARIABLE}$", "examples": ["LOG_LEVEL"]}),
]
PlainText = Annotated[
    str,
    BeforeValidator(_plain_text),
    WithJsonSchema({"type": ["string", "number", "boolean"]}),
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
    memory: Size | None = Field(None, examples=["64Mi", "1Gi"])
    """Memory."""
    ephemeral_storage: Size | None = Field(None, examples=["1Gi"])
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
                "if the image really needs root, take both out and write runAs: root beside security",
                at="runAsUser",
            )
        return self


# What images that begin as root do before they give it up: own files, become another user, bind any port.
_ROOT = {
    "run_as_user": 0,
    "run_as_group": 0,
    "run_as_non_root": False,
    "add_capabilities": (
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "NET_BIND_SERVICE",
        "SETGID",
        "SETUID",
    ),
}


class Retries(Strict):
    """What the gateway does when an attempt to reach the workload fails."""

    attempts: int = Field(2, ge=0, le=10)
    """Attempts after the first; 0 turns retries off."""
    per_try_timeout: Duration | None = None
    """Time for one attempt."""
    retry_on: Annotated[str, AfterValidator(_retry_on)] = Field(
        "connect-failure,refused-stream",
        min_length=1,
        examples=["connect-failure,refused-stream,503"],
    )
    """Envoy's retry conditions. By default only failures in which the app has surely not seen the request."""


class Cors(Strict):
    """Which other sites' pages may call this route."""

    allow_origins: tuple[Annotated[str, AfterValidator(_origin)], ...] = Field(
        min_length=1, examples=[["https://app.example.com", "https://*.example.com"]]
    )
    """Origins as browsers send them; `*.` before a host for every name below it, `*` alone for all."""
    allow_methods: tuple[Annotated[str, AfterValidator(_method)], ...] = (
        "GET",
        "HEAD",
        "POST",
        "PUT",
        "PATCH",
        "DELETE",
        "OPTIONS",
    )
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

    host: WorkloadName | None = Field(None, examples=["admin"])
    """Answer at another host than the environment's own: `admin` is `<slug>--admin.<domain of the app>`, whose URL
    every container has as BRANCH_ADMIN_URL."""
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

    @property
    def claim(self) -> str:
        """What no other route may have: the path, and the host if it is not the environment's own."""
        return f"the path {self.path}" + (f" of the host {self.host}" if self.host else "")


class Canary(Strict):
    """A second image of the same workload, which takes a share of its traffic."""

    image: Image
    """The second image."""
    weight: int = Field(ge=1, le=99, examples=[20])
    """Per cent of requests that it takes."""
    replicas: int = Field(1, ge=1, le=50)
    """Number of its pods."""


class Container(Strict):
    """One container image, and how it runs: what workloads, jobs and schedules have in common."""

    image: Image | None = None
    """Container image. May be left out where the stack's config gives it."""
    command: tuple[PlainText, ...] | None = Field(None, min_length=1)
    """Replaces the image's entrypoint."""
    args: tuple[PlainText, ...] | None = Field(None, min_length=1)
    """Replaces the image's command."""
    env: Annotated[dict[EnvName, EnvValue], BeforeValidator(_variables)] = Field({}, examples=[{"LOG_LEVEL": "debug"}])
    """Environment variables, beside BRANCH, BRANCH_SLUG, BRANCH_URL and the siblings' <WORKLOAD>_URL; where a sibling
    speaks something else than http, its <WORKLOAD>_HOST and <WORKLOAD>_PORT as well."""
    resources: Resources = Resources()
    """Processor and memory."""
    scratch: dict[FolderPath, Size] = Field({}, examples=[{"/var/cache/app": "1Gi"}])
    """Folders that it may write to, each with the size that they may grow to; empty in every new pod."""
    run_as: Literal["root"] | None = None
    """`root` for images that must begin as root, as the official nginx does; the base stack allows it for an app by
    `isolation.runAsRoot`. They get the capabilities to own files, to become another user and to bind any port."""
    security: Security = Security()
    """What the container may do."""
    service_account: str | None = Field(None, min_length=1)
    """ServiceAccount. Default: the app's own."""
    automount_service_account_token: bool = False
    """Mount in the container a token of the Kubernetes API. Cloud identities work without it."""
    image_pull_policy: Literal["IfNotPresent", "Always", "Never"] = "IfNotPresent"
    """When to pull the image."""

    @property
    def secured(self) -> Security:
        """What the container may do, `runAs` included."""
        if self.run_as is None:
            return self.security
        given = {name: getattr(self.security, name) for name in self.security.model_fields_set}
        return Security().model_copy(update=_ROOT | given)

    @model_validator(mode="after")
    def _one_user(self) -> Self:
        given = self.security.model_fields_set & {"run_as_user", "run_as_group", "run_as_non_root"}
        if self.run_as and given:
            named = ", ".join(Security.model_fields[name].alias or name for name in sorted(given))
            raise broken(
                f"runAs says who the container is, and security says it again with {named}",
                f"keep runAs, and take {named} out of security",
                at="runAs",
            )
        return self


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


MAX_CANARY_WORKLOAD = MAX_OBJECT - MAX_SLUG - len(CANARY) - 2 * len("--")


def claimed_twice(routes: Iterable[Route]) -> str:
    """Return what two routes claim; empty if there is no such thing."""
    claims = [route.claim for route in routes]
    return next((each for each in sorted(claims) if claims.count(each) > 1), "")


def routes_of(workloads: Mapping[str, Workload], name: str) -> tuple[Route, ...]:
    """Return a workload's routes; an only workload that says nothing answers everything, if it speaks HTTP."""
    routes = workloads[name].routes
    if routes is None:
        return (Route(),) if len(workloads) == 1 and workloads[name].routable else ()
    return routes
