"""The identity by which CI deploys an app's branches, and all that it may do."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import pulumi
import pulumi_kubernetes.core.v1 as core
import pulumi_kubernetes.meta.v1 as meta
import pulumi_kubernetes.rbac.v1 as rbac

from core.contract import Subject
from core.kinds import GROUPS as KIND_GROUPS
from core.kinds import KEEPING, Kind
from core.labels import MANAGED_BY, app_labels
from core.route_kinds import RouteKind, route_kind

RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True, kw_only=True)
class Grant:
    """Verbs on kinds of one API group."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    reason: str
    """Why a branch stack needs it."""


_OWN = ("create", "delete", "get", "patch")
_SLOWLY = ("list", "watch")
_REMOVED = ("delete", "get", *_SLOWLY)
GRANTS = (
    Grant(group="", resources=("configmaps",), verbs=_OWN, reason="the environment's anchor"),
    Grant(
        group="", resources=("services",), verbs=(*_OWN, "list"), reason="Services, and seeing that they are deleted"
    ),
    Grant(group="apps", resources=("deployments",), verbs=(*_OWN, "list", "watch"), reason="workloads, waited for"),
    Grant(group="", resources=("pods",), verbs=("list", "watch"), reason="how a rollout is getting on"),
    Grant(group="apps", resources=("replicasets",), verbs=("list",), reason="which pods are the current revision's"),
    Grant(group="", resources=("events",), verbs=("list",), reason="why a pod does not start"),
    Grant(group="", resources=("pods/log",), verbs=("get",), reason="the last lines of a container that crashed"),
)
"""What a branch stack's life needs beside its route, as a test derives it from one; nothing of it is cluster-wide."""
NETWORK_GRANT = Grant(
    group="networking.k8s.io", resources=("networkpolicies",), verbs=_OWN, reason="its pods reach each other"
)
"""Where the base stack keeps pods apart by NetworkPolicies."""
MESH_GRANT = Grant(
    group="networking.istio.io", resources=("sidecars",), verbs=_OWN, reason="its proxies know each other alone"
)
"""Where pods have sidecars."""
CALLERS_GRANT = Grant(
    group="security.istio.io", resources=("authorizationpolicies",), verbs=_OWN, reason="its proxies answer each other"
)
"""Where these tell branches apart."""
ACCOUNT_GRANT = Grant(group="", resources=("serviceaccounts",), verbs=_OWN, reason="its pods' own identity")
"""Where each branch has a ServiceAccount of its own."""
_KINDS: dict[Kind, tuple[str, str]] = {
    "Job": ("jobs", "what runs once"),
    "CronJob": ("cronjobs", "what runs on schedule"),
    "StatefulSet": ("statefulsets", "workloads whose pods have names"),
    "HorizontalPodAutoscaler": ("horizontalpodautoscalers", "how many pods a workload has"),
    "PodDisruptionBudget": ("poddisruptionbudgets", "how many of them stay while a node is emptied"),
    "Secret": ("secrets", "passwords of its own"),
    "PersistentVolumeClaim": ("persistentvolumeclaims", "volumes of its own"),
}
_GUARD = ("create", "get", "patch")
NAMESPACE_GRANTS = (
    Grant(group="", resources=("namespaces",), verbs=_OWN, reason="a branch's own namespace"),
    Grant(
        group=RBAC,
        resources=("rolebindings",),
        verbs=_GUARD,
        reason="its rights in there, which are those of one ClusterRole",
    ),
)
"""In the whole cluster, where each branch has a namespace of its own: admission rules say which ones."""
QUOTA_GRANT = Grant(group="", resources=("resourcequotas",), verbs=_GUARD, reason="its quota")
"""In such a namespace, where guards are never deleted but with it."""
MTLS_GRANT = Grant(group="security.istio.io", resources=("peerauthentications",), verbs=_GUARD, reason="its mutual TLS")
"""The same, where pods have sidecars."""
OFFICIAL_PROVIDER_GRANTS = (
    Grant(group="", resources=("configmaps",), verbs=_SLOWLY, reason="until a slow deletion is done"),
    Grant(group="", resources=("services",), verbs=("watch",), reason="until a slow deletion is done"),
    Grant(group="apps", resources=("replicasets",), verbs=("watch",), reason="its Deployment awaiter watches them"),
    Grant(group="", resources=("events",), verbs=("watch",), reason="its awaiters watch events"),
    Grant(group="", resources=("persistentvolumeclaims",), verbs=_SLOWLY, reason="its Deployment awaiter"),
)
"""What is read as well where something takes its time, most of it by Pulumi's official Kubernetes provider."""
BRANCHENV_GRANTS = (
    Grant(group="apps", resources=("statefulsets",), verbs=("list",), reason="what has no stack, of a chart"),
)
"""What `branchenv` reads beside that when it looks for environments."""
CRON_JOB_READING = Grant(group="batch", resources=("jobs",), verbs=_SLOWLY, reason="what a CronJob has run")
"""The same, where branches make no Job themselves."""
NAMESPACE_READING = (
    Grant(
        group="", resources=("namespaces",), verbs=_SLOWLY, reason="until it is deleted, and to find what has no stack"
    ),
)
"""The same, of namespaces."""


