"""The namespace that an app's branches share."""

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes.core.v1 as core
import pulumi_kubernetes.meta.v1 as meta

from core.labels import app_labels


@dataclass(frozen=True, kw_only=True)
class NamespaceArgs:
    """What the namespace needs to know."""

    app: str
    namespace: str
    istio_revision: str | None = None
    """Istio control plane that gives pods their sidecar; none for the cluster's default."""
    pod_security: str | None = None
    """Pod Security level that the API server enforces; none leaves it to the cluster."""

    def __post_init__(self) -> None:
        """Refuse a namespace that is the cluster's own."""
        if self.namespace in {"default", "istio-system"} or self.namespace.startswith("kube-"):
            raise ValueError(f"namespace: {self.namespace!r} belongs to the cluster; give the app one of its own")


class Namespace(pulumi.ComponentResource):
    """An app's namespace, in which Istio gives every pod a sidecar.

    Type `branch-environments:base:Namespace`. Left out on purpose: quotas and policies, which are not the namespace.
    """

    namespace: pulumi.Output[str]
    """Name of the namespace, known once it exists."""

    def __init__(self, name: str, args: NamespaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:base:Namespace", name, None, opts)
        made = core.Namespace(
            f"{name}-namespace",
            metadata=meta.ObjectMetaArgs(
                name=args.namespace,
                labels=namespace_labels(args),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.namespace = made.metadata.name
        self.register_outputs({"namespace": self.namespace})


def namespace_labels(args: NamespaceArgs) -> dict[str, str]:
    """Make all labels of an app's namespace."""
    return {**app_labels(args.app), **guard_labels(args.istio_revision, args.pod_security)}


def guard_labels(istio_revision: str | None, pod_security: str | None) -> dict[str, str]:
    """Make the labels that Istio and Pod Security read. A revision and `istio-injection` exclude each other.

    Args:
        istio_revision: of the control plane; none for the cluster's default.
        pod_security: level that is enforced; none for the cluster's.
    """
    injection = {"istio.io/rev": istio_revision} if istio_revision else {"istio-injection": "enabled"}
    return {
        **injection,
        **({"pod-security.kubernetes.io/enforce": pod_security} if pod_security else {}),
        # What would fail one level up is said at once, and hinders nobody.
        "pod-security.kubernetes.io/warn": "restricted",
    }
