"""What a base stack promises to branch stacks: its outputs, with a version."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from branchenv.model.base import public_url
from core.names import namespace_name
from stacks.settings.errors import Problem, SettingsError, nearest, problems_of, shown

VERSION = 1
"""Counts up whenever a branch stack of the old kind could no longer stand on a new base, or the other way round."""


class _Promise(BaseModel):
    # Unlike settings: a newer base may promise more than this program knows of.
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, use_attribute_docstrings=True)


class LifecycleContract(_Promise):
    """The life of an app's environments."""

    lifetime_seconds: int | None = None
    """How long an environment stays after its last push. Without it for good."""
    longest_seconds: int | None = None
    """How far from now an extension may put the end. Without it as far as one likes."""
    warn_before_seconds: int = 0
    """How long before its end the merge request is told. 0 for not at all."""
    idle_after_seconds: int | None = None
    """How long without a request until it is put to sleep. Without it never."""
    most: int | None = None
    """Environments that may be awake at a time. Without it any number."""
    at_cap: Literal["refuse", "sleep"] = "refuse"
    """At the cap: `refuse` a new one, or put the least recently updated one to `sleep`."""
    protected: tuple[str, ...] = ()
    """Branches that a sweep leaves alone; `*` stands for any text."""


class IsolationContract(_Promise):
    """The boundaries around an app's branches that each of them opens for itself."""

    network_policies: bool = False
    """Whether pods are reached by the gateway alone, until their branch's NetworkPolicy lets them reach each other."""
    egress_limited: bool = False
    """Whether that holds for what they reach, too."""
    sidecars: bool = False
    """Whether pods have Istio's sidecar, which is told of its own branch's Services alone."""
    mesh_hosts: tuple[str, ...] = ()
    """What it is told of beside these."""


class AccessContract(_Promise):
    """Who may open an app's URLs."""

    kind: str = "open"
    """`open`: whoever reaches the gateway; else it asks for a token (`jwt`) or a login (`external`) first."""
    token_header: str = ""
    """Request header in which it takes a token. Empty: it takes none."""


class IrsaContract(_Promise):
    """What a branch's own IAM role is made with."""

    oidc_provider: str
    """ARN of the cluster's IAM OIDC provider."""
    role_path: str
    """Path of the role."""
    role_prefix: str
    """Its name, but for the branch's own, with which it ends."""
    permissions_boundary: str
    """ARN of its permissions boundary."""
    managed_policies: tuple[str, ...] = ()
    """ARNs of its managed policies."""
    inline_policies: dict[str, dict[str, Any]] = {}
    """Its policy documents by name, with `${branch}` for the branch's name."""


class PodIdentityContract(_Promise):
    """What a branch's own association is made with."""

    cluster: str
    """Name of the EKS cluster."""
    role: str
    """ARN of the role that all branches of the app are associated with."""


class AwsIdentityContract(_Promise):
    """A branch's identity in AWS, of one of two kinds."""

    region: str
    """Region of the cluster."""
    account_id: str
    """Account of the cluster."""
    ci_policy: str = ""
    """ARN of the policy that lets CI make these identities."""
    irsa: IrsaContract | None = None
    """A role for each branch."""
    pod_identity: PodIdentityContract | None = None
    """An association for each branch."""


class BucketGrantContract(_Promise):
    """What a branch may do in a bucket."""

    bucket: str
    """Name of the bucket."""
    role: str
    """Role that the branch gets there."""
    condition: str
    """Where it gets it, with `${branch}` for the branch's name."""


class GoogleIdentityContract(_Promise):
    """A branch's identity in Google Cloud."""

    project: str
    """Project of the cluster."""
    project_number: str
    """Its number."""
    grants: tuple[BucketGrantContract, ...] = ()
    """What the branch may do in which bucket."""


class BranchIdentityContract(_Promise):
    """What each branch of an app makes its own identity with: a ServiceAccount, and what one cloud has beside it."""

    image_pull_secrets: tuple[str, ...] = ()
    """Secrets that its ServiceAccount names."""
    aws: AwsIdentityContract | None = None
    """Its identity in AWS."""
    google: GoogleIdentityContract | None = None
    """Its identity in Google Cloud."""


class SubjectContract(_Promise):
    """A ServiceAccount."""

    namespace: str
    """Its namespace."""
    name: str
    """Its name."""


