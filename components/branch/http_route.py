"""The HTTPRoutes of one branch environment, one for each of its hosts, as pure functions.

https://gateway-api.sigs.k8s.io/reference/spec/#httproute: what VirtualServices are where the base stack has Istio's own
API. A route matches whole segments of a path, and the longest path wins, whatever the order.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from components.branch.sleeping_page import Sleep
from components.branch.spec.cors import Cors
from components.branch.spec.duration import length
from components.branch.virtual_service import Destination, RoutedTo
from core.gateway_answers import ASLEEP, STATE_HEADER
from core.route_kinds import gateway_reference

_FOUND = 302


def http_route_spec(*, host: str, gateway: str, routed: Sequence[RoutedTo]) -> dict[str, Any]:
    """Make the spec of a gateway.networking.k8s.io/v1 HTTPRoute.

    Args:
        host: which it is for.
        gateway: the Gateway, as <namespace>/<name>.
        routed: the routes of that host.
    """
    in_order = sorted(routed, key=lambda each: (-len(each.route.path), each.route.path))
    return _spec(host, gateway, [_rule(each) for each in in_order])


def asleep_spec(*, host: str, gateway: str, sleep: Sleep) -> dict[str, Any]:
    """Make the spec of an HTTPRoute that answers every request of a host without pods.

    Args:
        host: which it is for.
        gateway: the Gateway, as <namespace>/<name>.
        sleep: of the environment.
    """
    return _spec(host, gateway, [asleep_rule(sleep)])


def asleep_rule(sleep: Sleep) -> dict[str, Any]:
    """Make its one rule.

    Gateway API knows no page that the gateway itself serves. So people are sent to where they wake the environment, its
    pipeline; where none is known, it is a rule without a backend, which answers 500. Programs tell either from an
    answer of the app by its header.

    Args:
        sleep: of the environment.
    """
    marked = {"set": [{"name": STATE_HEADER, "value": ASLEEP}, {"name": "cache-control", "value": "no-store"}]}
    filters: list[dict[str, Any]] = [{"type": "ResponseHeaderModifier", "responseHeaderModifier": marked}]
    if sleep.link:
        filters.append({"type": "RequestRedirect", "requestRedirect": _redirect(sleep.link)})
    return {"matches": [_below("/")], "filters": filters}


def _spec(host: str, gateway: str, rules: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"parentRefs": [gateway_reference(gateway)], "hostnames": [host], "rules": [dict(each) for each in rules]}


def _below(path: str) -> dict[str, Any]:
    return {"path": {"type": "PathPrefix", "value": path}}


def _rule(routed: RoutedTo) -> dict[str, Any]:
    route = routed.route
    filters: list[dict[str, Any]] = []
    if route.rewrite is not None:
        path = {"type": "ReplacePrefixMatch", "replacePrefixMatch": route.rewrite}
        filters.append({"type": "URLRewrite", "urlRewrite": {"path": path}})
    if route.cors:
        filters.append({"type": "CORS", "cors": _cors(route.cors)})
    optional = {
        "filters": filters,
        "timeouts": {"request": _duration(length(route.timeout))} if route.timeout else {},
    }
    return {
        "matches": [_below(route.path)],
        "backendRefs": [_backend(each) for each in routed.destinations],
        **{key: value for key, value in optional.items() if value},
    }


def _backend(destination: Destination) -> dict[str, Any]:
    # Every field is written that the API server would else fill in: a push without a change has no difference.
    return {
        "group": "",
        "kind": "Service",
        "name": destination.service,
        "port": destination.port,
        "weight": destination.weight,
    }


def _cors(cors: Cors) -> dict[str, Any]:
    optional = {
        "allowHeaders": list(cors.allow_headers),
        "exposeHeaders": list(cors.expose_headers),
        "maxAge": int(length(cors.max_age).total_seconds()) if cors.max_age else None,
        "allowCredentials": cors.allow_credentials,
    }
    return {
        "allowOrigins": list(cors.allow_origins),
        "allowMethods": list(cors.allow_methods),
        **{key: value for key, value in optional.items() if value},
    }


def _duration(length: timedelta) -> str:
    """Write a duration as GEP-2257 has it: whole numbers of at most five digits, of every unit once."""
    seconds, microseconds = divmod(length, timedelta(seconds=1))
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = {"h": hours, "m": minutes, "s": seconds, "ms": microseconds // timedelta(milliseconds=1)}
    return "".join(f"{number}{unit}" for unit, number in parts.items() if number) or "1ms"


def _redirect(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    redirect = {
        "scheme": parts.scheme,
        "hostname": parts.hostname,
        "port": parts.port,
        "path": {"type": "ReplaceFullPath", "replaceFullPath": parts.path or "/"},
        "statusCode": _FOUND,
    }
    return {key: value for key, value in redirect.items() if value is not None}
