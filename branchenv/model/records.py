"""What is known of an environment, as each of the four sources tells it: plain data, no input or output.

The sources: Pulumi's stacks (`StackRecord`), the cluster's objects (`ClusterRecord`), git branches and merge requests
(`MergeRequest`), GitLab environments (`GitLabEnvironment`). `inventory/` brings them together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Lock:
    """A lock on a stack, as Pulumi's own backends write it."""

    key: str
    """Its place in the backend."""
    user: str
    host: str
    pid: int
    since: datetime


@dataclass(frozen=True, kw_only=True)
class Tags:
    """What `branchenv select` notes on a branch stack. A stack that was made by hand has none of it."""

    branch: str = ""
    app: str = ""
    project: str = ""
    """GitLab project, as <group>/<name>."""
    merge_request: int | None = None
    commit: str = ""
    root: str = ""
    """Top folder of the checkout that it was deployed from: paths in its config lie below it."""
    pipeline: str = ""
    """Its URL."""
    pipeline_id: int | None = None
    """The newest pipeline that has deployed it, or begun to: older ones do not."""
    rolled_back: str = ""
    """Commit that a rollback has taken back; empty after the next deploy."""
    data: str = ""
    """Name of the branch's data, which its pods have as BRANCH_DATA; empty for an environment older than that."""
    job: str = ""
    """The CI job that last touched the stack, as <job id>@<host name>: whose lock a lock is."""
    owner: str = ""
    """User name of who pushed last."""
    created: datetime | None = None
    updated: datetime | None = None
    """Last deploy, extension or sign of use."""
    expires: datetime | None = None
    asleep: bool = False
    requests: int | None = None
    """Requests at the gateway, as counted by the last sweep."""
    active: datetime | None = None
    """When a sweep last saw that number change."""
    warned: datetime | None = None
    """The expiry of which the merge request was last warned."""


@dataclass(frozen=True, kw_only=True)
class DeployedObject:
    """One Kubernetes object, as a stack's state has it."""

    urn: str
    api_version: str
    kind: str
    namespace: str
    """Empty for an object of no namespace."""
    name: str
    wanted: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What the program said of it; a secret is what `backend.checkpoint.is_secret` says is one."""
    seen: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The object as the API server had it when Pulumi last asked; secrets as before."""


@dataclass(frozen=True, kw_only=True)
class StackRecord:
    """One stack in Pulumi's backend."""

    name: str
    """<app>.<slug>, or base-<cluster>."""
    tags: Tags = field(default_factory=Tags)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    resources: int = 0
    last_update: datetime | None = None
    pending: tuple[str, ...] = ()
    """URNs of operations that an interrupted command left open."""
    locks: tuple[Lock, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)
    """How the state is encrypted, as a stack's config file says it: encryptionsalt, or secretsprovider and key."""
    objects: tuple[DeployedObject, ...] = field(default=(), repr=False)
    """Its Kubernetes objects."""
    damaged: str = ""
    """Why the state cannot be read; empty if it can."""

    @property
    def app(self) -> str:
        """The app, by the stack's name."""
        return self.name.partition(".")[0]

    @property
    def slug(self) -> str:
        """The branch's slug, by the stack's name."""
        return self.name.partition(".")[2]

    @property
    def branch(self) -> str:
        """Full name of the branch, as far as it is known."""
        return self.tags.branch or str(self.outputs.get("branch", "")) or self.slug

    @property
    def url(self) -> str:
        """Public URL; empty before the first finished `up`."""
        return str(self.outputs.get("url", ""))

    @property
    def base(self) -> str:
        """Name of its base stack, without organisation and project; empty before the first finished `up`."""
        return str(self.outputs.get("base", "")).rpartition("/")[2]

    @property
    def cluster(self) -> str:
        """UID of its cluster's namespace kube-system; empty for a stack that never noted one."""
        return str(self.outputs.get("cluster") or "")


@dataclass(frozen=True, kw_only=True)
class ClusterRecord:
    """The objects of one environment in the cluster, found by their labels."""

    app: str
    slug: str
    branch: str
    namespace: str
    branch_namespace: bool = False
    """Whether the namespace is this environment's alone."""
    anchor: str = ""
    """Name of the ConfigMap that owns them; empty where there are objects without one."""
    url: str = ""
    created: datetime | None = None
    wanted: int = 0
    """Replicas that its Deployments ask for."""
    ready: int = 0
    cpu: float = 0.0
    """Cores that its pods request, all together."""
    memory: float = 0.0
    """Bytes that they request."""
    problems: tuple[str, ...] = ()
    """Why pods are not ready, a line each."""
    leaving: bool = False
    """Whether its anchor or its own namespace is being deleted, and all else with that."""


@dataclass(frozen=True, kw_only=True)
class MergeRequest:
    """A merge request of the app's project."""

    iid: int
    branch: str
    """Source branch."""
    state: str
    """opened, closed, merged or locked."""
    url: str
    author: str = ""
    from_fork: bool = False


@dataclass(frozen=True, kw_only=True)
class GitLabEnvironment:
    """An environment as GitLab keeps it."""

    id: int
    name: str
    state: str
    """available, stopping or stopped."""
    url: str = ""