class OwnNamespaceContract(_Promise):
    """What each branch of an app makes its own namespace with."""

    labels: dict[str, str] = {}
    """Its labels, beside the branch's."""
    quota: dict[str, str]
    """What its ResourceQuota allows."""
    network_policy: dict[str, Any] | None = None
    """Spec of its NetworkPolicy. Without it there is none."""
    peer_authentication: dict[str, Any] | None = None
    """Spec of Istio's PeerAuthentication. Without it there is none."""
    sidecar: dict[str, Any] | None = None
    """Spec of Istio's Sidecar. Without it there is none."""
    role: str
    """ClusterRole with the rights that a branch's stack needs in it."""
    subjects: tuple[SubjectContract, ...]
    """Who has them."""


class PriceContract(_Promise):
    """What requested resources cost."""

    cpu_hour: float
    """One core for one hour."""
    memory_gib_hour: float
    """One GiB of memory for one hour."""
    currency: str
    """Code of ISO 4217."""


class AppContract(_Promise):
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
    """ServiceAccount that CI deploys the branches as. Empty in base stacks that make none."""
    identity: str = ""
    """Cloud identity of the pods: a role's ARN, a Google service account or principal. Empty without one."""
    main_url: str = ""
    """URL of the default branch, where Argo CD syncs it. Empty where it does not."""
    lifecycle: LifecycleContract = LifecycleContract()
    """The life of its environments, for `branchenv`."""
    access: AccessContract = AccessContract()
    """Who may open its URLs, for `branchenv`."""
    isolation: IsolationContract = IsolationContract()
    """The boundaries around its branches."""
    branch_identity: BranchIdentityContract | None = None
    """What each branch makes its own identity with. Without it all share `serviceAccount` and `identity`."""
    own_namespace: OwnNamespaceContract | None = None
    """What each branch makes its own namespace with. Without it all are in `namespace`."""


class BaseContract(_Promise):
    """The outputs of a base stack."""

    contract: Literal[1]
    """Version of this contract."""
    platform: str
    """What the cluster runs on."""
    gateway: str
    """Istio Gateway, as <namespace>/<name>."""
    scheme: Literal["http", "https"]
    """Scheme of the branches' URLs."""
    port: int = Field(ge=1, le=65535)
    """Port of the branches' URLs."""
    gateway_selector: str = "istio=ingressgateway"
    """Label of the gateway's pods."""
    gateway_metrics: tuple[str, ...] = ()
    """Where the gateway tells its request counts. Empty: port 15090 of each of its pods."""
    prices: PriceContract | None = None
    """What requested resources cost. Without it no costs are shown."""
    apps: dict[str, AppContract]
    """The apps, by name."""

    def namespace(self, app: str, slug: str) -> str:
        """Name the namespace that a branch is in."""
        promised = self.apps[app]
        return namespace_name(promised.namespace, slug) if promised.own_namespace else promised.namespace

    def host(self, app: str, slug: str) -> str:
        """Name a branch's host."""
        return f"{slug}.{self.apps[app].domain}"

    def url(self, app: str, slug: str) -> str:
        """Name a branch's URL, without a port where it goes without saying."""
        return public_url(self.scheme, self.host(app, slug), self.port)


def read_contract(outputs: Mapping[str, Any], *, base: str, app: str, stack: str) -> BaseContract:
    """Read a base stack's outputs for one app.

    Args:
        outputs: of the base stack.
        base: its name.
        app: app of the branch stack.
        stack: the branch stack, for the message.

    Raises:
        SettingsError: the base is not up, has another contract, or knows no such app.
    """

    def refuse(field: str, value: object, rule: str, fix: str) -> SettingsError:
        return SettingsError(stack, [Problem(field=field, value=shown(value), rule=rule, fix=fix)])

    up = f"pulumi up -s {base}"
    if not outputs:
        raise refuse(
            "base",
            base,
            f"the base stack {base} exists but is not up yet: it has no outputs",
            f"run: {up}",
        )
    version = outputs.get("contract")
    if version is None:
        rule = f"{base} has outputs, but no contract: it is no base stack of this project, or its `up` did not finish"
        raise refuse("base", base, rule, f"name a base stack (base-<cluster>), or run: {up}")
    if version != VERSION:
        older = isinstance(version, int | float) and version < VERSION
        fix = f"bring the base up to this program: {up}" if older else "use the newer program that the base was made by"
        rule = f"{base} has contract {shown(version)}, this program needs contract {VERSION}"
        raise refuse("base", base, rule, fix)
    try:
        contract = BaseContract.model_validate(outputs)
    except ValidationError as e:
        raise SettingsError(stack, problems_of(e, BaseContract, f"outputs of {base}")) from e
    if app not in contract.apps:
        known = nearest(app, contract.apps)
        rule = f"{base} has no app {app}"
        fix = f"{known} A branch stack is called <app>.<slug>; a new app is one entry in `apps` of {base}"
        raise refuse("app", app, rule, fix)
    return contract
