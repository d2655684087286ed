"""What Istio's sidecars in an app's namespace require, and what they know of the rest of the cluster."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pulumi
import pulumi_kubernetes.meta.v1 as meta
from pulumi_kubernetes.apiextensions import CustomResource

from components.sidecar import sidecar_spec
from core.api_versions import ISTIO_NETWORKING, ISTIO_SECURITY
from core.labels import app_labels

SHARED_MESH_CONFIG = "branch-environments-mesh"
"""ConfigMap beside the control plane, which istiod reads if its variable SHARED_MESH_CONFIG names it."""
CONTROL_PLANE_PORT = 15012
_DEFAULT = "default"
"""What Istio's own examples call the objects that hold for a whole namespace; there can be one of each kind."""


@dataclass(frozen=True, kw_only=True)
class MeshArgs:
    """What the mesh needs to know."""

    app: str
    namespace: pulumi.Input[str]
    mtls: Literal["strict", "permissive"]
    """Whether pods answer others than those that prove who they are."""
    hosts: Sequence[str] = ()
    """What proxies know beside their own namespace, as <namespace>/<host>."""


class Mesh(pulumi.ComponentResource):
    """An app's part of the mesh: a PeerAuthentication, and a Sidecar for every proxy that has none of its own.

    Type `branch-environments:base:Mesh`. Without a Sidecar every proxy is sent every Service of the cluster, on every
    change. Left out on purpose: who may ask for what, which is said at the gateway (`access.py`).
    """

    namespace: pulumi.Output[str]
    """The namespace, known once its proxies are configured."""

    def __init__(self, name: str, args: MeshArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:base:Mesh", name, None, opts)
        made = [
            CustomResource(
                f"{name}-{suffix}",
                api_version=api_version,
                kind=kind,
                metadata=meta.ObjectMetaArgs(name=_DEFAULT, namespace=args.namespace, labels=app_labels(args.app)),
                spec=spec,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for suffix, api_version, kind, spec in (
                ("peer-authentication", ISTIO_SECURITY, "PeerAuthentication", mtls_spec(args)),
                ("sidecar", ISTIO_NETWORKING, "Sidecar", sidecar_spec(["./*"], hosts=args.hosts)),
            )
        ]
        self.namespace = pulumi.Output.all(args.namespace, *(each.urn for each in made)).apply(
            lambda known: str(known[0])
        )
        self.register_outputs({"namespace": self.namespace})


def mtls_spec(args: MeshArgs) -> dict[str, Any]:
    """Make the spec of a security.istio.io/v1 PeerAuthentication."""
    return {"mtls": {"mode": args.mtls.upper()}}
