"""The ServiceAccount that an app's branches share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes.core.v1 as core
import pulumi_kubernetes.meta.v1 as meta

from core.labels import app_labels


@dataclass(frozen=True, kw_only=True)
class ServiceAccountArgs:
    """What the ServiceAccount needs to know."""

    app: str
    service_account: str
    namespace: pulumi.Input[str]
    identity_annotations: pulumi.Input[Mapping[str, pulumi.Input[str]]] = field(default_factory=dict)
    """What binds it to a cloud identity. Empty where pods need none."""
    image_pull_secrets: Sequence[str] = ()
    """Secrets of the namespace with the registries' credentials."""

    def __post_init__(self) -> None:
        """Refuse the account that every pod without one of its own shares."""
        if self.service_account == "default":
            raise ValueError("serviceAccount: 'default' is used by every pod that names none; give the app its own")


class ServiceAccount(pulumi.ComponentResource):
    """An app's identity inside the cluster.

    Type `branch-environments:base:ServiceAccount`. Left out on purpose: the cloud's half of the identity, whose
    component hands its annotations in.
    """

    service_account: pulumi.Output[str]
    """Name of the ServiceAccount, known once it exists."""

    def __init__(self, name: str, args: ServiceAccountArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:base:ServiceAccount", name, None, opts)
        made = core.ServiceAccount(
            f"{name}-service-account",
            metadata=meta.ObjectMetaArgs(
                name=args.service_account,
                namespace=args.namespace,
                labels=app_labels(args.app),
                annotations=args.identity_annotations,
            ),
            image_pull_secrets=[core.LocalObjectReferenceArgs(name=each) for each in args.image_pull_secrets] or None,
            # Pods ask for a token of the Kubernetes API where they need one.
            automount_service_account_token=False,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.service_account = made.metadata.name
        self.register_outputs({"serviceAccount": self.service_account})
