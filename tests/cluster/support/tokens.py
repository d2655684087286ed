"""JSON Web Tokens of the tests' own making."""

import time
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

PEOPLE, CI = "https://people.example.com", "https://gitlab.example.com"
KEY, CI_KEY, ANOTHER_KEY = (ECKey.generate_key("P-256", {"kid": name}) for name in ("people", "ci", "people"))


def public(key: ECKey) -> dict[str, Any]:
    """Return a key's public half as a set of keys."""
    return {"keys": [key.as_dict(private=False)]}


def token(key: ECKey = KEY, **changes: Any) -> str:
    """Sign a token that the gateway takes, but for the changes."""
    claims: dict[str, Any] = {
        "iss": PEOPLE,
        "sub": "carol",
        "aud": "branches",
        "exp": int(time.time()) + 600,
        "groups": ["developers", "people"],
        "email": "carol@example.com",
        **changes,
    }
    return jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key)


def job_token(**changes: Any) -> str:
    """Sign what a CI job would have."""
    return token(CI_KEY, **{"iss": CI, "sub": "job", "project_path": "acme/shop", "groups": [], **changes})
