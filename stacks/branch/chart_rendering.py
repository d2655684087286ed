"""What a chart would make, asked of the provider before anything is made."""

import json
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import invoke

from stacks.settings.errors import Problem, SettingsError, shown

_RENDER = "kubernetes:helm:template"
HOOK = "helm.sh/hook"
CRD = "CustomResourceDefinition"
# The provider says which objects are of no namespace, but not of what is inside of a list.
_CLUSTER_WIDE = frozenset(
    {
        "APIService",
        "ClusterRole",
        "ClusterRoleBinding",
        CRD,
        "IngressClass",
        "MutatingWebhookConfiguration",
        "Namespace",
        "PersistentVolume",
        "PriorityClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
    }
)


def render(
    folder: Path,
    *,
    release: str,
    namespace: str,
    values: Mapping[str, Any],
    stack: str,
    title: str = "",
    crds: bool = True,
) -> list[dict[str, Any]]:
    """Render a chart as the provider will, with the cluster's API versions; only `lookup` finds nothing.

    Hooks are among the objects, but for tests.

    Args:
        folder: that holds Chart.yaml.
        release: name of the release.
        namespace: of the release. Objects of a namespaced kind that name none get it; those of the cluster have none.
        values: all that are set.
        stack: for the message.
        title: what a person calls the chart, if it is not by its folder.
        crds: whether what lies in folders called `crds` is rendered as well.

    Raises:
        SettingsError: with what Helm says of the chart.
    """
    asked = {
        "path": str(folder.resolve()),
        "release_name": release,
        "namespace": namespace,
        "values": dict(values),
        "skip_crd_rendering": not crds,
    }
    try:
        # The version keeps it the same plugin that makes the objects.
        opts = pulumi.InvokeOptions(version=version("pulumi-kubernetes"))
        answer = invoke(_RENDER, {"jsonOpts": json.dumps(asked)}, opts).value
    except Exception as e:  # the engine's refusals have no type of their own
        raise SettingsError(stack, [_refused(title or str(folder), e)]) from e
    return [each for manifest in (answer or {}).get("result") or [] for each in _single(manifest, namespace)]


def is_hook(manifest: Mapping[str, Any]) -> bool:
    """Whether Helm makes an object by itself, at a moment of its own."""
    return HOOK in (metadata_of(manifest).get("annotations") or {})


def metadata_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object's metadata, which a chart may leave empty."""
    return dict(manifest.get("metadata") or {})


def _single(manifest: dict[str, Any], namespace: str) -> Iterator[dict[str, Any]]:
    """Return the objects of a list, which may hold lists; another object is given as it is."""
    if not (str(manifest.get("kind", "")).endswith("List") and isinstance(manifest.get("items"), list)):
        yield manifest
        return
    for item in manifest["items"]:
        for each in _single(item, namespace):
            own = metadata_of(each)
            if each.get("kind") not in _CLUSTER_WIDE and not own.get("namespace"):
                own["namespace"] = namespace
            yield {**each, "metadata": own}


def _refused(title: str, error: Exception) -> Problem:
    # Everything before the last of these says who asked whom.
    message = str(error).rpartition("failed to create chart from template: ")[2]
    return Problem(
        field="chart",
        value=shown(title),
        rule=f"Helm renders the chart; it says: {' '.join(message.split())}",
        fix="correct the template or the value that it names; `helm template` with the same values shows the same",
    )
