"""Places what decides who may open an app: policies at the gateway, its guard, and login pages."""

import json

import pulumi

from components.access.authorization import TOKEN_COOKIE, TOKEN_HEADER, Access, AccessArgs, Token
from components.access.gateway_guard import GatewayGuard, GatewayGuardArgs
from components.access.oauth2_proxy import COOKIE, IDENTITY_HEADERS, AppLogin, Logins, LoginsArgs
from components.ingress.gateway import Gateway
from core.contract import public_url
from stacks.base.protection import protected
from stacks.settings.access import LOGIN_SLUG, AccessSettings, TokenSettings
from stacks.settings.base import AppSettings, BaseSettings, access_of


def place_access(settings: BaseSettings, gateway: Gateway) -> dict[str, pulumi.Input[str]]:
    """Place what decides who may open each app.

    Args:
        settings: of the base stack.
        gateway: of all apps. Once it exists, Istio is there.

    Returns:
        Each app's domain, known once it is closed as far as it is to be.
    """
    by_app = {app.name: access_of(settings, app) for app in settings.apps}
    logins = [login for app in settings.apps if (login := _login(settings, app, by_app[app.name]))]
    made_first = [_place_logins(settings, logins, gateway)] if logins else []
    closed = [app for app in settings.apps if by_app[app.name].kind != "open" or by_app[app.name].source_ranges]
    if not closed:
        return {app.name: app.domain for app in settings.apps}
    guard = GatewayGuard(
        "gateway",
        GatewayGuardArgs(
            namespace=settings.gateway.namespace,
            gateway=settings.gateway.name,
            istio_label=settings.gateway.istio_label,
            domains=[app.domain for app in closed],
            open_hosts=[login.host for login in logins],
            port=settings.port,
            identity_headers=sorted({header for access in by_app.values() for header in identity_headers(access)}),
            credential_headers=[TOKEN_HEADER],
            credential_cookies=[TOKEN_COOKIE, COOKIE],
        ),
        pulumi.ResourceOptions(depends_on=[gateway]),
    )
    # Ordered by `depends_on` alone: if its metadata used an output of these, replacing them would delete the policies.
    ready = pulumi.ResourceOptions(depends_on=[guard, *made_first])
    made = {app.name: Access(app.name, _access_args(settings, app, by_app[app.name]), ready).domain for app in closed}
    return {app.name: made.get(app.name, app.domain) for app in settings.apps}


def identity_headers(access: AccessSettings) -> list[str]:
    """Return the request headers that say who somebody is, which only the gateway may set."""
    if access.kind == "external":
        return [*IDENTITY_HEADERS] if access.login else [*access.identity_headers]
    return [*access.jwt.headers] if access.kind == "jwt" and access.jwt else []


def _access_args(settings: BaseSettings, app: AppSettings, access: AccessSettings) -> AccessArgs:
    given = {"jwt": [access.jwt, access.ci], "external": [access.ci]}.get(access.kind, [])
    login = _login(settings, app, access)
    provider = login.provider if login else access.provider or ""
    return AccessArgs(
        app=app.name,
        namespace=settings.gateway.namespace,
        istio_label=settings.gateway.istio_label,
        domain=app.domain,
        port=settings.port,
        tokens=[_token(token) for token in given if token],
        provider=provider if access.kind == "external" else "",
        open_paths=access.open_paths,
        open_hosts=[login.host] if login else [],
        source_ranges=access.source_ranges,
    )


def _token(given: TokenSettings) -> Token:
    return Token(
        issuer=given.issuer,
        audiences=given.audiences,
        claims=given.claims,
        jwks_uri=given.jwks_uri or "",
        jwks=json.dumps(given.jwks) if given.jwks else "",
        headers=given.headers,
    )


def _login(settings: BaseSettings, app: AppSettings, access: AccessSettings) -> AppLogin | None:
    if access.kind != "external" or access.login is None:
        return None
    host = f"{LOGIN_SLUG}.{app.domain}"
    return AppLogin(
        app=app.name,
        domain=app.domain,
        host=host,
        url=public_url(settings.scheme, host, settings.port),
        issuer=access.login.issuer,
        client_id=access.login.client_id,
        client_secret=settings.login_credentials[app.name].client_secret,
        email_domains=access.login.email_domains,
        groups=access.login.groups,
        image=access.login.image,
    )


def _place_logins(settings: BaseSettings, logins: list[AppLogin], gateway: Gateway) -> Logins:
    return Logins(
        "logins",
        LoginsArgs(
            namespace=settings.login_namespace,
            logins=logins,
            gateway=f"{settings.gateway.namespace}/{settings.gateway.name}",
            gateway_api=settings.gateway_api,
            gateway_namespace=settings.gateway.namespace,
            istio_label=settings.gateway.istio_label,
        ),
        protected(settings, "nobody could log in to any branch", pulumi.ResourceOptions(depends_on=[gateway])),
    )