@dataclass(frozen=True, kw_only=True)
class DeployerArgs:
    """What the deployer needs to know."""

    app: str
    namespace: pulumi.Input[str]
    network_policies: bool = False
    """Whether a branch has a NetworkPolicy of its own."""
    sidecars: bool = False
    """Whether it has a Sidecar of its own."""
    callers: bool = False
    """Whether it has an AuthorizationPolicy of its own."""
    branch_service_accounts: bool = False
    """Whether each branch has a ServiceAccount of its own."""
    branch_namespaces: bool = False
    """Whether each branch has a namespace of its own."""
    gateway_api: bool = False
    """Whether routes are of Gateway API, and not of Istio's own."""
    kinds: Collection[Kind] = ()
    """What its chart or environment file may make beside what every branch is made of."""
    others: Sequence[Subject] = ()
    """Who else may make those namespaces, and gets the rights in them."""
    groups: Sequence[str] = ()
    """Who else deploys in the app's namespace: jobs that the API server knows by their ID tokens."""


class Deployer(pulumi.ComponentResource):
    """The ServiceAccount that CI deploys an app's branches as, with a Role in the app's namespace alone.

    Type `branch-environments:base:Deployer`. Where each branch has a namespace of its own, it has no rights in the
    app's; it makes those namespaces, and in each of them takes the rights of one ClusterRole. Left out on purpose: a
    token. A Secret with one would never expire; CI asks for one that lasts as long as a job (`kubectl create token`),
    or is known by OIDC and bound to the same Role.
    """

    deployer: pulumi.Output[str]
    """Name of the ServiceAccount, known once it may deploy."""

    def __init__(self, name: str, args: DeployerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:base:Deployer", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        metadata = meta.ObjectMetaArgs(
            name=deployer_name(args.app), namespace=args.namespace, labels=app_labels(args.app)
        )
        account = core.ServiceAccount(
            f"{name}-deployer", metadata=metadata, automount_service_account_token=False, opts=child
        )
        if args.branch_namespaces:
            bound = self._in_own_namespaces(name, args)
        else:
            bound = self._in_the_apps_namespace(name, args, metadata)
        self.deployer = pulumi.Output.all(account.metadata.name, bound.urn).apply(lambda known: str(known[0]))
        self.register_outputs({"deployer": self.deployer})

    def _in_the_apps_namespace(self, name: str, args: DeployerArgs, metadata: meta.ObjectMetaArgs) -> pulumi.Resource:
        child = pulumi.ResourceOptions(parent=self)
        role = rbac.Role(f"{name}-deployer-role", metadata=metadata, rules=role_rules(args), opts=child)
        return rbac.RoleBinding(
            f"{name}-deployer-binding",
            metadata=metadata,
            role_ref=rbac.RoleRefArgs(api_group=RBAC, kind="Role", name=role.metadata.name),
            subjects=[
                _subject(deployer_name(args.app), args.namespace),
                *(rbac.SubjectArgs(kind="Group", name=each, api_group=RBAC) for each in args.groups),
            ],
            opts=child,
        )

    def _in_own_namespaces(self, name: str, args: DeployerArgs) -> pulumi.Resource:
        child = pulumi.ResourceOptions(parent=self)
        rbac.ClusterRole(
            f"{name}-branch-role",
            metadata=meta.ObjectMetaArgs(name=branch_role_name(args.app), labels=app_labels(args.app)),
            rules=role_rules(args),
            opts=child,
        )
        metadata = meta.ObjectMetaArgs(name=cluster_role_name(args.app), labels=app_labels(args.app))
        role = rbac.ClusterRole(
            f"{name}-deployer-role",
            metadata=metadata,
            rules=[
                *_rules([*NAMESPACE_GRANTS, *NAMESPACE_READING]),
                # The right to give to itself what is in that ClusterRole, and no more.
                rbac.PolicyRuleArgs(
                    api_groups=[RBAC],
                    resources=["clusterroles"],
                    resource_names=[branch_role_name(args.app)],
                    verbs=["bind"],
                ),
            ],
            opts=child,
        )
        return rbac.ClusterRoleBinding(
            f"{name}-deployer-binding",
            metadata=metadata,
            role_ref=rbac.RoleRefArgs(api_group=RBAC, kind="ClusterRole", name=role.metadata.name),
            subjects=[
                _subject(deployer_name(args.app), args.namespace),
                *(_subject(each.name, each.namespace) for each in args.others),
            ],
            opts=child,
        )


