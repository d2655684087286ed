"""One branch environment made of the app's own Helm chart."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi

from components.branch.autoscaled import post_renderer
from components.branch.digests import pinned_pods
from components.branch.environment import EnvironmentArgs, begin
from components.branch.fitted import fitted
from components.branch.handover import followed
from components.branch.hooks import Hook, for_inputs, run_hooks
from components.branch.http_route import asleep_rule
from components.branch.later import changed_at
from components.branch.routes import place_routes
from components.branch.sleeping_page import sleeping_page, sleeping_rule
from components.branch.succession import CHART_ENVIRONMENT, chart_name, succeeding, urns
from components.branch.task import JOB_HINTS
from components.branch.virtual_service import RoutedTo, side_urls
from core.labels import branch_annotations, branch_labels, object_annotations
from core.names import object_name

# Kinds that are awaited until their pods are ready.
_OWNS_PODS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob"})
# Kinds that have a number of pods.
_SCALED = frozenset({"Deployment", "StatefulSet", "ReplicaSet"})
_JOB_SECONDS = 600
"""In which a Job is to end: the provider's own default."""
# Kinds whose awaiter sleeps a fixed 10 s.
_NOT_AWAITED = frozenset({"Service", "Ingress"})


@dataclass(frozen=True, kw_only=True)
class ChartEnvironmentArgs(EnvironmentArgs):
    """What a chart's release needs to know beside that."""

    chart: str
    """Path of the chart's folder."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """The chart's values, with the branch's host and image already set (`chart_values`)."""
    images: Mapping[str, str] = field(default_factory=dict)
    routed: Sequence[RoutedTo] = ()
    """Which of the chart's Services answer at the URL; none if the chart makes the route itself."""
    services: Sequence[str] = ()
    """Names of the Services that the chart makes."""
    hooks: Sequence[Hook] = ()
    """In the order in which they run."""
    inputs: str = ""
    """Digest of chart and values."""
    service_account: str = ""
    """As which pods run that name none."""
    kept: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By a Secret's name, what stays as it was first made, as Pulumi's property paths."""

    def __post_init__(self) -> None:
        """Refuse a release of nothing."""
        if not self.chart:
            raise ValueError("chart: the path is empty; give the folder that holds Chart.yaml")


class ChartEnvironment(pulumi.ComponentResource):
    """What one branch of an app runs: its Helm chart, rendered with the branch's host and image.

    Type `branch-environments:branch:ChartEnvironment`. The release is called as a workload's objects would be, so the
    releases of two branches never collide. A chart without a route gets one, to one of its Services, once its pods are
    ready. Hooks are resources as all else is, and not Helm's to run: so they carry the branch's labels, belong to the
    anchor, go with the state, and one that fails stops whatever comes after it. Left out on purpose: Helm's own release
    record, and whatever else the chart does not make.
    """

    url: pulumi.Output[str]
    """Public URL; known once nothing that this push takes away is asked any more."""
    services: pulumi.Output[list[str]]
    """Names of its Services."""
    urls: pulumi.Output[dict[str, str]]
    """URLs of its other hosts, by their names."""
    images: pulumi.Output[dict[str, str]]
    """Images that were set."""
    ran: pulumi.Output[dict[str, Any]]
    """For what its hooks ran, and which; known once they did."""

    def __init__(self, name: str, args: ChartEnvironmentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(CHART_ENVIRONMENT, name, None, succeeding(name, args.slug, opts))
        # Imported here: a stack without a chart does not pay for it.
        from pulumi_kubernetes.helm.v4 import Chart, PostRendererArgs

        owner, metadata, account, hand_over = begin(name, args, self, services=args.services)

        def own(manifest: Mapping[str, Any]) -> dict[str, Any]:
            return owned(asleep(marked(manifest, args), args), owner, args)

        def mark(child: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
            if not child.type_.startswith("kubernetes:") or not child.custom:
                return None
            more = pulumi.ResourceOptions(
                aliases=[*urns(child.props, name, args.slug)], ignore_changes=[*_kept_of(child.props, args)]
            )
            return pulumi.ResourceTransformResult(own(child.props), pulumi.ResourceOptions.merge(child.opts, more))

        def hooks(when: str, after: list[pulumi.Resource]) -> list[pulumi.Resource]:
            chosen = [(each, for_inputs(own(each.manifest), args.inputs)) for each in args.hooks if each.when == when]
            return run_hooks(name, args.slug, chosen, pulumi.ResourceOptions(parent=self, depends_on=after))

        renderer = post_renderer(Path(args.chart))
        # The page answers before the pods go.
        page = self._route(name, args, metadata, after=[]) if args.sleep and not args.sleep.waking else []
        answered = followed(page, hand_over=hand_over)
        before = hooks("pre", account)
        chart = Chart(
            chart_name(name),
            name=object_name(args.slug),
            chart=args.chart,
            namespace=args.namespace,
            values=dict(args.values),
            # A kind is the whole cluster's: deleted with one branch, it would take every object of it along.
            skip_crds=True,
            post_renderer=PostRendererArgs(command=renderer.command, args=renderer.args) if renderer else None,
            opts=pulumi.ResourceOptions(parent=self, transforms=[mark], depends_on=[*account, *answered, *before]),
        )
        if not page:
            # No request reaches pods that are not up. A chart is there once all of its objects are.
            page = self._route(name, args, metadata, after=[chart])
            answered = followed([chart, *page], hand_over=hand_over)
        after = hooks("post", [chart, *page])

        self.url = pulumi.Output.all(*answered).apply(lambda _: args.url)
        self.urls = pulumi.Output.from_input(side_urls(args.url, args.host, args.routed))
        self.services = pulumi.Output.from_input([*args.services])
        self.images = pulumi.Output.from_input(dict(args.images))
        ran = {"inputs": args.inputs, "hooks": sorted(each.key for each in args.hooks)}
        self.ran = pulumi.Output.all(chart.urn, *[each.urn for each in (*before, *after)]).apply(lambda _: ran)
        self.register_outputs({"url": self.url, "urls": self.urls, "images": self.images, "ran": self.ran})

    def _route(
        self, name: str, args: ChartEnvironmentArgs, metadata: Mapping[str, Any], *, after: list[pulumi.Resource]
    ) -> list[pulumi.Resource]:
        if not args.routed:
            return []
        opts = pulumi.ResourceOptions(parent=self, depends_on=after)
        return place_routes(name, args, metadata, args.routed, opts)


def chart_values(values: Mapping[str, Any], places: Mapping[str, str | bool | None]) -> dict[str, Any]:
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
    """Set on a chart's object this project's labels and annotations, and its pods too.

    The chart's own app.kubernetes.io labels stay: its selectors may rest on them.
    """
    labels = branch_labels(args.app, args.slug)
    kind = props.get("kind")
    hints = object_annotations(args.branch)
    if kind in _OWNS_PODS:
        hints["pulumi.com/timeoutSeconds"] = str(args.ready_timeout_seconds)
    if kind == "Job":
        hints |= {**JOB_HINTS, "pulumi.com/timeoutSeconds": str(max(args.ready_timeout_seconds, _JOB_SECONDS))}
    if kind in _NOT_AWAITED:
        hints["pulumi.com/skipAwait"] = "true"

    def mark_pods(template: dict[str, Any] | None) -> dict[str, Any] | None:
        # Other kinds may have a `template` of their own; only those that run pods have one with containers.
        if not template or not (kind in _OWNS_PODS or "containers" in template.get("spec", {})):
            return template
        return _marked_metadata(template, labels, branch_annotations(args.branch))

    template = ["spec", "jobTemplate", "spec", "template"] if kind == "CronJob" else ["spec", "template"]
    result = changed_at(_marked_metadata(props, labels, hints), template, mark_pods)
    result = fitted(result, [] if kind == "Pod" else template, slug=args.slug, service_account=args.service_account)
    result = pinned_pods(result, [] if kind == "Pod" else template, args.digests)
    if kind == "Job":
        return changed_at(result, ["spec"], _kept) if result.get("spec") else result
    return changed_at(result, ["spec"], _scaled_by_others) if kind in _SCALED and result.get("spec") else result


def _kept_of(props: Mapping[str, Any], args: ChartEnvironmentArgs) -> Sequence[str]:
    metadata = props.get("metadata")
    if props.get("kind") != "Secret" or not isinstance(metadata, Mapping):
        return ()
    return args.kept.get(str(metadata.get("name")), ())


def _kept(spec: dict[str, Any]) -> dict[str, Any]:
    # A Job that deletes itself would seem deleted by hand, and run again with the next push.
    return {key: value for key, value in spec.items() if key != "ttlSecondsAfterFinished"}


def _scaled_by_others(spec: dict[str, Any]) -> dict[str, Any]:
    # Empty where an autoscaler sets it: `autoscaled.py`.
    return {key: value for key, value in spec.items() if not (key == "replicas" and value is None)}


def asleep(props: dict[str, Any], args: ChartEnvironmentArgs) -> dict[str, Any]:
    """Put a chart's object to sleep, if the environment is: no pods, nothing on schedule, the page instead of routes.

    Left out: a DaemonSet and a Job, which have no number of pods to set to 0, and routes of other kinds.
    """
    if args.sleep is None:
        return props
    sleep, kind = args.sleep, props.get("kind")

    def rest(spec: dict[str, Any]) -> dict[str, Any]:
        if kind == "VirtualService" and spec.get("http"):
            page = sleeping_page(app=args.app, branch=args.branch, sleep=sleep)
            return {**spec, "http": [sleeping_rule(page)]}
        if kind == "HTTPRoute":
            return {**spec, "rules": [asleep_rule(sleep)]}
        if sleep.waking:
            return spec
        if kind in _SCALED:
            return {**spec, "replicas": 0}
        if kind == "CronJob":
            return {**spec, "suspend": True}
        return spec

    return changed_at(props, ["spec"], rest) if props.get("spec") else props


def owned(props: dict[str, Any], reference: Mapping[str, Any], args: ChartEnvironmentArgs) -> dict[str, Any]:
    """Make a chart's object belong to the environment's anchor.

    Only an object of the same namespace can: Kubernetes takes any other for an orphan of an owner that does not exist.
    """

    def own(metadata: dict[str, Any]) -> dict[str, Any]:
        if metadata.get("namespace") != args.namespace:
            return metadata
        return changed_at(metadata, ["ownerReferences"], lambda theirs: [*(theirs or []), dict(reference)])

    return changed_at(props, ["metadata"], own) if props.get("metadata") else props


def _marked_metadata(
    thing: Mapping[str, Any], labels: Mapping[str, str], annotations: Mapping[str, str]
) -> dict[str, Any]:
    ours = {key: value for key, value in labels.items() if key.startswith("branch-environments/")}
    standard = {key: value for key, value in labels.items() if key not in ours}

    def mark(metadata: dict[str, Any] | None) -> dict[str, Any]:
        labelled = changed_at(metadata or {}, ["labels"], lambda theirs: {**standard, **(theirs or {}), **ours})
        return changed_at(labelled, ["annotations"], lambda theirs: {**(theirs or {}), **annotations})

    return changed_at(thing, ["metadata"], mark)
