"""What every branch environment needs to know, and begins with, whatever it is made of."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pulumi

from components.branch.anchor import anchor, owned_by
from components.branch.network import open_within
from components.branch.service_account import BranchServiceAccount, branch_service_account
from components.branch.sleeping_page import Sleep
from core.contract import Isolation
from core.labels import APP_LABEL, SLUG_LABEL, branch_labels, object_annotations
from core.names import object_name


class Before(NamedTuple):
    """What the environment is until this push is through; by itself, one that was never made."""

    data: str = ""
    """Name of the branch's data."""
    services: Collection[str] = ()
    """Names of its Services."""
    asleep: bool = False
    """Whether it sleeps."""


@dataclass(frozen=True, kw_only=True)
class EnvironmentArgs:
    """What a branch environment needs to know. All of it is known before anything is made."""

    app: str
    branch: str
    slug: str
    namespace: str
    gateway: str
    """The Gateway, as <namespace>/<name>."""
    gateway_api: bool = False
    """Whether it is one of Gateway API, and not of Istio's own."""
    host: str
    url: str
    ready_timeout_seconds: int
    data: str = "0"
    """Name of the branch's data."""
    before: Before = field(default_factory=Before)
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
    hand_over: bool
    """Whether gateways still lead to what this push takes away."""


def begin(name: str, args: EnvironmentArgs, parent: pulumi.Resource, *, services: Sequence[str]) -> Begun:
    """Make an environment's anchor, what opens the network within it, and its ServiceAccount.

    Args:
        name: logical name of the component.
        args: of the environment.
        parent: the component.
        services: names of its Services, of which its proxies know.
    """
    common = {
        "name": object_name(args.slug),
        "namespace": args.namespace,
        "labels": branch_labels(args.app, args.slug),
        "annotations": object_annotations(args.branch),
    }
    data = sorted({args.data, args.before.data} - {""})
    first = pulumi.ResourceOptions(parent=parent, depends_on=args.after)
    owner = owned_by(anchor(name, common, url=args.url, data=data, opts=first))
    metadata = {**common, "ownerReferences": [owner]}
    child = pulumi.ResourceOptions(parent=parent)
    own = {APP_LABEL: args.app, SLUG_LABEL: args.slug}
    open_within(name, args.boundaries, own=own, metadata=metadata, services=services, opts=child)
    account = branch_service_account(name, args.account, metadata, child)
    return Begun(owner, metadata, account, hand_over=_hands_over(args, services))


def _hands_over(args: EnvironmentArgs, services: Sequence[str]) -> bool:
    falls_asleep = args.sleep is not None and not args.before.asleep
    answering = () if falls_asleep else services
    return not {*args.before.services} <= {*answering}
