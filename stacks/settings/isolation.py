"""What an app's branches may do, as the API server enforces it on the deployer."""

from typing import Annotated

from pydantic import Field, StringConstraints

from components.branch.spec.quantity import Quantity, Size
from components.strict import Strict
from core.kinds import USUAL, Kind
from stacks.settings.fields import ServiceAccount
from stacks.settings.network import MeshSettings, NetworkSettings


class EnvironmentSize(Strict):
    """What one environment is counted with. With `lifecycle.maxEnvironments` of them and main the namespace is full."""

    cpu: Quantity = "1"
    """Processor cores that its pods request."""
    memory: Size = "2Gi"
    """Memory that its pods request."""
    storage: Size = "10Gi"
    """What its claims on volumes ask for together, where `kinds` has PersistentVolumeClaim."""
    pods: int = Field(10, ge=1, le=500)
    """Its pods, those of a rollout included."""


class IsolationSettings(Strict):
    """What the API server lets an app's deployer do. Rules of the namespace itself hold for main as well."""

    namespace_per_branch: bool = False
    """Whether each branch has a namespace of its own, <namespace>--<slug>, with a quota of one environment, and goes
    with it. Needs `identity.perBranch` (docs/security.md)."""
    kinds: tuple[Kind, ...] = USUAL
    """Kinds that a branch's chart or environment file may make beside ConfigMaps, Services, Deployments and
    VirtualServices. `Secret` and `PersistentVolumeClaim` need `namespacePerBranch`. Default: those that run no more
    than a Deployment may, and keep nothing."""
    images: tuple[Annotated[str, StringConstraints(pattern=r"^[a-z0-9][A-Za-z0-9./:_-]*[a-z0-9]$")], ...] = Field(
        (), examples=[["registry.example.com/shop"]]
    )
    """Registries, or repositories in them, that images may come from. Default: any."""
    secrets: tuple[Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]*$")], ...] | None = Field(
        None, examples=[["shop-settings"]]
    )
    """Secrets of its namespace that a branch's pods may read, as variables or as files. Default: any that is there,
    main's as well. Secrets that a branch makes itself are its own."""
    service_accounts: tuple[ServiceAccount, ...] = ()
    """ServiceAccounts that a branch's pods may use, beside the app's own."""
    chart_names: bool = False
    """Whether a chart's objects may be called `<slug>-<rest>`, as Helm's usual helper does, and not only
    `<slug>--<rest>`. The branch `a` can then take a name that belongs to the branch `a-b`, if it comes first."""
    run_as_root: bool = False
    """Whether a branch's pods may ask to be root: `runAs: root` in an environment file, user 0 in a chart. A chart that
    names no user runs as its image's; `podSecurity: restricted` refuses that as well."""
    max_replicas: int = Field(50, ge=1)
    """Pods that one workload may ask for at a time."""
    max_cpu: Quantity = "8"
    """Processor cores that one container's limit may be."""
    max_memory: Size = "16Gi"
    """Memory that one container's limit may be."""
    environment: EnvironmentSize = EnvironmentSize()
    """What one environment is counted with in the namespace's quota. Without
    `lifecycle.maxEnvironments` there is no quota."""
    network: NetworkSettings = NetworkSettings()
    """Who reaches its pods, and whom they reach."""
    mesh: MeshSettings = MeshSettings()
    """Its part of the mesh, where pods get a sidecar (`dataPlane`)."""
