"""Who may open an app's URLs."""

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from components.branch.spec.image import Image
from components.strict import Strict, broken
from stacks.settings.network import Addresses

LOGIN_SLUG = "login"
"""Label below an app's domain at which its login answers, and which no branch may take."""
_HEADER = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"


def _exact(path: str) -> str:
    if "*" in path or "?" in path or "#" in path or "//" in path or "/." in path:
        raise broken("an open path is one path, exactly", "write it as the app has it, e.g. /healthz")
    return path


def _keys(value: object) -> object:
    """Take the keys as a mapping or as JSON."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as e:
            raise broken(f"this is no JSON: {e}", "give the issuer's JSON Web Key Set, or jwksUri") from e
    if not (isinstance(value, dict) and isinstance(value.get("keys"), list) and value["keys"]):
        raise broken("a JSON Web Key Set is a mapping with `keys`", 'write {"keys": [{"kty": ...}]}')
    if any(isinstance(key, dict) and "d" in key for key in value["keys"]):
        raise broken("this key is private", "give the public half, and make a new key: this one has been written down")
    return value


Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s\"'<>]+$")]
OpenPath = Annotated[str, StringConstraints(pattern=r"^/\S*$"), AfterValidator(_exact)]
Header = Annotated[str, StringConstraints(pattern=_HEADER)]
Claim = Annotated[str, StringConstraints(pattern=r"^[^\s.\[\]]+(\.[^\s.\[\]]+)*$")]
Text = Annotated[str, StringConstraints(min_length=1)]


class TokenSettings(Strict):
    """A JSON Web Token that lets its bearer in."""

    issuer: Text = Field(examples=["https://gitlab.com"])
    """Who makes it: its claim `iss`, to the letter."""
    audiences: tuple[Text, ...] = Field(min_length=1, examples=[["branch-environments"]])
    """Whom it is for: its claim `aud` has one of these."""
    claims: dict[Claim, tuple[Text, ...]] = Field({}, examples=[{"groups": ["developers"]}])
    """Claims that it has, each with one of these values. A nested claim is called `a.b`; `*` stands for any text at a
    value's begin or end."""
    jwks_uri: Url | None = Field(None, examples=["https://gitlab.com/oauth/discovery/keys"])
    """Where the issuer's keys are. Default: where OpenID Connect's discovery says."""
    jwks: Annotated[dict[str, Any], BeforeValidator(_keys)] | None = None
    """The keys themselves, where istiod cannot reach the issuer."""
    headers: dict[Header, Claim] = Field({}, examples=[{"x-user-email": "email"}])
    """Request headers in which the app finds claims, by header; from a client itself they do not reach it."""


class LoginSettings(Strict):
    """A login page by oauth2-proxy, which this stack makes, in front of every URL of an app."""

    issuer: Url = Field(examples=["https://gitlab.com"])
    """OpenID Connect provider. Register https://login.<domain>/oauth2/callback there."""
    client_id: Text = Field(examples=["branch-environments"])
    """Id under which it is registered. Its secret is in `loginCredentials`."""
    email_domains: tuple[Text, ...] = Field(("*",), examples=[["example.com"]])
    """Domains of the mail addresses that are let in. Default: any."""
    groups: tuple[Text, ...] = Field((), examples=[["acme/developers"]])
    """Groups of which one is needed. Default: none."""
    image: Image = "quay.io/oauth2-proxy/oauth2-proxy:v7.15.4"
    """Image of oauth2-proxy."""


class AccessSettings(Strict):
    """Who may open an app's URLs, main's too. Decided at the gateway, before any code of a branch."""

    kind: Literal["open", "jwt", "external"] = "open"
    """`open`: whoever reaches the gateway; `jwt`: who brings a token; `external`: whom a provider lets in."""
    source_ranges: tuple[Addresses, ...] = Field((), examples=[["203.0.113.0/24"]])
    """Addresses from which requests may come at all. Default: anywhere."""
    open_paths: tuple[OpenPath, ...] = Field((), examples=[["/healthz"]])
    """Exact paths that anybody may ask for."""
    jwt: TokenSettings | None = None
    """The organisation's token. Kind jwt needs it."""
    provider: Text | None = Field(None, examples=["oauth2-proxy"])
    """Extension provider in istiod's mesh config that decides. Kind external needs it, or `login`."""
    identity_headers: tuple[Header, ...] = Field((), examples=[["x-auth-request-email"]])
    """Request headers by which that provider tells who somebody is; from a client itself they reach nobody."""
    login: LoginSettings | None = None
    """Or a login page that this stack makes."""
    ci: TokenSettings | None = None
    """A token for CI's own browser tests, beside people's: best the job's ID token, whose claims name the project."""


class LoginCredentials(Strict):
    """What one app's login shows its OpenID Connect provider."""

    client_secret: Text
    """Secret of the client. Cookies are encrypted with a key that is derived from it."""
