"""The namespace that a branch has for itself, where its app's branches do not share one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from components.identity.placeholder import render
from components.kubernetes_object import KubernetesObject
from core.api_versions import ISTIO_NETWORKING, ISTIO_SECURITY, NETWORKING, RBAC
from core.contract import OWN_NAMESPACE, NamespaceTemplate
from core.labels import URL_ANNOTATION, branch_labels, object_annotations
from core.names import object_name

NETWORK_POLICIES = "count/networkpolicies.networking.k8s.io"
"""What a quota counts NetworkPolicies by."""
# Its pods' grace period, and the controllers that empty it.
_DELETION = "10m"


@dataclass(frozen=True, kw_only=True)
class BranchNamespaceArgs:
    """What the namespace needs to know."""

    app: str
    branch: str
    slug: str
    namespace: str
    url: str
    template: NamespaceTemplate

    def __post_init__(self) -> None:
        """Refuse a namespace that nobody could deploy into."""
        if not self.template.subjects:
            raise ValueError("subjects: nobody could deploy into the namespace; name the deployer at least")


class BranchNamespace(pulumi.ComponentResource):
    """A branch's own namespace, with its quota, its guards in the network, and the deployer's rights in it.

    Type `branch-environments:branch:BranchNamespace`. All in it goes with it. Left out on purpose: the app's Secrets
    and ConfigMaps, which something else brings into every namespace that carries the app's label.
    """

    namespace: pulumi.Output[str]
    """Its name, known once the branch may be deployed into it, and is guarded."""

    def __init__(self, name: str, args: BranchNamespaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        # Its name until 0.1.0.
        former = pulumi.ResourceOptions(aliases=[pulumi.Alias(type_="branch-environments:branch:OwnNamespace")])
        super().__init__(
            "branch-environments:branch:BranchNamespace", name, None, pulumi.ResourceOptions.merge(opts, former)
        )
        labels = branch_labels(args.app, args.slug)
        annotations = object_annotations(args.branch)
        made = KubernetesObject(
            f"{name}-namespace",
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {
                    "name": args.namespace,
                    "labels": {**labels, **args.template.labels},
                    "annotations": {**annotations, URL_ANNOTATION: args.url},
                },
            },
            pulumi.ResourceOptions(parent=self, custom_timeouts=pulumi.CustomTimeouts(delete=_DELETION)),
        )
        metadata = {
            "name": object_name(args.slug),
            "namespace": made.metadata["name"],
            "labels": labels,
            "annotations": annotations,
        }

        def inside(suffix: str, manifest: Mapping[str, Any], after: KubernetesObject) -> KubernetesObject:
            # Nothing in it is deleted by itself: for as long as there are pods, there are their guards.
            opts = pulumi.ResourceOptions(parent=self, deleted_with=made, depends_on=[after])
            return KubernetesObject(f"{name}-{suffix}", {**manifest, "metadata": metadata}, opts)

        rights = inside("role-binding", _role_binding(args.template), made)
        quota = inside(
            "quota", {"apiVersion": "v1", "kind": "ResourceQuota", "spec": {"hard": dict(args.template.quota)}}, rights
        )
        # In this order: the quota counts what comes after it.
        guards = [
            inside(
                kind.lower(),
                {"apiVersion": version, "kind": kind, "spec": render(spec, args.namespace, OWN_NAMESPACE)},
                quota,
            )
            for kind, (version, spec) in guard_specs(args.template).items()
        ]
        self.namespace = pulumi.Output.all(args.namespace, *(each.urn for each in (quota, *guards))).apply(
            lambda known: str(known[0])
        )
        self.register_outputs({"namespace": self.namespace})


def guard_specs(template: NamespaceTemplate) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """Return API version and spec of the objects that guard such a namespace, by kind."""
    guards = (
        ("NetworkPolicy", NETWORKING, template.network_policy),
        ("PeerAuthentication", ISTIO_SECURITY, template.peer_authentication),
        ("AuthorizationPolicy", ISTIO_SECURITY, template.authorization_policy),
        ("Sidecar", ISTIO_NETWORKING, template.sidecar),
    )
    return {kind: (version, spec) for kind, version, spec in guards if spec is not None}


def _role_binding(template: NamespaceTemplate) -> dict[str, Any]:
    return {
        "apiVersion": RBAC,
        "kind": "RoleBinding",
        "roleRef": {"apiGroup": RBAC.partition("/")[0], "kind": "ClusterRole", "name": template.role},
        "subjects": [
            {"kind": "ServiceAccount", "namespace": each.namespace, "name": each.name} for each in template.subjects
        ],
    }
