"""A base stack whose app has a login page, and the provider of OpenID Connect that it asks."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import oidc_provider_mock
import pytest
from werkzeug.serving import make_server

from local.cluster.network import HOST_ADDRESS
from tests.cluster.support.stacks import IMAGES, Base
from tests.cluster.support.tokens import CI, CI_KEY, public

SECRET = "a secret of the client's"


@contextmanager
def provider() -> Iterator[str]:
    """Run a provider of OpenID Connect where both a browser on this machine and the cluster's pods reach it."""
    carol = oidc_provider_mock.User(sub="carol", claims={"email": "carol@example.com", "email_verified": True})
    dave = oidc_provider_mock.User(sub="dave", claims={"email": "dave@elsewhere.com", "email_verified": True})
    server = make_server(HOST_ADDRESS, 0, oidc_provider_mock.app(user_claims=[carol, dave]), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        # It would insist on HTTPS, which the local image of oauth2-proxy trusts nobody for.
        patch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
        yield f"http://{HOST_ADDRESS}:{server.server_port}"
    server.shutdown()
    thread.join()


@dataclass(frozen=True, kw_only=True)
class WithLogin(Base):
    """A base stack whose app has a login page."""

    issuer: str

    @property
    def login(self) -> dict[str, Any]:
        """The login page."""
        return {"issuer": self.issuer, "clientId": "branches", "emailDomains": ["example.com"]}

    def config(self, **more: Any) -> dict[str, Any]:
        """Put the page there, and let CI's jobs pass it."""
        ci = {
            "issuer": CI,
            "audiences": ["branches"],
            "claims": {"project_path": ["acme/shop"]},
            "jwks": public(CI_KEY),
        }
        access = {"kind": "external", "login": self.login, "ci": ci, "openPaths": ["/healthz"]}
        app = {"name": self.app, "domain": self.domain, "access": access, "isolation": {"images": IMAGES}}
        own = {
            "apps": [app],
            "loginCredentials": {self.app: {"clientSecret": SECRET}},
            "loginNamespace": f"{self.app}-login",
        }
        return super().config(**{**own, **more})
