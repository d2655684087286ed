"""The VirtualService of one branch environment: all its workloads' routes in one, as a pure function."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from components.branch.spec.cors import Cors
from components.branch.spec.retries import Retries
from components.branch.spec.route import Route
from core.names import side_host


@dataclass(frozen=True, kw_only=True)
class Destination:
    """A Service and its share of the requests."""

    service: str
    port: int
    weight: int = 100


@dataclass(frozen=True, kw_only=True)
class RoutedTo:
    """One route and the Services behind it."""

    route: Route
    destinations: Sequence[Destination]


def side_hosts(host: str, routed: Iterable[RoutedTo]) -> dict[str, str]:
    """Return the other hosts of an environment by their names.

    Args:
        host: its own.
        routed: all its routes.
    """
    return {name: side_host(host, name) for name in sorted({each.route.host for each in routed if each.route.host})}


def side_urls(url: str, host: str, routed: Iterable[RoutedTo]) -> dict[str, str]:
    """Return the URLs of an environment's other hosts by their names.

    Args:
        url: its own.
        host: its own.
        routed: all its routes.
    """
    return {name: url.replace(host, other, 1) for name, other in side_hosts(host, routed).items()}


def virtual_service_spec(*, host: str, gateway: str, routed: Sequence[RoutedTo]) -> dict[str, Any]:
    """Make the spec of a networking.istio.io/v1 VirtualService.

    Istio takes the first rule that matches, so longer prefixes come first. Sidecars are left out (no `mesh` gateway):
    workloads of a branch call each other by Service name. Several hosts are one object, so that a push changes all of
    them at once.
    """
    longest_first = sorted(routed, key=lambda each: (-len(each.route.path), each.route.path, each.route.host or ""))
    others = side_hosts(host, routed)
    http = []
    for each in longest_first:
        # A prefix, as a port may follow.
        own = {"authority": {"prefix": others[each.route.host] if each.route.host else host}} if others else {}
        http += [{**rule, "match": [{**match, **own} for match in rule["match"]]} for rule in _rules(each)]
    return {"hosts": [host, *others.values()], "gateways": [gateway], "http": http}


def answer_spec(*, host: str, gateway: str, routed: Iterable[RoutedTo], rule: dict[str, Any]) -> dict[str, Any]:
    """Make the spec of a VirtualService with one rule for every request, at all hosts that these routes have."""
    return {"hosts": [host, *side_hosts(host, routed).values()], "gateways": [gateway], "http": [rule]}


def _rules(routed: RoutedTo) -> list[dict[str, Any]]:
    path, rewrite = routed.route.path, routed.route.rewrite
    if path == "/":
        return [_rule(routed, [{"uri": {"prefix": "/"}}], rewrite)]
    exact, below = {"uri": {"exact": path}}, {"uri": {"prefix": f"{path}/"}}
    if rewrite is None or rewrite == "/":
        return [_rule(routed, [exact, below], rewrite)]
    # A rewrite replaces what was matched: /api -> /v1, but /api/ -> /v1/.
    return [_rule(routed, [exact], rewrite), _rule(routed, [below], f"{rewrite}/")]


def _rule(routed: RoutedTo, match: list[dict[str, Any]], rewrite: str | None) -> dict[str, Any]:
    route = routed.route
    if rewrite is not None and route.path == "/" and rewrite != "/":
        # The matched prefix is the slash itself: /x -> /v1/x.
        rewrite = f"{rewrite}/"
    optional = {
        "rewrite": {"uri": rewrite} if rewrite is not None else None,
        "timeout": route.timeout,
        "corsPolicy": _cors(route.cors) if route.cors else None,
    }
    return {
        "match": match,
        "route": [_destination(each, alone=len(routed.destinations) == 1) for each in routed.destinations],
        "retries": _retries(route.retries),
        **{key: value for key, value in optional.items() if value is not None},
    }


def _destination(destination: Destination, *, alone: bool) -> dict[str, Any]:
    target = {"destination": {"host": destination.service, "port": {"number": destination.port}}}
    return target if alone else target | {"weight": destination.weight}


def _retries(retries: Retries) -> dict[str, Any]:
    # Spelt out even when off: left out, Istio's own default would retry.
    if not retries.attempts:
        return {"attempts": 0}
    per_try = {"perTryTimeout": retries.per_try_timeout} if retries.per_try_timeout else {}
    return {"attempts": retries.attempts, "retryOn": retries.retry_on, **per_try}


def _cors(cors: Cors) -> dict[str, Any]:
    origins = [_origin(origin) for origin in cors.allow_origins]
    optional = {
        "allowHeaders": list(cors.allow_headers),
        "exposeHeaders": list(cors.expose_headers),
        "maxAge": cors.max_age,
        "allowCredentials": cors.allow_credentials,
    }
    return {
        "allowOrigins": origins,
        "allowMethods": list(cors.allow_methods),
        **{key: value for key, value in optional.items() if value},
    }


def _origin(origin: str) -> dict[str, str]:
    """Match an origin, which the gateway compares as a whole."""
    if origin == "*":
        return {"regex": ".*"}
    if "*" not in origin:
        return {"exact": origin}
    any_port = re.sub(r":\\\*$", "(:[0-9]+)?", re.escape(origin))
    return {"regex": any_port.replace(r"\*\.", r"([a-z0-9_-]+\.)+")}
