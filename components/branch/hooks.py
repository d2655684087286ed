"""A chart's hooks, as resources: one after another, before the chart's other objects or after them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pulumi

from components.branch.later import changed_at
from components.branch.succession import hook_name
from components.kubernetes_object import KubernetesObject
from core.labels import INPUTS_ANNOTATION

_SECRET = ("data", "stringData")
"""Of a Secret, what no state shows."""


@dataclass(frozen=True, kw_only=True)
class Hook:
    """One object of a chart that Helm would make by itself, at a moment of its own."""

    manifest: Mapping[str, Any]
    when: Literal["pre", "post"]
    """Before the chart's other objects are made or changed, or once all of them are ready."""
    settled: bool = False
    """Whether it has had its only moment: it stays as it was made then."""

    @property
    def key(self) -> str:
        """Kind and name, by which a stack notes that it has run."""
        return f"{self.manifest.get('kind')}/{self.name}"

    @property
    def name(self) -> str:
        """Name of the object."""
        return str((self.manifest.get("metadata") or {}).get("name"))


def for_inputs(manifest: Mapping[str, Any], inputs: str) -> dict[str, Any]:
    """Have a hook's Job run again whenever what is deployed changes, as with Helm, even if the Job itself is the same.

    Args:
        manifest: of the hook, as it is made.
        inputs: digest of chart and values.
    """
    if manifest.get("kind") != "Job":
        return dict(manifest)
    path = ["spec", "template", "metadata", "annotations"]
    return changed_at(manifest, path, lambda theirs: {**(theirs or {}), INPUTS_ANNOTATION: inputs})


def run_hooks(
    component: str, slug: str, hooks: Sequence[tuple[Hook, Mapping[str, Any]]], opts: pulumi.ResourceOptions
) -> list[pulumi.Resource]:
    """Make hooks, each once the one before it has ended well.

    Args:
        component: logical name of the environment.
        slug: of the branch.
        hooks: in their order, each with the manifest that is the environment's own.
        opts: with the parent, and what they all wait for.
    """
    made: list[pulumi.Resource] = []
    for hook, manifest in hooks:
        own = pulumi.ResourceOptions(
            depends_on=made[-1:],
            ignore_changes=["*"] if hook.settled else None,
            additional_secret_outputs=[*_SECRET] if manifest.get("kind") == "Secret" else None,
        )
        merged = pulumi.ResourceOptions.merge(opts, own)
        made.append(KubernetesObject(hook_name(component, slug, hook.name), _hidden(manifest), merged))
    return made


def _hidden(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    if manifest.get("kind") != "Secret":
        return manifest
    return {key: pulumi.Output.secret(value) if key in _SECRET else value for key, value in manifest.items()}
