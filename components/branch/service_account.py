"""The ServiceAccount that a branch has for itself, where the app's branches do not share one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi

from components.kubernetes_object import KubernetesObject, present


@dataclass(frozen=True, kw_only=True)
class BranchServiceAccount:
    """What a branch's own ServiceAccount is made with."""

    identity_annotations: pulumi.Input[Mapping[str, str]] = field(default_factory=dict)
    """What binds it to the branch's cloud identity, known once that exists. Empty where there is none to name."""
    image_pull_secrets: Sequence[str] = ()
    """Secrets of the namespace with the registries' credentials."""


def branch_service_account(
    name: str, account: BranchServiceAccount | None, metadata: Mapping[str, Any], opts: pulumi.ResourceOptions
) -> list[pulumi.Resource]:
    """Make a branch's ServiceAccount, if it has one, and give what its pods must wait for.

    It comes after the cloud's half of the identity: a pod that starts before that has no credentials for as long as it
    lives. It has no token and no rights in the cluster.

    Args:
        name: logical name of the component.
        account: what is particular to it; None where the app's branches share one.
        metadata: of the ServiceAccount, whose name is the branch's in the policies of its cloud identity.
        opts: with the parent.
    """
    if account is None:
        return []
    both = pulumi.Output.all(metadata["annotations"], account.identity_annotations)
    annotations = both.apply(lambda known: {**known[0], **known[1]})
    manifest = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {**metadata, "annotations": annotations},
        "imagePullSecrets": [{"name": each} for each in account.image_pull_secrets] or None,
        # Pods ask for a token of the Kubernetes API where they need one.
        "automountServiceAccountToken": False,
    }
    return [KubernetesObject(f"{name}-service-account", present(manifest), opts)]
