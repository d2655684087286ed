"""The namespace that a branch has for itself, where its app's branches do not share one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_kubernetes.core.v1 as core
import pulumi_kubernetes.meta.v1 as meta
import pulumi_kubernetes.rbac.v1 as rbac
from pulumi_kubernetes.apiextensions import CustomResource

from branchenv.names import object_name
from components.labels import URL_ANNOTATION, branch_labels, object_annotations
from components.mesh import PEER_AUTHENTICATION_VERSION, SIDECAR_VERSION
from components.network import POLICY_VERSION

NETWORK_POLICIES = "count/networkpolicies.networking.k8s.io"
"""What a quota counts NetworkPolicies by."""
# Its pods' grace period, and the controllers that empty it.
_DELETION = "10m"


@dataclass(frozen=True, kw_only=True)
class Order:
    """What the platform team orders for every such namespace; admission rules insist on it."""

    labels: Mapping[str, str] = field(default_factory=dict)
    """For Istio and Pod Security."""
    quota: Mapping[str, str]
    """By the keys of a ResourceQuota; the one of `NETWORK_POLICIES` among them, where there is one."""
    network_policy: Mapping[str, Any] | None = None
    """Spec of its NetworkPolicy. None: there is none."""
    peer_authentication: Mapping[str, Any] | None = None
    """Spec of Istio's PeerAuthentication. None: pods have no sidecar."""
    sidecar: Mapping[str, Any] | None = None
    """Spec of Istio's Sidecar. None: pods have no sidecar."""
    role: str
    """ClusterRole with what the branch's stack may do in there."""
    subjects: Sequence[tuple[str, str]]
    """Who may do it: ServiceAccounts by namespace and name."""

    def specs(self) -> dict[str, tuple[str, Mapping[str, Any]]]:
        """Give API version and spec of the guards that are ordered, by kind."""
        ordered = (
            ("NetworkPolicy", POLICY_VERSION, self.network_policy),
            ("PeerAuthentication", PEER_AUTHENTICATION_VERSION, self.peer_authentication),
            ("Sidecar", SIDECAR_VERSION, self.sidecar),
        )
        return {kind: (version, spec) for kind, version, spec in ordered if spec is not None}


@dataclass(frozen=True, kw_only=True)
class OwnNamespaceArgs:
    """What the namespace needs to know."""

    app: str
    branch: str
    slug: str
    namespace: str
    url: str
    order: Order

    def __post_init__(self) -> None:
        """Refuse a namespace that nobody could deploy into."""
        if not self.order.subjects:
            raise ValueError("subjects: nobody could deploy into the namespace; name the deployer at least")


class OwnNamespace(pulumi.ComponentResource):
    """A branch's own namespace, with its quota, its guards in the network, and the deployer's rights in it.

    Type `branch-environments:branch:OwnNamespace`. All in it goes with it. Left out on purpose: Secrets and ConfigMaps
    of the app, which something else brings into every namespace that carries the app's label.
    """

    namespace: pulumi.Output[str]
    """Its name, known once the branch may be deployed into it, and is guarded."""

    def __init__(self, name: str, args: OwnNamespaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:branch:OwnNamespace", name, None, opts)
        labels = branch_labels(args.app, args.slug)
        annotations = object_annotations(args.branch)
        made = core.Namespace(
            f"{name}-namespace",
            core.NamespaceInitArgs(
                metadata=meta.ObjectMetaArgs(
                    name=args.namespace,
                    labels={**labels, **args.order.labels},
                    annotations={**annotations, URL_ANNOTATION: args.url},
                )
            ),
            pulumi.ResourceOptions(parent=self, custom_timeouts=pulumi.CustomTimeouts(delete=_DELETION)),
        )
        metadata = meta.ObjectMetaArgs(
            name=object_name(args.slug), namespace=made.metadata.name, labels=labels, annotations=annotations
        )
        # Nothing in it is deleted by itself: for as long as there are pods, there are their guards.
        inside = pulumi.ResourceOptions(parent=self, deleted_with=made)
        rights = rbac.RoleBinding(
            f"{name}-role-binding",
            rbac.RoleBindingInitArgs(
                metadata=metadata,
                role_ref=rbac.RoleRefArgs(
                    api_group="rbac.authorization.k8s.io", kind="ClusterRole", name=args.order.role
                ),
                subjects=[
                    rbac.SubjectArgs(kind="ServiceAccount", namespace=namespace, name=account)
                    for namespace, account in args.order.subjects
                ],
            ),
            inside,
        )
        within = pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=[rights]))
        quota = core.ResourceQuota(
            f"{name}-quota",
            core.ResourceQuotaInitArgs(metadata=metadata, spec=core.ResourceQuotaSpecArgs(hard=dict(args.order.quota))),
            within,
        )
        # In this order: the quota counts what comes after it.
        counted = pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=[quota]))
        guards = [
            CustomResource(
                f"{name}-{kind.lower()}",
                api_version=version,
                kind=kind,
                metadata=metadata,
                spec=dict(spec),
                opts=counted,
            )
            for kind, (version, spec) in args.order.specs().items()
        ]
        self.namespace = pulumi.Output.all(args.namespace, *(each.urn for each in (quota, *guards))).apply(
            lambda known: str(known[0])
        )
        self.register_outputs({"namespace": self.namespace})
