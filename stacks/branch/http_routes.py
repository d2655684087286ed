"""What HTTPRoutes of an environment may say, and what they cannot: refused before anything is made."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from components.branch.spec.retries import Retries
from components.branch.spec.route import Route
from core.route_kinds import HTTP_ROUTE
from stacks.settings.errors import Problem, shown

_MAX_RULES = 16
_MAX_ORIGINS = 64
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "*")


def inexpressible(routes: Iterable[tuple[str, Route]]) -> Iterator[Problem]:
    """Find what routes say that Gateway API's standard channel has no word for.

    Args:
        routes: with where they stand, for the message.
    """
    routes = list(routes)
    for at, route in routes:
        if route.retries != Retries():
            yield _problem(
                f"{at}.retries",
                route.retries.model_dump(by_alias=True, exclude_defaults=True),
                "has no retries; Istio retries twice what the app has surely not seen",
                "take retries out",
            )
        if cors := route.cors:
            if ports := [each for each in cors.allow_origins if each.endswith(":*")]:
                rule, fix = "has no word for any port of an origin", "name the ports"
                yield _problem(f"{at}.cors.allowOrigins", ports, rule, fix)
            if others := [each for each in cors.allow_origins if each != "*" and not each.startswith("http")]:
                rule, fix = "knows origins of http and https alone", "take the others out"
                yield _problem(f"{at}.cors.allowOrigins", others, rule, fix)
            if len(cors.allow_origins) > _MAX_ORIGINS:
                rule, fix = f"has at most {_MAX_ORIGINS} origins", "write https://*.<domain> for several of them"
                yield _problem(f"{at}.cors.allowOrigins", len(cors.allow_origins), rule, fix)
            if unknown := [each for each in cors.allow_methods if each not in _METHODS]:
                rule, fix = f"knows the methods {', '.join(_METHODS)}", "take the others out"
                yield _problem(f"{at}.cors.allowMethods", unknown, rule, fix)
    for host, number in Counter(route.host for _, route in routes).items():
        if number > _MAX_RULES:
            rule, fix = f"has at most {_MAX_RULES} routes of one host", "give some of them a host of their own"
            yield _problem("routes", f"{number} of {host or 'the environment'}", rule, fix)


def chart_mistakes(manifest: Mapping[str, Any], *, at: str, gateway: str) -> Iterator[Problem]:
    """Find what the API server would refuse of a chart's HTTPRoute, beside its hosts (components/admission/routes.py).

    Args:
        manifest: of the HTTPRoute.
        at: where it stands, for the message.
        gateway: the only Gateway that it may hang on, as <namespace>/<name>.
    """
    spec = manifest.get("spec") or {}
    namespace, _, name = gateway.partition("/")
    parents = spec.get("parentRefs") or []
    if not parents or any(
        (each.get("kind", "Gateway"), each.get("namespace"), each.get("name")) != ("Gateway", namespace, name)
        for each in parents
    ):
        yield Problem(
            field=f"{at}: spec.parentRefs",
            value=shown(parents),
            rule=f"a branch's route hangs on the base stack's Gateway alone, {gateway}",
            fix=f"set the chart's value for it, or write parentRefs: [{{namespace: {namespace}, name: {name}}}]",
        )
    backends = [each for rule in spec.get("rules") or [] for each in rule.get("backendRefs") or []]
    own = metadata.get("namespace") if isinstance(metadata := manifest.get("metadata"), Mapping) else None
    for each in backends:
        if each.get("kind", "Service") != "Service" or each.get("namespace", own) != own:
            yield Problem(
                field=f"{at}: spec.rules.backendRefs",
                value=shown(each),
                rule=f"a branch's route stays in its namespace, {own}, and leads to Services alone",
                fix="name a Service of the branch, without a namespace: {{ .Release.Name }}-<rest>",
            )


def _problem(field: str, value: object, rule: str, fix: str) -> Problem:
    return Problem(
        field=field,
        value=shown(value),
        rule=f"the base stack has Gateway API (gatewayApi), whose {HTTP_ROUTE.kind} {rule}",
        fix=f"{fix}, or let the platform team set gatewayApi to false",
    )
