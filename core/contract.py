"""What a base stack tells branch stacks and `branchenv`: one model, written by the one and read by the others.

Dataclasses, and not pydantic's models as elsewhere: importing those would take a tenth of a second of every command of
`branchenv`. In JSON a key is its field's name in camelCase, and a duration is its seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, Final, Literal, NamedTuple

from core.json_fields import JSON_FIELDS
from core.names import namespace_name

VERSION: Final = 2
"""Counts up whenever a branch stack of the old kind could no longer stand on a new base, or the other way round."""
_USUAL_PORTS = {"http": 80, "https": 443}


class PublishedModel:
    """What all of them share: how pydantic, which makes the JSON Schema, writes their keys."""

    __pydantic_config__: ClassVar[Any] = JSON_FIELDS


class Home(NamedTuple):
    """Where an app's branches are: in its namespace, or in namespaces of their own, called after it."""

    namespace: str
    own: bool = False


@dataclass(frozen=True, kw_only=True)
class Lifecycle(PublishedModel):
    """The life of an app's environments. `branchenv` acts on it; `pulumi up` and `pulumi destroy` do not."""

    lifetime: timedelta | None = None
    """How long an environment stays after its last push, in seconds. Without it for good."""
    max_lifetime: timedelta | None = None
    """How far from now an extension may put the end, in seconds. Without it as far as one likes."""
    warn_before: timedelta = timedelta()
    """How long before its end the merge request gets a warning, in seconds. 0 for none."""
    idle_after: timedelta | None = None
    """How long without a request until a sweep puts it to sleep, in seconds. Without it never."""
    max_environments: int | None = None
    """Environments that may be awake at a time. Without it any number."""
    on_limit: Literal["refuse", "sleep"] = "refuse"
    """At the cap: `refuse` a new one, or put the least recently updated one to `sleep`."""
    protected: tuple[str, ...] = ()
    """Branches that a sweep leaves alone; `*` stands for any text."""


@dataclass(frozen=True, kw_only=True)
class Isolation(PublishedModel):
    """The boundaries around an app's branches that each of them opens for itself."""

    network_policies: bool = False
    """Whether pods are reached by the gateway alone, until their branch's NetworkPolicy lets them reach each other."""
    egress_limited: bool = False
    """Whether that holds for what they reach, too."""
    sidecars: bool = False
    """Whether pods have Istio's sidecar, which knows its own branch's Services alone."""
    mesh_hosts: tuple[str, ...] = ()
    """What it knows beside these."""
    mesh_callers: tuple[str, ...] = ()
    """Whom it answers beside its own branch, as Istio's principals. Empty: whoever has a certificate."""


@dataclass(frozen=True, kw_only=True)
class AppAccess(PublishedModel):
    """Who may open an app's URLs."""

    kind: str = "open"
    """`open`: anyone who reaches the gateway; else it asks for a token (`jwt`) or a login (`external`) first."""
    token_header: str = ""
    """Request header in which it takes a token. Empty: it takes none."""

    @property
    def closed(self) -> bool:
        """Whether the gateway asks for a login or a token first."""
        return self.kind != "open"


@dataclass(frozen=True, kw_only=True)
class IrsaTemplate(PublishedModel):
    """What a branch's own IAM role is made with."""

    oidc_provider: str
    """ARN of the cluster's IAM OIDC provider."""
    role_path: str
    """Path of the role."""
    role_prefix: str
    """Its name without the branch's slug, with which it ends."""
    permissions_boundary: str
    """ARN of its permissions boundary."""
    managed_policies: tuple[str, ...] = ()
    """ARNs of its managed policies."""
    inline_policies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Its policy documents by name, with `${branch}` for the branch's name."""


@dataclass(frozen=True, kw_only=True)
class PodIdentityTemplate(PublishedModel):
    """What a branch's own association is made with."""

    cluster: str
    """Name of the EKS cluster."""
    role: str
    """ARN of the role that all branches of the app are associated with."""


@dataclass(frozen=True, kw_only=True)
class AwsIdentity(PublishedModel):
    """A branch's identity in AWS, of one of two kinds."""

    region: str
    """Region of the cluster."""
    account_id: str
    """Account of the cluster."""
    ci_policy: str = ""
    """ARN of the policy that lets CI make these identities."""
    irsa: IrsaTemplate | None = None
    """A role for each branch."""
    pod_identity: PodIdentityTemplate | None = None
    """An association for each branch."""


@dataclass(frozen=True, kw_only=True)
class BucketGrant(PublishedModel):
    """What a branch may do in a bucket."""

    bucket: str
    """Name of the bucket."""
    role: str
    """Role that the branch gets there."""
    condition: str
    """Where it gets it, with `${branch}` for the branch's name."""


@dataclass(frozen=True, kw_only=True)
class GoogleIdentity(PublishedModel):
    """A branch's identity in Google Cloud."""

    project: str
    """Project of the cluster."""
    project_number: str
    """Its number."""
    grants: tuple[BucketGrant, ...] = ()
    """What the branch may do in which bucket."""


@dataclass(frozen=True, kw_only=True)
class BranchIdentity(PublishedModel):
    """What each branch of an app makes its own identity with: a ServiceAccount, and what one cloud has beside it."""

    image_pull_secrets: tuple[str, ...] = ()
    """Secrets that its ServiceAccount names."""
    aws: AwsIdentity | None = None
    """Its identity in AWS."""
    google: GoogleIdentity | None = None
    """Its identity in Google Cloud."""


