"""What an environment's chart may make: refused here, before anything is made, and whoever deploys it.

The API server refuses the same of CI's deployer (components/admission/ownership.py and routes.py), one object at a
time, and lets an administrator do it. Left out on purpose: what pods may do, which is no matter between branches.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import pulumi

from components.branch.virtual_service import RoutedTo
from core.labels import INSTANCE_LABEL, SLUG_LABEL
from core.names import object_name, side_host
from core.route_kinds import HTTP_ROUTE, VIRTUAL_SERVICE, route_kind
from stacks.branch import chart_route, http_routes
from stacks.branch.chart_drawn import compare, looks_up, makes_up, moving_words
from stacks.branch.chart_hooks import running
from stacks.branch.chart_kinds import Permission, refused_kind
from stacks.branch.chart_rendering import CRD, HOOK, is_hook, metadata_of, render
from stacks.settings.chart_source import ChartSource
from stacks.settings.errors import HIDDEN, Problem, SettingsError, shown

_MAX_LABEL = 63
# By kind: what Kubernetes makes of the name must fit into a DNS label or a label's value.
_MAX_NAME = {"Service": 63, "StatefulSet": 52, "Job": 63, "CronJob": 52}
_TURN_OFF = (
    "turn it off for branches in the chart's values{}; what branches need of it, the platform team installs once"
)
_INSTEAD = {
    CRD: _TURN_OFF.format(" (often crds.enabled: false or installCRDs: false), or move it to the chart's folder crds"),
    "ClusterRole": _TURN_OFF.format(" (often rbac.create: false), or make it a Role"),
    "ClusterRoleBinding": _TURN_OFF.format(" (often rbac.create: false), or make it a RoleBinding"),
    "Namespace": "take it out of the chart, or behind a value: the environment's namespace is there already",
}


@dataclass(frozen=True, kw_only=True)
class ChartTarget:
    """Where a chart's objects go."""

    slug: str
    namespace: str
    host: str
    gateway: str
    """The Gateway, as <namespace>/<name>."""
    gateway_api: bool
    """Whether it is one of Gateway API, and not of Istio's own."""
    permission: Permission
    """What kinds it may make."""
    own: Collection[str] = ("ConfigMap",)
    """Kinds of which the environment itself makes one, called as the release."""

    @property
    def stem(self) -> str:
        """Name of the release, with which all names begin."""
        return object_name(self.slug)


class Reviewed(NamedTuple):
    """What was found in a chart."""

    routed: list[RoutedTo]
    """The environment's own routes; none if the chart makes one."""
    services: list[str]
    """Names of the Services that it makes."""
    hooks: list[Mapping[str, Any]]
    """Those that run, in their order."""
    kept: Mapping[str, Sequence[str]]
    """By a Secret's name, what the chart generates again each time and an environment keeps."""


def review(folder: Path, values: Mapping[str, Any], place: ChartTarget, stack: str, source: ChartSource) -> Reviewed:
    """Refuse a chart that a branch must not be made of, say what of it is left out, and find where requests go.

    Args:
        folder: that holds Chart.yaml.
        values: all that are set.
        place: where it goes.
        stack: for the message.
        source: what the environment file says of the chart.

    Raises:
        SettingsError: with every mistake.
    """

    def rendered(*, crds: bool) -> list[dict[str, Any]]:
        return render(
            folder,
            release=place.stem,
            namespace=place.namespace,
            values=values,
            stack=stack,
            title=str(source.published or ""),
            crds=crds,
        )

    found = rendered(crds=True)
    problems: list[Problem] = []
    if any(each.get("kind") == CRD for each in found):
        # Those of the templates are made by values; those of the folder are not, whatever the values.
        templates = rendered(crds=False)
        install = f"kubectl apply --server-side --filename {folder / 'crds'}"
        if source.published:
            install = f"helm show crds {source.published.words} | kubectl apply --server-side --filename -"
        problems = list(_left_out([each for each in found if each not in templates], install, stack))
        found = templates
    hooks = running([each for each in found if is_hook(each)])
    _say_left_out([each for each in found if is_hook(each) and each not in hooks])
    found = [each for each in found if not is_hook(each)]
    problems += chart_mistakes([*found, *hooks], place)
    if problems:
        raise SettingsError(stack, problems)
    routed = chart_route.routed(found, source, stem=place.stem, host=place.host, stack=stack)
    kept: Mapping[str, Sequence[str]] = {}
    if makes_up(folder):
        drawn = compare(found, [each for each in rendered(crds=False) if not is_hook(each)])
        kept = drawn.kept
        if drawn.moving and not looks_up(folder):
            pulumi.log.warn(moving_words(drawn.moving))
    services = [str(metadata_of(each)["name"]) for each in (*found, *hooks) if each.get("kind") == "Service"]
    return Reviewed(routed, services, hooks, kept)


