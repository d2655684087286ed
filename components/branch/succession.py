"""Under which other names the state may know an object of a branch environment.

Pulumi knows a resource by its URN, which tells of more than the object: what it is called in the program, the type of
its component, its API version. An environment that turns from a file into a chart, say, keeps objects whose URNs
change. Left to itself, the engine would take over such an object under the new URN, and then delete what the old one
names: the same object. Of the anchor, that would empty the environment.

So every object names all URNs that it may have had. Left out on purpose: the API versions that only clusters older
than Kubernetes 1.30 serve, as no environment's objects are of those.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pulumi

from core.names import object_name

BRANCH_ENVIRONMENT = "branch-environments:branch:BranchEnvironment"
"""Type of the component that is made of workloads."""
CHART_ENVIRONMENT = "branch-environments:branch:ChartEnvironment"
"""Type of the component that is made of a chart."""
_CHART = "kubernetes:helm.sh/v4:Chart"
# What the components put behind their name to call a child.
_SUFFIXES = {
    "ConfigMap": "anchor",
    "CronJob": "cron-job",
    "Deployment": "deployment",
    "HTTPRoute": "http-route",
    "Job": "job",
    "NetworkPolicy": "network-policy",
    "PersistentVolumeClaim": "claim",
    "Service": "service",
    "ServiceAccount": "service-account",
    "Sidecar": "sidecar",
    "VirtualService": "virtual-service",
}
# Kubernetes' own groups have no other version since 1.30; other groups may have any.
_ONE_VERSION = frozenset({"", "apps", "batch", "policy", "rbac.authorization.k8s.io"})
_VERSIONS = ("v1", "v1beta1", "v1beta2", "v1beta3", "v1alpha1", "v1alpha2", "v1alpha3", "v2", "v2beta1", "v2beta2")


def chart_name(name: str) -> str:
    """Name the resource that an environment's chart is.

    Args:
        name: of the component.
    """
    return f"{name}-chart"


def hook_name(name: str, slug: str, called: str) -> str:
    """Name the resource that a hook of an environment's chart is.

    Args:
        name: of the component.
        slug: of the branch.
        called: what the hook's object is called, which begins as the release.
    """
    return f"{name}-hook{called.removeprefix(object_name(slug))}"


def succeeding(
    name: str, slug: str, opts: pulumi.ResourceOptions | None, *, but: str = _CHART
) -> pulumi.ResourceOptions:
    """Have every object that a component makes itself name the URNs that it may have had.

    Args:
        name: of the component.
        slug: of the branch.
        opts: of the component.
        but: type of a child that makes its own objects.
    """

    def name_others(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if not args.type_.startswith("kubernetes:") or args.type_ == but:
            return None
        former = pulumi.ResourceOptions(aliases=[*urns(args.props, name, slug)])
        return pulumi.ResourceTransformationResult(args.props, pulumi.ResourceOptions.merge(args.opts, former))

    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(transformations=[name_others]))


def urns(manifest: Mapping[str, Any], component: str, slug: str) -> Iterator[str]:
    """Return all URNs that an object of an environment may have.

    Args:
        manifest: of the object; of one whose kind, name or namespace is not known, there are none.
        component: name of the environment's component, whichever it is.
        slug: of the branch.
    """
    version, kind, metadata = manifest.get("apiVersion"), manifest.get("kind"), manifest.get("metadata")
    if not (isinstance(version, str) and isinstance(kind, str) and isinstance(metadata, Mapping)):
        return
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if not (isinstance(name, str) and isinstance(namespace, str)):
        return
    stack = f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}"
    child = child_name(kind, name, component, slug)
    for type_ in _types(version, kind):
        if child:
            yield f"{stack}::{BRANCH_ENVIRONMENT}${type_}::{child}"
            yield f"{stack}::{CHART_ENVIRONMENT}${type_}::{child}"
        yield f"{stack}::{CHART_ENVIRONMENT}${_CHART}${type_}::{chart_name(component)}:{namespace}/{name}"
        yield f"{stack}::{CHART_ENVIRONMENT}${type_}::{hook_name(component, slug, name)}"


def child_name(kind: str, name: str, component: str, slug: str) -> str:
    """Name the resource that an object is which a component makes itself; empty if it makes none of the kind and name.

    Args:
        kind: of the object.
        name: of the object.
        component: name of the component.
        slug: of the branch.
    """
    stem, suffix = object_name(slug), _SUFFIXES.get(kind)
    if suffix and name == stem:
        return f"{component}-{suffix}"
    if suffix and name.startswith(f"{stem}--"):
        return f"{component}-{name.removeprefix(f'{stem}--')}-{suffix}"
    return ""


def _types(version: str, kind: str) -> list[str]:
    """Return the types of the kind in all versions of its group, the given one first."""
    group, _, own = version.rpartition("/")
    others = () if group in _ONE_VERSION else (each for each in _VERSIONS if each != own)
    return [f"kubernetes:{group or 'core'}/{each}:{kind}" for each in (own, *others)]
