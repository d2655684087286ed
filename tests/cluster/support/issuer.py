"""GitLab as an issuer of ID tokens: what an API server asks of it, over HTTPS, and the tokens themselves."""

import json
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

AUDIENCE, PREFIX = "kubernetes", "gitlab:"  # as docs/security.md has them


@dataclass(frozen=True, kw_only=True)
class Issuer:
    """One that answers."""

    url: str
    authority: str
    """CA of its certificate, as PEM."""
    key: ECKey

    def token(self, project: str, branch: str, **changes: Any) -> str:
        """Sign what a job of a branch has."""
        claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": f"project_path:{project}:ref_type:branch:ref:{branch}",
            "project_path": project,
            "exp": int(time.time()) + 600,
            **changes,
        }
        return jwt.encode({"alg": "ES256", "kid": "gitlab"}, claims, self.key)

    def authentication(self) -> dict[str, Any]:
        """Write the AuthenticationConfiguration that docs/security.md has."""
        return {
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "AuthenticationConfiguration",
            "jwt": [
                {
                    "issuer": {
                        "url": self.url,
                        "audiences": [AUDIENCE],
                        "certificateAuthority": self.authority,
                    },
                    "claimMappings": {
                        "username": {"claim": "sub", "prefix": PREFIX},
                        "groups": {"claim": "project_path", "prefix": PREFIX},
                    },
                }
            ],
        }


@contextmanager
def issuer(keys: Path) -> Iterator[Issuer]:
    """Serve one.

    Args:
        keys: folder with a certificate for 127.0.0.1, its key and its CA.
    """
    key = ECKey.generate_key("P-256", {"kid": "gitlab"})
    answers: dict[str, Mapping[str, Any]] = {"/keys": {"keys": [key.as_dict(private=False)]}}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = answers.get(self.path)
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(found or {}).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys / "apiserver.crt", keys / "apiserver.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = f"https://127.0.0.1:{server.server_port}"
    answers["/.well-known/openid-configuration"] = {
        "issuer": url,
        "jwks_uri": f"{url}/keys",
        "id_token_signing_alg_values_supported": ["ES256"],
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
    }
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Issuer(url=url, authority=(keys / "ca.crt").read_text(encoding="utf-8"), key=key)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