@dataclass(frozen=True, kw_only=True)
class Subject(PublishedModel):
    """A ServiceAccount."""

    namespace: str
    """Its namespace."""
    name: str
    """Its name."""


OWN_NAMESPACE: Final = "${namespace}"
"""Stands for the name of a branch's own namespace in what is written once for all of them."""


@dataclass(frozen=True, kw_only=True)
class NamespaceTemplate(PublishedModel):
    """What each branch of an app makes its own namespace with."""

    labels: Mapping[str, str] = field(default_factory=dict)
    """Its labels, beside the branch's."""
    quota: Mapping[str, str]
    """What its ResourceQuota allows."""
    network_policy: Mapping[str, Any] | None = None
    """Spec of its NetworkPolicy. Without it there is none."""
    peer_authentication: Mapping[str, Any] | None = None
    """Spec of Istio's PeerAuthentication. Without it there is none."""
    authorization_policy: Mapping[str, Any] | None = None
    """Spec of Istio's AuthorizationPolicy, with `${namespace}` for the branch's. Without it there is none."""
    sidecar: Mapping[str, Any] | None = None
    """Spec of Istio's Sidecar. Without it there is none."""
    role: str
    """ClusterRole with the rights that a branch's stack needs in it."""
    subjects: tuple[Subject, ...]
    """Who has them."""


@dataclass(frozen=True, kw_only=True)
class Prices(PublishedModel):
    """What requested resources cost."""

    cpu_hour: float
    """One core for one hour."""
    memory_gib_hour: float
    """One GiB of memory for one hour."""
    currency: str = "USD"
    """Code of ISO 4217."""


@dataclass(frozen=True, kw_only=True)
class App(PublishedModel):
    """What a base stack made for one app."""

    namespace: str
    """Namespace of the app, and of every branch that has none of its own."""
    domain: str
    """A branch's host is <slug>.<domain>."""
    service_account: str
    """ServiceAccount of every branch's pods."""
    default_branch: str
    """Branch that is no branch environment."""
    reserved_slugs: tuple[str, ...]
    """Slugs that no branch may take."""
    deployer: str = ""
    """ServiceAccount that CI deploys the branches as."""
    identity: str = ""
    """Cloud identity of the pods: a role's ARN, a Google service account or principal. Empty without one."""
    main_url: str = ""
    """URL of the default branch, where Argo CD syncs it. Empty where it does not."""
    lifecycle: Lifecycle = Lifecycle()
    """The life of its environments, for `branchenv`."""
    access: AppAccess = AppAccess()
    """Who may open its URLs, for `branchenv`."""
    isolation: Isolation = Isolation()
    """The boundaries around its branches."""
    kinds: tuple[str, ...] = ()
    """Kinds that its branches may make beside those that every branch is made of."""
    secrets: tuple[str, ...] | None = None
    """Secrets that its branches' pods may read, beside their own. None: any."""
    branch_identity: BranchIdentity | None = None
    """What each branch makes its own identity with. Without it all share `serviceAccount` and `identity`."""
    branch_namespace: NamespaceTemplate | None = None
    """What each branch makes its own namespace with. Without it all are in `namespace`."""

    def namespace_of(self, slug: str) -> str:
        """Return the namespace that a branch is in."""
        return namespace_name(self.namespace, slug) if self.branch_namespace else self.namespace

    @property
    def home(self) -> Home:
        """Where its branches are."""
        return Home(self.namespace, own=self.branch_namespace is not None)


@dataclass(frozen=True, kw_only=True)
class Base(PublishedModel):
    """What a base stack promises."""

    contract: Literal[2] = VERSION
    """Version of this contract."""
    name: str
    """Of the base stack."""
    cluster: str
    """UID of the cluster's namespace kube-system, which tells it from every other cluster."""
    platform: str
    """What the cluster runs on: eks, gke or local."""
    gateway: str
    """The Gateway, as <namespace>/<name>."""
    gateway_api: bool = False
    """Whether it is one of Gateway API, and not of Istio's own: branches have HTTPRoutes, and no VirtualService."""
    scheme: Literal["http", "https"]
    """Scheme of the branches' URLs."""
    port: int
    """Port of the branches' URLs."""
    gateway_selector: str = "istio=ingressgateway"
    """Label of the gateway's pods, which are in the Gateway's namespace."""
    gateway_metrics: tuple[str, ...] = ()
    """Where the gateway tells its request counts. Empty: port 15090 of each of its pods."""
    prices: Prices | None = None
    """What requested resources cost. Without it no costs are shown."""
    apps: Mapping[str, App]
    """The apps, by name."""

    def host(self, app: str, slug: str) -> str:
        """Name a branch's host."""
        return f"{slug}.{self.apps[app].domain}"

    def url(self, app: str, slug: str) -> str:
        """Name a branch's URL, without a port where it goes without saying."""
        return public_url(self.scheme, self.host(app, slug), self.port)


def public_url(scheme: str, host: str, port: int) -> str:
    """Write a URL, without a port where it goes without saying."""
    return f"{scheme}://{host}" if port == _USUAL_PORTS[scheme] else f"{scheme}://{host}:{port}"