def deployer_name(app: str) -> str:
    """Name an app's deployer: ServiceAccount, Role and RoleBinding alike."""
    return f"{app}-deployer"


def cluster_role_name(app: str) -> str:
    """Name the ClusterRole that lets an app's deployer make the branches' namespaces."""
    return f"{MANAGED_BY}:{app}:deployer"


def branch_role_name(app: str) -> str:
    """Name the ClusterRole whose rights it has in each of them."""
    return f"{MANAGED_BY}:{app}:branch"


def user_name(app: str, namespace: str) -> str:
    """Return the name by which the API server knows the deployer."""
    return f"system:serviceaccount:{namespace}:{deployer_name(app)}"


def role_rules(args: DeployerArgs) -> list[rbac.PolicyRuleArgs]:
    """Make the rules of the Role, or ClusterRole, for the namespace that a branch is in."""
    return _rules([*needed_grants(args), *reading_grants(args), *former_grants(args)])


def needed_grants(args: DeployerArgs) -> list[Grant]:
    """Return what a branch stack's life needs, under this base stack."""
    route = _of_routes(route_kind(gateway_api=args.gateway_api), _OWN, "the environment's hosts")
    return [*GRANTS, route, *_optional(args), *kind_grants(args.kinds)]


def former_grants(args: DeployerArgs) -> list[Grant]:
    """Return what a branch needs to remove what it may have from before the base stack changed, and may not make now.

    Left out: Secrets and claims beside main's. The rules leave a deployer nothing but branches' objects.
    """
    kinds = [kind for kind in _KINDS if args.branch_namespaces or kind not in KEEPING]
    guards = (MTLS_GRANT,) if args.branch_namespaces else ()
    left = "left from before the base stack changed"
    route = _of_routes(route_kind(gateway_api=not args.gateway_api), _REMOVED, left)
    possible = [NETWORK_GRANT, MESH_GRANT, CALLERS_GRANT, *guards, ACCOUNT_GRANT, *kind_grants(kinds), route]
    given = {(grant.group, grant.resources) for grant in needed_grants(args)}
    return [
        replace(each, verbs=_REMOVED, reason=left) for each in possible if (each.group, each.resources) not in given
    ]


def _of_routes(route: RouteKind, verbs: tuple[str, ...], reason: str) -> Grant:
    return Grant(group=route.group, resources=(route.resource,), verbs=verbs, reason=reason)


def reading_grants(args: DeployerArgs) -> list[Grant]:
    """Return what is read beside that."""
    optional = [*_optional(args), *kind_grants(args.kinds)]
    slow = [replace(each, verbs=_SLOWLY, reason="until a slow deletion is done") for each in optional]
    if "CronJob" in args.kinds and "Job" not in args.kinds:
        slow.append(CRON_JOB_READING)
    return [
        *OFFICIAL_PROVIDER_GRANTS,
        _of_routes(route_kind(gateway_api=args.gateway_api), _SLOWLY, "until a slow deletion is done"),
        *slow,
        *BRANCHENV_GRANTS,
    ]


def kind_grants(kinds: Collection[Kind]) -> list[Grant]:
    """Return what a branch's life needs where it may make these kinds.

    Args:
        kinds: beside those that every branch is made of.
    """
    return [
        Grant(group=KIND_GROUPS[kind], resources=(resource,), verbs=_OWN, reason=reason)
        for kind, (resource, reason) in _KINDS.items()
        if kind in kinds
    ]


def _rules(grants: Sequence[Grant]) -> list[rbac.PolicyRuleArgs]:
    return [
        rbac.PolicyRuleArgs(api_groups=[grant.group], resources=list(grant.resources), verbs=list(grant.verbs))
        for grant in grants
    ]


def _subject(service_account: str, namespace: pulumi.Input[str]) -> rbac.SubjectArgs:
    return rbac.SubjectArgs(kind="ServiceAccount", name=service_account, namespace=namespace)


def _optional(args: DeployerArgs) -> list[Grant]:
    wanted = (
        (args.network_policies, NETWORK_GRANT),
        (args.sidecars, MESH_GRANT),
        (args.callers, CALLERS_GRANT),
        (args.sidecars and args.branch_namespaces, MTLS_GRANT),
        (args.branch_namespaces, QUOTA_GRANT),
    )
    boundaries = [grant for is_wanted, grant in wanted if is_wanted]
    if args.branch_namespaces:
        boundaries = [replace(each, verbs=_GUARD, reason="the namespace's guard") for each in boundaries]
    return [*boundaries, *([ACCOUNT_GRANT] if args.branch_service_accounts or args.branch_namespaces else [])]