def _say_left_out(hooks: Sequence[Mapping[str, Any]]) -> None:
    if hooks:
        named = sorted(f"{each.get('kind')} {metadata_of(each).get('name')}" for each in hooks)
        events = sorted({str(metadata_of(each)["annotations"][HOOK]) for each in hooks})
        pulumi.log.info(f"left out, as a branch has no such moment ({', '.join(events)}): {', '.join(named)}")


def _left_out(crds: Sequence[Mapping[str, Any]], install: str, stack: str) -> Iterator[Problem]:
    """Say what kinds are left to the cluster's owners, and which of them these have not installed yet."""
    # Imported here: few charts bring kinds of their own.
    from stacks.cluster_api import connect
    from stacks.config import given

    api = connect(stack, given("kubernetes"))
    there = []
    for each in crds:
        name, spec = metadata_of(each).get("name"), each.get("spec") or {}
        versions = [f"{spec.get('group')}/{version.get('name')}" for version in spec.get("versions") or []]
        kind = (spec.get("names") or {}).get("kind", "")
        if any(api.serves(version, kind) for version in versions):
            there.append(str(name))
            continue
        yield Problem(
            field=f"chart: {CRD} {name}",
            value=f"{kind} is not known in the cluster",
            rule="a branch makes no kind: it belongs to the whole cluster, with every object of it",
            fix=f"let the platform team install it once: {install}",
        )
    if there:
        pulumi.log.info(f"left out, as the cluster has them and a branch must not own them: {', '.join(sorted(there))}")


def chart_mistakes(rendered: Sequence[Mapping[str, Any]], place: ChartTarget) -> Iterator[Problem]:
    """Find what a branch must not make, and what the API server would not take.

    Args:
        rendered: every object of the chart.
        place: where it goes.
    """
    for each in rendered:
        if not metadata_of(each).get("namespace"):
            yield _cluster_wide(each)
            continue
        yield from refused_kind(each, place.permission, _at(each))
        yield from _elsewhere(each, place)
        yield from _name(each, place)
        yield from _labels(each, place)
        yield from _variables(each)
        if each.get("kind") == "Service":
            yield from _service(each, place)
        if each.get("kind") in (VIRTUAL_SERVICE.kind, HTTP_ROUTE.kind):
            yield from _route(each, place)
        if each.get("kind") == "Ingress":
            yield _ingress(each)
        if each.get("kind") == "ServiceAccount":
            yield _account(each)
    yield from _twice(rendered)


def _at(manifest: Mapping[str, Any], *path: str) -> str:
    kind, name = manifest.get("kind", "(no kind)"), metadata_of(manifest).get("name", "(no name)")
    return ": ".join(["chart", f"{kind} {name}", *([".".join(path)] if path else [])])


def _cluster_wide(manifest: Mapping[str, Any]) -> Problem:
    kind = str(manifest.get("kind"))
    return Problem(
        field=_at(manifest),
        value=shown(kind),
        rule="a branch makes nothing that belongs to the whole cluster: others would come to use it, and lose it when "
        "this branch is deleted",
        fix=_INSTEAD.get(kind, _TURN_OFF.format("")),
    )


def _elsewhere(manifest: Mapping[str, Any], place: ChartTarget) -> Iterator[Problem]:
    namespace = metadata_of(manifest)["namespace"]
    if namespace != place.namespace:
        yield Problem(
            field=_at(manifest, "metadata", "namespace"),
            value=shown(namespace),
            rule=f"all of a branch is in its namespace, {place.namespace}",
            fix="leave metadata.namespace out of the template, or write {{ .Release.Namespace }}",
        )


