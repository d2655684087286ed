"""Who may open an app's URLs, decided at the gateway and so before any code of a branch: Istio's security policies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import pulumi
import pulumi_kubernetes.meta.v1 as meta
from pulumi_kubernetes.apiextensions import CustomResource

from core.api_versions import ISTIO_SECURITY
from core.labels import app_labels

TOKEN_HEADER = "x-branch-token"  # noqa: S105 - its name
TOKEN_COOKIE = "branch-token"  # noqa: S105 - its name


@dataclass(frozen=True, kw_only=True)
class Token:
    """A JSON Web Token that lets its bearer in."""

    issuer: str
    audiences: Sequence[str]
    """It must be for one of these."""
    claims: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Each of these must have one of its values; a nested one is called `a.b`."""
    jwks_uri: str = ""
    """Where the issuer's keys are. Neither this nor `jwks`: where OpenID Connect's discovery says."""
    jwks: str = ""
    """The keys themselves, as JSON."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Request headers in which the app finds claims, by header."""

    def __post_init__(self) -> None:
        """Refuse a token that would be good for anything."""
        if not self.audiences:
            raise ValueError("audiences: a token for somebody else would do; name whom it must be for")


@dataclass(frozen=True, kw_only=True)
class AccessArgs:
    """What the policies need to know."""

    app: str
    namespace: pulumi.Input[str]
    """Of the gateway's pods."""
    istio_label: str
    domain: str
    port: int
    """Port of the URLs, which browsers may write into the host."""
    tokens: Sequence[Token] = ()
    """Any one of them lets in. None: nobody needs one."""
    provider: str = ""
    """Extension provider of the mesh that is asked about every request that brings no token."""
    open_paths: Sequence[str] = ()
    """Exact paths that anybody may ask for."""
    open_hosts: Sequence[str] = ()
    """Hosts below the domain that anybody may ask, e.g. the login's own."""
    source_ranges: Sequence[str] = ()
    """Addresses from which requests may come at all. None: anywhere."""

    def __post_init__(self) -> None:
        """Refuse policies that close nothing."""
        if not (self.tokens or self.provider or self.source_ranges):
            raise ValueError("tokens: nothing is closed; give tokens, a provider or source_ranges, or make no policy")


class Access(pulumi.ComponentResource):
    """Who may open one app's hosts: a RequestAuthentication and AuthorizationPolicies for the gateway's pods.

    Type `branch-environments:base:Access`. Tokens come in a header (or cookie) of this project's own: Istio looks for
    them whatever the host, and would refuse an app's own `Authorization` elsewhere. Left out on purpose: hosts and
    headers that are not what they seem, of which the guard sees to it that there are none (`gateway_guard.py`).
    """

    domain: pulumi.Output[str]
    """The app's domain, known once it is closed."""

    def __init__(self, name: str, args: AccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:base:Access", name, None, opts)
        specs = {
            "request-authentication": ("RequestAuthentication", authentication_spec(args)),
            "access": ("AuthorizationPolicy", denial_spec(args)),
            "login": ("AuthorizationPolicy", ext_authz_spec(args)),
        }
        made = [
            CustomResource(
                f"{name}-{suffix}",
                api_version=ISTIO_SECURITY,
                kind=kind,
                metadata=meta.ObjectMetaArgs(
                    name=f"{args.app}-{suffix}" if kind == "AuthorizationPolicy" else args.app,
                    namespace=args.namespace,
                    labels=app_labels(args.app),
                ),
                spec={"selector": {"matchLabels": {"istio": args.istio_label}}, **spec},
                opts=pulumi.ResourceOptions(parent=self),
            )
            for suffix, (kind, spec) in specs.items()
            if spec
        ]
        self.domain = pulumi.Output.all(*(each.urn for each in made)).apply(lambda _: args.domain)
        self.register_outputs({"domain": self.domain})


def authentication_spec(args: AccessArgs) -> dict[str, Any]:
    """Make what of a RequestAuthentication's spec says which tokens there are. Empty: none."""
    if not args.tokens:
        return {}
    places: dict[str, Any] = {"fromHeaders": [{"name": TOKEN_HEADER}]}
    if args.provider:
        # `denial_spec` must still see that there was one; the guard takes it out after that. A cookie could not be told
        # apart from others.
        places["forwardOriginalToken"] = True
    else:
        places["fromCookies"] = [TOKEN_COOKIE]
    rules = []
    for token in args.tokens:
        keys = {"jwks": token.jwks, "jwksUri": token.jwks_uri}
        headers = [{"header": header, "claim": claim} for header, claim in sorted(token.headers.items())]
        rules.append(
            {
                "issuer": token.issuer,
                "audiences": list(token.audiences),
                **{name: value for name, value in keys.items() if value},
                **places,
                **({"outputClaimToHeaders": headers} if headers else {}),
            }
        )
    return {"jwtRules": rules}


def denial_spec(args: AccessArgs) -> dict[str, Any]:
    """Make what of an AuthorizationPolicy's spec refuses: who comes from elsewhere, and who has none of the tokens.

    Rules of a policy are alternatives, so there is one for every way to miss all tokens: of each token one condition
    that does not hold.
    """
    hosts = {"hosts": _hosts(args)}
    rules: list[dict[str, Any]] = []
    if args.source_ranges:
        elsewhere = {"source": {"notRemoteIpBlocks": list(args.source_ranges)}}
        rules.append({"from": [elsewhere], "to": [{"operation": hosts}]})
    # Who brings no token is the provider's to judge.
    brought = [{"key": f"request.headers[{TOKEN_HEADER}]", "values": ["*"]}] if args.provider else []
    if args.tokens:
        rules += [
            {"to": [_closed(args)], "when": [*brought, *missed]}
            for missed in product(*(_conditions(token) for token in args.tokens))
        ]
    return {"action": "DENY", "rules": rules} if rules else {}


def ext_authz_spec(args: AccessArgs) -> dict[str, Any]:
    """Make what of an AuthorizationPolicy's spec says which requests the provider is asked about. Empty: none."""
    if not args.provider:
        return {}
    # The provider is asked before tokens are looked at, so it can only be said whether there is one.
    without = [{"key": f"request.headers[{TOKEN_HEADER}]", "notValues": ["*"]}]
    rule = {"to": [_closed(args)], **({"when": without} if args.tokens else {})}
    return {"action": "CUSTOM", "provider": {"name": args.provider}, "rules": [rule]}


def _conditions(token: Token) -> list[dict[str, Any]]:
    """Return what must hold of a token, each as Istio's condition that it does not."""
    wanted: dict[str, Sequence[str]] = {
        "request.auth.principal": [f"{token.issuer}/*"],
        "request.auth.audiences": token.audiences,
        **{f"request.auth.claims{_path(claim)}": values for claim, values in sorted(token.claims.items())},
    }
    return [{"key": key, "notValues": list(values)} for key, values in wanted.items()]


def _path(claim: str) -> str:
    return "".join(f"[{part}]" for part in claim.split("."))


def _closed(args: AccessArgs) -> dict[str, Any]:
    """Return the hosts that are closed: all of the app's except the open ones."""
    operation: dict[str, Any] = {"hosts": _hosts(args)}
    if args.open_paths:
        operation["notPaths"] = list(args.open_paths)
    if args.open_hosts:
        operation["notHosts"] = _with_port(args.open_hosts, args.port)
    return {"operation": operation}


def _hosts(args: AccessArgs) -> list[str]:
    return _with_port([f"*.{args.domain}"], args.port)


def _with_port(hosts: Sequence[str], port: int) -> list[str]:
    return [form for host in hosts for form in (host, f"{host}:{port}")]
