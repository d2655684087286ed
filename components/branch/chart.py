"""One branch environment made of the app's own Helm chart."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi

from components.branch.anchor import anchor, owned_by, owned_metadata
from components.branch.network import Boundaries, open_within
from components.branch.service_account import OwnAccount, own_account
from components.branch.sleeping_page import Sleep, sleeping_page, sleeping_rule
from core.labels import MANAGED_BY_LABEL, branch_annotations, branch_labels, object_annotations
from core.names import object_name

# Kinds that are awaited until their pods are ready.
_OWNS_PODS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob"})
# Kinds that have a number of pods.
_SCALED = frozenset({"Deployment", "StatefulSet", "ReplicaSet"})
# Kinds whose awaiter sleeps a fixed 10 s.
_NOT_AWAITED = frozenset({"Service", "Ingress"})


@dataclass(frozen=True, kw_only=True)
class ChartEnvironmentArgs:
    """What a chart's release needs to know."""

    app: str
    branch: str
    slug: str
    namespace: str
    url: str
    chart: str
    """Path of the chart's folder."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """The chart's values, with the branch's host and image already set (`chart_values`)."""
    images: Mapping[str, str] = field(default_factory=dict)
    ready_timeout_seconds: int
    after: Sequence[pulumi.Resource] = ()
    """What must be there first: its own namespace, if it has one."""
    boundaries: Boundaries = field(default_factory=Boundaries)
    """What the base stack has closed around the app's branches."""
    account: OwnAccount | None = None
    """The ServiceAccount that it makes for itself; none where the app's branches share one."""
    sleep: Sleep | None = None
    """Why no pod runs; none if the environment is awake."""

    def __post_init__(self) -> None:
        """Refuse a release of nothing."""
        if not self.chart:
            raise ValueError("chart: the path is empty; give the folder that holds Chart.yaml")


