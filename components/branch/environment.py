"""What every branch environment needs to know, and begins with, whatever it is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pulumi

from components.branch.anchor import anchor, owned_by, owned_metadata
from components.branch.network import open_within
from components.branch.service_account import BranchServiceAccount, branch_service_account
from components.branch.sleeping_page import Sleep
from core.contract import Isolation


@dataclass(frozen=True, kw_only=True)
class EnvironmentArgs:
    """What a branch environment needs to know. All of it is known before anything is made."""

    app: str
    branch: str
    slug: str
    namespace: str
    gateway: str
    """Istio Gateway, as <namespace>/<name>."""
    host: str
    url: str
    ready_timeout_seconds: int
    data: str = "0"
    """Name of the branch's data."""
    data_before: str = ""
    """Name of the data that it used until now, and uses until this push is through; empty if it is the same."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """What tells the images apart that tags name: digest or commit by image."""
    after: Sequence[pulumi.Resource] = ()
    """What must be there first: its own namespace, if it has one."""
    boundaries: Isolation = field(default_factory=Isolation)
    """What the base stack has closed around the app's branches."""
    account: BranchServiceAccount | None = None
    """The ServiceAccount that it makes for itself; none where the app's branches share one."""
    sleep: Sleep | None = None
    """Why no pod runs; none if the environment is awake."""


class Begun(NamedTuple):
    """An environment of which the pods and the route are still to be made."""

    owner: dict[str, Any]
    """Owner reference of all that belongs to it."""
    metadata: Mapping[str, Any]
    """Of an object that it has one of."""
    account: list[pulumi.Resource]
    """What its pods wait for, where it has a ServiceAccount of its own."""


def begin(name: str, args: EnvironmentArgs, parent: pulumi.Resource, *, services: Sequence[str]) -> Begun:
    """Make an environment's anchor, what opens the network within it, and its ServiceAccount.

    Args:
        name: logical name of the component.
        args: of the environment.
        parent: the component.
        services: names of its Services, of which its proxies know; none where nobody can name them.
    """
    owner = owned_by(
        anchor(
            name,
            app=args.app,
            branch=args.branch,
            slug=args.slug,
            namespace=args.namespace,
            url=args.url,
            data=sorted({args.data, args.data_before} - {""}),
            opts=pulumi.ResourceOptions(parent=parent, depends_on=args.after),
        )
    )
    metadata = owned_metadata(owner, args.app, args.branch, args.slug, args.namespace)
    child = pulumi.ResourceOptions(parent=parent)
    open_within(
        name,
        args.boundaries,
        app=args.app,
        slug=args.slug,
        metadata=metadata,
        namespace=args.namespace,
        services=services,
        opts=child,
    )
    return Begun(owner, metadata, branch_service_account(name, args.account, metadata, child))
