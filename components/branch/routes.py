"""What leads requests to a branch environment: a VirtualService of Istio's, or HTTPRoutes of Gateway API."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pulumi

from components.branch.environment import EnvironmentArgs
from components.branch.http_route import asleep_spec, http_route_spec
from components.branch.sleeping_page import sleeping_page, sleeping_rule
from components.branch.succession import child_name
from components.branch.virtual_service import RoutedTo, answer_spec, side_hosts, virtual_service_spec
from components.kubernetes_object import KubernetesObject
from core.names import object_name
from core.route_kinds import route_kind


def place_routes(
    name: str,
    args: EnvironmentArgs,
    metadata: Mapping[str, Any],
    routed: Sequence[RoutedTo],
    opts: pulumi.ResourceOptions,
) -> list[pulumi.Resource]:
    """Make the routes of an environment, or what answers at its hosts while it sleeps.

    Args:
        name: logical name of the component.
        args: of the environment.
        metadata: of an object that it has one of.
        routed: all its routes.
        opts: of every object.
    """
    return [
        KubernetesObject(child_name(each["kind"], each["metadata"]["name"], name, args.slug), each, opts)
        for each in _manifests(args, metadata, routed)
    ]


def _manifests(
    args: EnvironmentArgs, metadata: Mapping[str, Any], routed: Sequence[RoutedTo]
) -> Iterator[dict[str, Any]]:
    version, kind, _ = route_kind(gateway_api=args.gateway_api)
    if not args.gateway_api:
        yield {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": _virtual_service(args, routed)}
        return
    # What an HTTPRoute says holds at all of its hosts.
    for called, host in {"": args.host, **side_hosts(args.host, routed)}.items():
        own = [each for each in routed if (each.route.host or "") == called]
        if args.sleep:
            spec = asleep_spec(host=host, gateway=args.gateway, sleep=args.sleep)
        elif own:
            spec = http_route_spec(host=host, gateway=args.gateway, routed=own)
        else:
            continue
        named = {**metadata, "name": object_name(args.slug, called)}
        yield {"apiVersion": version, "kind": kind, "metadata": named, "spec": spec}


def _virtual_service(args: EnvironmentArgs, routed: Sequence[RoutedTo]) -> dict[str, Any]:
    if args.sleep:
        page = sleeping_page(app=args.app, branch=args.branch, sleep=args.sleep)
        return answer_spec(host=args.host, gateway=args.gateway, routed=routed, rule=sleeping_rule(page))
    return virtual_service_spec(host=args.host, gateway=args.gateway, routed=routed)
