"""What a base stack does with objects that are there already: it takes over its own, and nobody else's.

An `up` that was killed may have made objects that its state does not know; the next one takes these over. The
provider would take over any object of the name, whoever owns it, and `pulumi destroy` would delete it.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pulumi
from pulumi.resource_hooks import ResourceHookArgs

from core.labels import APP_LABEL, MANAGED_BY_LABEL
from stacks.cluster_api import ClusterApi

_OWN = (MANAGED_BY_LABEL, APP_LABEL)


class ExistingObjectError(Exception):
    """An object of somebody else's is in the way."""


def guard_against_adoption(api: ClusterApi) -> None:
    """Have every Kubernetes object of this stack looked for before it is made, in a preview, too."""

    def before_create(args: ResourceHookArgs) -> None:
        refuse_existing(args.new_inputs or {}, api.labels)

    hook = pulumi.ResourceHook("adoption", before_create, pulumi.ResourceHookOptions(on_dry_run=True))

    def bind(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if not _is_whole_object(args.type_):
            return None
        hooks = pulumi.ResourceHookBinding(before_create=[hook])
        opts = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(hooks=hooks))
        return pulumi.ResourceTransformationResult(args.props, opts)

    pulumi.runtime.register_stack_transformation(bind)


def _is_whole_object(kind: str) -> bool:
    """Return whether it is an object: not a patch of somebody else's, nor a Helm release."""
    return kind.startswith("kubernetes:") and not kind.endswith("Patch") and ":helm.sh/" not in kind


def refuse_existing(
    manifest: Mapping[str, Any], labels_of: Callable[[str, str, str, str], Mapping[str, str] | None]
) -> None:
    """Refuse to make an object where somebody else has one of the name.

    Args:
        manifest: of the object.
        labels_of: gives the labels of what is there, by API version, kind, namespace and name; None if nothing is.

    Raises:
        ExistingObjectError: it does not carry this object's own labels.
    """
    metadata = manifest.get("metadata", {})
    version, kind = manifest.get("apiVersion"), manifest.get("kind")
    namespace, name = metadata.get("namespace", ""), metadata.get("name")
    wanted = metadata.get("labels", {})
    # In a preview, some of it may not be known yet. Then it depends on what is not there either.
    if not (
        isinstance(version, str) and isinstance(kind, str) and isinstance(namespace, str) and isinstance(name, str)
    ):
        return
    there = labels_of(version, kind, namespace, name)
    if there is None or all(there.get(label) == wanted.get(label) for label in _OWN):
        return
    at = f" --namespace={namespace}" if namespace else ""
    raise ExistingObjectError(
        f"{kind} {f'{namespace}/' if namespace else ''}{name} is there already, and this stack did not make it "
        f"(it has not the labels {', '.join(f'{label}={wanted[label]}' for label in _OWN if label in wanted)}); "
        f"fix: choose another name in the config, or delete it if nobody needs it: "
        f"kubectl delete {kind.lower()} {name}{at}"
    )
