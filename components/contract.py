"""What a base stack publishes for branches: where they read it, and cannot write."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes.core.v1 as core
import pulumi_kubernetes.meta.v1 as meta
import pulumi_kubernetes.rbac.v1 as rbac

from components.app.deployer import RBAC
from core import publication
from core.contract import VERSION, Base, Subject
from core.labels import shared_labels

NAME = "contract"


@dataclass(frozen=True, kw_only=True)
class ContractArgs:
    """What it needs to know."""

    base: str
    """Name of the base stack."""
    contract: pulumi.Input[Base]
    """Known once everything is there that it promises."""
    readers: Sequence[Subject]
    """Who deploys or removes branches, and must read it."""
    groups: Sequence[str] = ()
    """The same, where the API server knows jobs themselves."""

    def __post_init__(self) -> None:
        """Refuse a contract with nobody."""
        if not self.readers:
            raise ValueError("readers: no branch could be deployed; give the apps' deployers")


class Contract(pulumi.ComponentResource):
    """A ConfigMap in a namespace of the base stack's own, and the right to read it.

    Type `branch-environments:base:Contract`. It holds no secret. Left out on purpose: a right to read it for everybody
    who is authenticated, whom some clouds count all their customers among.
    """

    cluster_object: pulumi.Output[str]
    """The ConfigMap, as <namespace>/<name>."""

    def __init__(self, name: str, args: ContractArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:base:Contract", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        labels = {**shared_labels(NAME), publication.BASE_LABEL: args.base}
        made = core.Namespace(
            f"{name}-namespace",
            metadata=meta.ObjectMetaArgs(
                # Nothing ever runs in it.
                name=publication.namespace(args.base),
                labels={**labels, "pod-security.kubernetes.io/enforce": "restricted"},
            ),
            opts=child,
        )
        there = made.metadata.name
        role = rbac.Role(
            f"{name}-reader",
            metadata=meta.ObjectMetaArgs(name=publication.READER, namespace=there, labels=labels),
            rules=[
                rbac.PolicyRuleArgs(
                    api_groups=[""],
                    resources=["configmaps"],
                    resource_names=[publication.CONFIG_MAP],
                    verbs=["get"],
                )
            ],
            opts=child,
        )
        binding = rbac.RoleBinding(
            f"{name}-reader-binding",
            metadata=meta.ObjectMetaArgs(name=publication.READER, namespace=there, labels=labels),
            role_ref=rbac.RoleRefArgs(api_group=RBAC, kind="Role", name=role.metadata.name),
            subjects=[
                *(
                    rbac.SubjectArgs(kind="ServiceAccount", name=each.name, namespace=each.namespace)
                    for each in args.readers
                ),
                *(rbac.SubjectArgs(kind="Group", name=each, api_group=RBAC) for each in args.groups),
            ],
            opts=child,
        )
        config_map = core.ConfigMap(
            f"{name}-config-map",
            metadata=meta.ObjectMetaArgs(
                name=publication.CONFIG_MAP,
                namespace=there,
                labels={**labels, publication.CONTRACT_LABEL: str(VERSION)},
            ),
            data=pulumi.Output.from_input(args.contract).apply(publication.written),
            opts=child,
        )
        parts = pulumi.Output.all(config_map.metadata.namespace, config_map.metadata.name, binding.urn)
        self.cluster_object = parts.apply(lambda known: f"{known[0]}/{known[1]}")
        self.register_outputs({"clusterObject": self.cluster_object})