def _name(manifest: Mapping[str, Any], place: ChartTarget) -> Iterator[Problem]:
    kind, name = str(manifest.get("kind")), str(metadata_of(manifest).get("name") or "")
    if kind == "ServiceAccount":
        # Refused as a whole.
        return
    if name == place.stem and kind in place.own:
        yield Problem(
            field=_at(manifest, "metadata", "name"),
            value=shown(name),
            rule=f"the environment makes a {kind} of this name itself",
            fix="give the chart's another name, e.g. {{ .Release.Name }}-app",
        )
    if name != place.stem and not name.startswith(f"{place.stem}-"):
        yield Problem(
            field=_at(manifest, "metadata", "name"),
            value=shown(name),
            rule=f"names begin with the release's, here {place.stem}: branches would take each other's objects",
            fix="write {{ .Release.Name }}-<rest> in the template; a value that fixes it (often fullnameOverride) is "
            "left out for branches",
        )
    if len(name) > (longest := _MAX_NAME.get(kind, 253)):
        yield Problem(
            field=_at(manifest, "metadata", "name"),
            value=f"{shown(name)}, {len(name)} characters",
            rule=f"the name of a {kind} has at most {longest} characters",
            fix=f'cut it in the template: {{{{ ... | trunc {longest} | trimSuffix "-" }}}}; a value that shortens it '
            "(often fullnameOverride) would be the same for all branches",
        )


def _labels(manifest: Mapping[str, Any], place: ChartTarget) -> Iterator[Problem]:
    pods = metadata_of(_pod_template(manifest))
    for path, metadata in (("metadata",), metadata_of(manifest)), (("pods", "metadata"), pods):
        for key, value in sorted((metadata.get("labels") or {}).items()):
            if len(str(value)) > _MAX_LABEL:
                yield Problem(
                    field=_at(manifest, *path, f"labels[{key}]"),
                    value=f"{shown(value)}, {len(str(value))} characters",
                    rule=f"a label's value has at most {_MAX_LABEL} characters",
                    fix=f'cut it in the template: {{{{ ... | trunc {_MAX_LABEL} | trimSuffix "-" }}}}',
                )
    release = (pods.get("labels") or {}).get(INSTANCE_LABEL, place.slug)
    if release not in (place.slug, place.stem):
        yield Problem(
            field=_at(manifest, "pods", "metadata", f"labels[{INSTANCE_LABEL}]"),
            value=shown(release),
            rule="pods carry their own branch's name here, as Services find them by it",
            fix=f"write {INSTANCE_LABEL}: {{{{ .Release.Name }}}}",
        )


def _variables(manifest: Mapping[str, Any]) -> Iterator[Problem]:
    spec = _pod_template(manifest).get("spec") or {}
    for container in chain(spec.get("initContainers") or [], spec.get("containers") or []):
        names = Counter(each.get("name") for each in container.get("env") or [])
        for name in sorted(name for name, times in names.items() if name and times > 1):
            yield Problem(
                field=_at(manifest, f"containers[{container.get('name')}]", "env"),
                value=f"{name}, {names[name]} times",
                rule="a variable is set once: Kubernetes keeps its variables by name",
                fix=f"take one of them out of the template, or out of the values that it lists (values: {HIDDEN})",
            )


def _service(manifest: Mapping[str, Any], place: ChartTarget) -> Iterator[Problem]:
    spec = manifest.get("spec") or {}
    kind = spec.get("type") or "ClusterIP"
    if kind != "ClusterIP" or spec.get("externalName") or spec.get("externalIPs"):
        yield Problem(
            field=_at(manifest, "spec", "type"),
            value=shown(kind),
            rule="a branch's Service is reached through the gateway alone",
            fix="write type: ClusterIP, without externalName and externalIPs; many charts have a value service.type",
        )
    selector = spec.get("selector") or {}
    # One that names no branch gets this one's label (components/branch/fitted.py).
    own = selector.get(INSTANCE_LABEL, place.slug) in (place.slug, place.stem)
    own = own and selector.get(SLUG_LABEL, place.slug) == place.slug
    if kind != "ExternalName" and not (selector and own):
        yield Problem(
            field=_at(manifest, "spec", "selector"),
            value=shown(selector),
            rule="a Service selects its own branch's pods: this one takes other branches' too, and they share requests",
            fix=f"write {INSTANCE_LABEL}: {{{{ .Release.Name }}}}, or labels of the chart's pods alone",
        )


def _own_host(place: ChartTarget) -> re.Pattern[str]:
    slugged, _, domain = place.host.partition(".")
    return re.compile(rf"{re.escape(slugged)}(--[a-z0-9-]+)?\.{re.escape(domain)}")