class ChartEnvironment(pulumi.ComponentResource):
    """What one branch of an app runs: its Helm chart, rendered with the branch's host and image.

    Type `branch-environments:branch:ChartEnvironment`. The release is called as a workload's objects would be, so two
    branches' releases never meet. Left out on purpose: Helm's own release record and hooks, and whatever the chart
    does not make.
    """

    url: pulumi.Output[str]
    """Public URL."""
    images: pulumi.Output[dict[str, str]]
    """Images that were set."""

    def __init__(self, name: str, args: ChartEnvironmentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:branch:ChartEnvironment", name, None, opts)
        # Imported here: a stack without a chart does not pay for it.
        from pulumi_kubernetes.helm.v4 import Chart

        owner = owned_by(
            anchor(
                name,
                app=args.app,
                branch=args.branch,
                slug=args.slug,
                namespace=args.namespace,
                url=args.url,
                opts=pulumi.ResourceOptions(parent=self, depends_on=args.after),
            )
        )
        metadata = owned_metadata(owner, args.app, args.branch, args.slug, args.namespace)
        open_within(
            name,
            args.boundaries,
            app=args.app,
            slug=args.slug,
            metadata=metadata,
            namespace=args.namespace,
            services=[],
            opts=pulumi.ResourceOptions(parent=self),
        )

        def mark(child: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
            if not child.type_.startswith("kubernetes:") or not child.custom:
                return None
            props = owned(asleep(marked(child.props, args), args), owner, args)
            return pulumi.ResourceTransformResult(props, child.opts)

        account = own_account(name, args.account, metadata, pulumi.ResourceOptions(parent=self))
        Chart(
            f"{name}-chart",
            name=object_name(args.slug),
            chart=args.chart,
            namespace=args.namespace,
            values=dict(args.values),
            opts=pulumi.ResourceOptions(parent=self, transforms=[mark], depends_on=account),
        )

        self.url = pulumi.Output.from_input(args.url)
        self.images = pulumi.Output.from_input(dict(args.images))
        self.register_outputs({"url": self.url, "images": self.images})


def chart_values(values: Mapping[str, Any], places: Mapping[str, str | None]) -> dict[str, Any]:
    """Set values at dotted paths, e.g. {"web.image": "shop:2.0"}, without touching the mapping given.

    A place whose value is None is left as the chart has it. A path through something that is no mapping replaces it:
    what the branch sets wins.
    """
    result: dict[str, Any] = copy.deepcopy(dict(values))
    for path, value in places.items():
        if value is None:
            continue
        *parents, last = path.split(".")
        at = result
        for key in parents:
            if not isinstance(at.get(key), dict):
                at[key] = {}
            at = at[key]
        at[last] = value
    return result


def marked(props: Mapping[str, Any], args: ChartEnvironmentArgs) -> dict[str, Any]:
    """Give a chart's object this project's labels and annotations, and its pods too.

    The chart's own app.kubernetes.io labels stay: its selectors may rest on them.
    """
    result: dict[str, Any] = copy.deepcopy(dict(props))
    labels = branch_labels(args.app, args.slug)
    kind = result.get("kind")
    hints = object_annotations(args.branch)
    if kind in _OWNS_PODS:
        hints["pulumi.com/timeoutSeconds"] = str(args.ready_timeout_seconds)
    if kind in _NOT_AWAITED:
        hints["pulumi.com/skipAwait"] = "true"
    _mark_metadata(result, labels, hints)
    template = _pod_template(result)
    if template is not None:
        _mark_metadata(template, labels, branch_annotations(args.branch))
    return result


def asleep(props: dict[str, Any], args: ChartEnvironmentArgs) -> dict[str, Any]:
    """Put a chart's object to sleep, if the environment is: no pods, nothing on schedule, the page instead of routes.

    Left out: a DaemonSet and a Job, which have no number of pods to set to 0, and routes of other kinds than Istio's.
    """
    if args.sleep is None:
        return props
    kind, spec = props.get("kind"), props.get("spec") or {}
    if kind == "VirtualService" and spec.get("http"):
        page = sleeping_page(app=args.app, branch=args.branch, sleep=args.sleep)
        return {**props, "spec": {**spec, "http": [sleeping_rule(page)]}}
    if args.sleep.waking:
        return props
    if kind in _SCALED:
        return {**props, "spec": {**spec, "replicas": 0}}
    if kind == "CronJob":
        return {**props, "spec": {**spec, "suspend": True}}
    return props


def owned(props: dict[str, Any], reference: Mapping[str, Any], args: ChartEnvironmentArgs) -> dict[str, Any]:
    """Make a chart's object belong to the environment's anchor.

    Only an object of the same namespace can: Kubernetes takes any other for an orphan of an owner that does not exist.
    """
    metadata = props.get("metadata") or {}
    if metadata.get("namespace") != args.namespace:
        return props
    references = [*(metadata.get("ownerReferences") or []), dict(reference)]
    return {**props, "metadata": {**metadata, "ownerReferences": references}}


def _mark_metadata(thing: dict[str, Any], labels: Mapping[str, str], annotations: Mapping[str, str]) -> None:
    metadata = dict(thing.get("metadata") or {})
    theirs = dict(metadata.get("labels") or {})
    ours = {key: value for key, value in labels.items() if key.startswith("branch-environments/")}
    standard = {key: value for key, value in labels.items() if key not in ours and key != MANAGED_BY_LABEL}
    metadata["labels"] = {**standard, MANAGED_BY_LABEL: labels[MANAGED_BY_LABEL], **theirs, **ours}
    metadata["annotations"] = {**(metadata.get("annotations") or {}), **annotations}
    thing["metadata"] = metadata


def _pod_template(manifest: dict[str, Any]) -> dict[str, Any] | None:
    at: Any = manifest.get("spec")
    if manifest.get("kind") == "CronJob" and isinstance(at, dict):
        at = (at.get("jobTemplate") or {}).get("spec")
    template = at.get("template") if isinstance(at, dict) else None
    # Other kinds may have a `template` of their own; only those that run pods have one with containers.
    is_pod = isinstance(template, dict) and "containers" in (template.get("spec") or {})
    return template if is_pod else None
