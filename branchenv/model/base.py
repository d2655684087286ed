"""A base stack's outputs, as `branchenv` reads them: the same contract as `stacks/contract.py`, without Pulumi."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import Policy, Prices, StackRecord
from core.names import namespace_name

CONTRACT = 1
"""Version of the contract that this program reads."""
_USUAL_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who may open an app's URLs."""

    kind: str = "open"
    token_header: str = ""
    """Request header in which the gateway takes a token; empty if it takes none."""

    @property
    def closed(self) -> bool:
        """Whether the gateway asks first who one is."""
        return self.kind != "open"


class Home(NamedTuple):
    """Where an app's branches are: in its namespace, or in namespaces of their own, called after it."""

    namespace: str
    own: bool = False


@dataclass(frozen=True, kw_only=True)
class App:
    """One app of a cluster."""

    namespace: str
    domain: str
    service_account: str
    default_branch: str
    reserved_slugs: tuple[str, ...]
    deployer: str = ""
    identity: str = ""
    main_url: str = ""
    own_accounts: bool = False
    """Whether each branch has a ServiceAccount of its own."""
    own_namespaces: bool = False
    """Whether each branch has a namespace of its own."""
    policy: Policy = field(default_factory=Policy)
    access: Access = field(default_factory=Access)

    def namespace_of(self, slug: str) -> str:
        """Name the namespace that a branch is in."""
        return namespace_name(self.namespace, slug) if self.own_namespaces else self.namespace

    @property
    def home(self) -> Home:
        """Where its branches are."""
        return Home(self.namespace, own=self.own_namespaces)


@dataclass(frozen=True, kw_only=True)
class Base:
    """What the base stack of a cluster promises."""

    name: str
    """Of the stack."""
    platform: str
    """eks, gke or local."""
    gateway: str
    """Istio Gateway, as <namespace>/<name>."""
    gateway_selector: str
    """Label of the gateway's pods, which are in the Gateway's namespace."""
    gateway_metrics: tuple[str, ...]
    """URLs at which the gateway tells its request counts; empty for port 15090 of each of its pods."""
    scheme: str
    port: int
    prices: Prices | None
    apps: Mapping[str, App]

    def app(self, name: str) -> App:
        """Give one app.

        Raises:
            BranchenvError: the base stack has no such app.
        """
        try:
            return self.apps[name]
        except KeyError as e:
            raise BranchenvError(
                f"{self.name} has no app of this name; it has {', '.join(sorted(self.apps))}",
                fix=f"name one of these with --app, or add it to `apps` of {self.name} and run `pulumi up` there",
                code=ExitCode.BASE,
                field="app",
                value=name,
            ) from e

    def url(self, app: str, slug: str) -> str:
        """Give the public URL of an environment."""
        return public_url(self.scheme, f"{slug}.{self.app(app).domain}", self.port)


def public_url(scheme: str, host: str, port: int) -> str:
    """Write a URL, without a port where it goes without saying."""
    return f"{scheme}://{host}" if port == _USUAL_PORTS[scheme] else f"{scheme}://{host}:{port}"


def read_base(outputs: Mapping[str, Any], name: str) -> Base:
    """Read a base stack's outputs.

    Args:
        outputs: of the stack.
        name: of the stack.

    Raises:
        BranchenvError: it is not up, or has another contract.
    """
    up = f"pulumi up --stack {name}"
    version = outputs.get("contract")
    if version is None:
        raise _refused(
            name,
            "it has no outputs of a base stack: it is none, or was never brought up",
            f"name a base stack (base-<cluster>) with --base, or run: {up}",
        )
    if version != CONTRACT:
        older = isinstance(version, int | float) and version < CONTRACT
        fix = f"bring the base up to this program: {up}" if older else "use the branchenv that the base was made with"
        raise _refused(name, f"it has contract {version}, and this program reads contract {CONTRACT}", fix)
    try:
        return Base(
            name=name,
            platform=outputs["platform"],
            gateway=outputs["gateway"],
            gateway_selector=outputs.get("gatewaySelector", "istio=ingressgateway"),
            gateway_metrics=tuple(outputs.get("gatewayMetrics", ())),
            scheme=outputs["scheme"],
            port=int(outputs["port"]),
            prices=_prices(outputs["prices"]) if outputs.get("prices") else None,
            apps={app: _app(promised) for app, promised in outputs["apps"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as e:
        raise _refused(name, f"an output of it is missing or damaged: {e}", f"run: {up}") from e


def homes(record: StackRecord | None, name: str) -> Mapping[str, Home]:
    """Say where each app's branches are, for an identity that may not look into all of the cluster.

    Args:
        record: of the base stack; None if there is none, which gives no namespaces.
        name: of the stack.

    Raises:
        BranchenvError: it is not up, or has another contract.
    """
    apps = read_base(record.outputs, name).apps if record else {}
    return {app: promised.home for app, promised in apps.items()}


def _app(promised: Mapping[str, Any]) -> App:
    return App(
        namespace=promised["namespace"],
        domain=promised["domain"],
        service_account=promised["serviceAccount"],
        default_branch=promised["defaultBranch"],
        reserved_slugs=tuple(promised["reservedSlugs"]),
        deployer=promised.get("deployer", ""),
        identity=promised.get("identity", ""),
        main_url=promised.get("mainUrl", ""),
        own_accounts=promised.get("branchIdentity") is not None,
        own_namespaces=promised.get("ownNamespace") is not None,
        policy=_policy(promised.get("lifecycle", {})),
        access=_access(promised.get("access", {})),
    )


def _access(promised: Mapping[str, Any]) -> Access:
    return Access(kind=promised.get("kind", "open"), token_header=promised.get("tokenHeader", ""))


def _policy(promised: Mapping[str, Any]) -> Policy:
    most = promised.get("most")
    return Policy(
        lifetime=_seconds(promised.get("lifetimeSeconds")),
        longest=_seconds(promised.get("longestSeconds")),
        warn_before=_seconds(promised.get("warnBeforeSeconds", 0)) or timedelta(),
        idle_after=_seconds(promised.get("idleAfterSeconds")),
        most=None if most is None else int(most),
        at_cap=promised.get("atCap", "refuse"),
        protected=tuple(promised.get("protected", ())),
    )


def _prices(promised: Mapping[str, Any]) -> Prices:
    return Prices(
        cpu_hour=float(promised["cpuHour"]),
        memory_gib_hour=float(promised["memoryGibHour"]),
        currency=promised["currency"],
    )


def _seconds(number: float | None) -> timedelta | None:
    return None if number is None else timedelta(seconds=number)


def _refused(name: str, rule: str, fix: str) -> BranchenvError:
    return BranchenvError(rule, fix=fix, code=ExitCode.BASE, field="base", value=name)