def _route(manifest: Mapping[str, Any], place: ChartTarget) -> Iterator[Problem]:
    if manifest.get("kind") != (right := route_kind(gateway_api=place.gateway_api).kind):
        yield Problem(
            field=_at(manifest),
            value=shown(manifest.get("kind")),
            rule=f"gatewayApi of the base stack is {str(place.gateway_api).lower()}, so routes are {right}s",
            fix=f"turn it off for branches in the chart's values: the environment makes the {right}, or let the chart "
            "make it",
        )
    elif place.gateway_api:
        yield from _hosts(manifest, "hostnames", place)
        yield from http_routes.chart_mistakes(manifest, at=_at(manifest), gateway=place.gateway)
    else:
        yield from _hosts(manifest, "hosts", place)
        yield from _virtual_service(manifest, place)


def _hosts(manifest: Mapping[str, Any], key: str, place: ChartTarget) -> Iterator[Problem]:
    hosts = (manifest.get("spec") or {}).get(key) or []
    if not hosts or not all(map(_own_host(place).fullmatch, map(str, hosts))):
        yield Problem(
            field=_at(manifest, "spec", key),
            value=shown(hosts),
            rule=f"a branch claims its own hosts alone, {place.host} and {side_host(place.host, '<name>')}",
            fix="take it from a value, and name that in the environment file: chart: {valuePaths: {host: <path>}}",
        )


def _virtual_service(manifest: Mapping[str, Any], place: ChartTarget) -> Iterator[Problem]:
    spec = manifest.get("spec") or {}
    gateways = spec.get("gateways") or []
    if not gateways or any(each != place.gateway for each in gateways):
        yield Problem(
            field=_at(manifest, "spec", "gateways"),
            value=shown(gateways),
            rule=f"a branch's route hangs on the base stack's Gateway alone, {place.gateway}",
            fix=f"set the chart's value for it, or write gateways: [{place.gateway}]",
        )
    inside = re.compile(rf"[a-z0-9-]+(\.{re.escape(place.namespace)}(\.svc(\.cluster\.local)?)?)?")
    for host in _destinations(spec):
        if not inside.fullmatch(host):
            yield Problem(
                field=_at(manifest, "spec", "route"),
                value=shown(host),
                rule=f"a branch's route stays in its namespace, {place.namespace}",
                fix="name a Service of the branch, without a namespace: {{ .Release.Name }}-<rest>",
            )


def _account(manifest: Mapping[str, Any]) -> Problem:
    return Problem(
        field=_at(manifest),
        value=shown("ServiceAccount"),
        rule="a branch's pods have the identity that the base stack gives them, and make no other",
        fix="turn it off for branches in the chart's values (often serviceAccount.create: false): pods that name no "
        "account get the environment's; a value that wants its name is set by valuePaths.serviceAccount",
    )


def _ingress(manifest: Mapping[str, Any]) -> Problem:
    return Problem(
        field=_at(manifest),
        value=shown("Ingress"),
        rule="a branch is reached through the base stack's Gateway alone; another way in would not check who asks",
        fix="turn it off for branches in the chart's values (often ingress.enabled: false), or put it behind a value: "
        "the environment makes a route of its own, to the chart's Service",
    )


def _destinations(spec: Mapping[str, Any]) -> list[str]:
    rules = [rule for protocol in ("http", "tcp", "tls") for rule in spec.get(protocol) or []]
    targets = [part.get("destination") or {} for rule in rules for part in rule.get("route") or []]
    return sorted({str(target.get("host", "")) for target in targets})


def _twice(rendered: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    # Another version of the kind is the same object.
    keys = [
        (str(each.get("apiVersion")).rpartition("/")[0], str(each.get("kind")), str(metadata_of(each).get("name")))
        for each in rendered
    ]
    for (_, kind, name), times in sorted(Counter(keys).items()):
        if times > 1:
            yield Problem(
                field=f"chart: {kind} {name}",
                value=f"{times} times",
                rule="a chart makes an object once: of two, the later would replace the first",
                fix="give one of them another name, or take it out",
            )


def _pod_template(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the template of an object's pods; of one that runs none, nothing."""
    at: Any = manifest.get("spec") or {}
    if manifest.get("kind") == "CronJob":
        at = (at.get("jobTemplate") or {}).get("spec") or {}
    template = at.get("template") if isinstance(at, Mapping) else None
    is_pods = isinstance(template, Mapping) and "containers" in (template.get("spec") or {})
    return dict(template) if is_pods and template else {}
