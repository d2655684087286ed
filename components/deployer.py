"""The identity by which CI deploys an app's branches, and all that it may do."""

from dataclasses import dataclass, replace

import pulumi
import pulumi_kubernetes.core.v1 as core
import pulumi_kubernetes.meta.v1 as meta
import pulumi_kubernetes.rbac.v1 as rbac

from components.labels import app_labels


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
GRANTS = (
    Grant(group="", resources=("configmaps",), verbs=_OWN, reason="the environment's anchor"),
    Grant(group="", resources=("services",), verbs=(*_OWN, "list"), reason="Services, and seeing that they are gone"),
    Grant(group="apps", resources=("deployments",), verbs=(*_OWN, "list", "watch"), reason="workloads, waited for"),
    Grant(group="networking.istio.io", resources=("virtualservices",), verbs=_OWN, reason="the environment's host"),
    Grant(group="", resources=("pods",), verbs=("list", "watch"), reason="how a rollout is getting on"),
    Grant(group="apps", resources=("replicasets",), verbs=("list",), reason="which pods are the current revision's"),
    Grant(group="", resources=("events",), verbs=("list",), reason="why a pod does not start"),
    Grant(group="", resources=("pods/log",), verbs=("get",), reason="the last lines of a container that crashed"),
)
"""What a branch stack's life needs, as a test derives it from one; nothing of it is cluster-wide."""
NETWORK_GRANT = Grant(
    group="networking.k8s.io", resources=("networkpolicies",), verbs=_OWN, reason="its pods reach each other"
)
"""Where the base stack keeps pods apart by NetworkPolicies."""
MESH_GRANT = Grant(
    group="networking.istio.io", resources=("sidecars",), verbs=_OWN, reason="its proxies know each other alone"
)
"""Where pods have sidecars."""
ACCOUNT_GRANT = Grant(group="", resources=("serviceaccounts",), verbs=_OWN, reason="its pods' own identity")
"""Where each branch has a ServiceAccount of its own."""
OFFICIAL_PROVIDER_GRANTS = (
    Grant(group="", resources=("configmaps",), verbs=_SLOWLY, reason="until a slow deletion is done"),
    Grant(group="", resources=("services",), verbs=("watch",), reason="until a slow deletion is done"),
    Grant(
        group="networking.istio.io",
        resources=("virtualservices",),
        verbs=_SLOWLY,
        reason="until a slow deletion is done",
    ),
    Grant(group="apps", resources=("replicasets",), verbs=("watch",), reason="its Deployment awaiter watches them"),
    Grant(group="", resources=("events",), verbs=("watch",), reason="its awaiters watch events"),
    Grant(group="", resources=("persistentvolumeclaims",), verbs=_SLOWLY, reason="its Deployment awaiter"),
)
"""What is read as well where something takes its time, most of it by Pulumi's official Kubernetes provider."""
BRANCHENV_GRANTS = (
    Grant(group="apps", resources=("statefulsets",), verbs=("list",), reason="what no stack knows, of a chart"),
)
"""What `branchenv` reads beside that when it looks for environments."""


@dataclass(frozen=True, kw_only=True)
class DeployerArgs:
    """What the deployer needs to know."""

    app: str
    namespace: pulumi.Input[str]
    network_policies: bool = False
    """Whether a branch has a NetworkPolicy of its own."""
    sidecars: bool = False
    """Whether it has a Sidecar of its own."""
    own_accounts: bool = False
    """Whether each branch has a ServiceAccount of its own."""


class Deployer(pulumi.ComponentResource):
    """The ServiceAccount that CI deploys an app's branches as, with a Role in the app's namespace alone.

    Type `branch-environments:base:Deployer`. Left out on purpose: a token. A Secret with one would never expire; CI
    asks for one that lasts as long as a job (`kubectl create token`), or is known by OIDC and bound to the same Role.
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
        role = rbac.Role(f"{name}-deployer-role", metadata=metadata, rules=role_rules(args), opts=child)
        binding = rbac.RoleBinding(
            f"{name}-deployer-binding",
            metadata=metadata,
            role_ref=rbac.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="Role", name=role.metadata.name),
            subjects=[
                rbac.SubjectArgs(
                    kind="ServiceAccount", name=account.metadata.name, namespace=account.metadata.namespace
                )
            ],
            opts=child,
        )
        self.deployer = pulumi.Output.all(account.metadata.name, binding.urn).apply(lambda known: str(known[0]))
        self.register_outputs({"deployer": self.deployer})


def deployer_name(app: str) -> str:
    """Name an app's deployer: ServiceAccount, Role and RoleBinding alike."""
    return f"{app}-deployer"


def user_name(app: str, namespace: str) -> str:
    """Give the name by which the API server knows the deployer."""
    return f"system:serviceaccount:{namespace}:{deployer_name(app)}"


def role_rules(args: DeployerArgs) -> list[rbac.PolicyRuleArgs]:
    """Make the Role's rules."""
    return [
        rbac.PolicyRuleArgs(api_groups=[grant.group], resources=list(grant.resources), verbs=list(grant.verbs))
        for grant in (*needed_grants(args), *reading_grants(args))
    ]


def needed_grants(args: DeployerArgs) -> list[Grant]:
    """Give what a branch stack's life needs, under this base stack."""
    return [*GRANTS, *_optional(args)]


def reading_grants(args: DeployerArgs) -> list[Grant]:
    """Give what is read beside that."""
    slow = [replace(each, verbs=_SLOWLY, reason="until a slow deletion is done") for each in _optional(args)]
    return [*OFFICIAL_PROVIDER_GRANTS, *slow, *BRANCHENV_GRANTS]


def _optional(args: DeployerArgs) -> list[Grant]:
    wanted = (
        (args.network_policies, NETWORK_GRANT),
        (args.sidecars, MESH_GRANT),
        (args.own_accounts, ACCOUNT_GRANT),
    )
    return [grant for is_wanted, grant in wanted if is_wanted]
