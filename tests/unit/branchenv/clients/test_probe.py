"""What stands in the way of a URL is told apart, and no longer waited for than told."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from branchenv.clients import http_probe
from branchenv.clients.http_probe import Expected, Reachability
from tests.pipeline.support.gitlab_server import refused_url

_ENVOY = {"server": "istio-envoy"}
_APP = {**_ENVOY, "x-envoy-upstream-service-time": "2"}


@pytest.mark.parametrize(
    ("status", "headers", "body", "state"),
    [
        (200, _APP, "hello", Reachability.UP),
        (302, _APP, "", Reachability.UP),
        (401, _APP, "log in", Reachability.UP),
        (404, _ENVOY, "", Reachability.NO_ROUTE),
        (404, _APP, "", Reachability.APP_ERROR),
        (404, {"server": "nginx"}, "", Reachability.APP_ERROR),
        (503, _ENVOY, "no healthy upstream", Reachability.NO_POD),
        (503, _ENVOY, "upstream connect error or disconnect/reset before headers", Reachability.NO_POD),
        (500, _ENVOY, "", Reachability.NO_POD),
        (503, {}, "no healthy upstream", Reachability.NO_POD),
        (503, _APP, "the app's own", Reachability.APP_ERROR),
        (500, {"server": "uvicorn"}, "oops", Reachability.APP_ERROR),
        (503, {"server": "awselb/2.0"}, "<html>503", Reachability.UNREACHABLE),
        (503, {**_ENVOY, "x-branch-environment": "asleep"}, "<html>asleep", Reachability.ASLEEP),
        (404, {**_ENVOY, "x-branch-environment": "none"}, "<html>No environment", Reachability.NO_ROUTE),
    ],
)
def test_who_answered_is_told_apart(status: int, headers: dict[str, str], body: str, state: Reachability) -> None:
    assert http_probe.classify(status, headers, body, Expected()).state == state, "by the marks that each leaves"


@pytest.mark.parametrize(
    ("status", "headers", "state"),
    [
        (403, _ENVOY, Reachability.CLOSED),
        (401, _ENVOY, Reachability.CLOSED),
        (302, _ENVOY, Reachability.CLOSED),
        (302, _APP, Reachability.UP),
        (403, _APP, Reachability.UP),
        (404, _ENVOY, Reachability.NO_ROUTE),
    ],
)
def test_a_closed_door_is_not_the_app(status: int, headers: dict[str, str], state: Reachability) -> None:
    assert http_probe.classify(status, headers, "", Expected(closed=True)).state == state, (
        "who is asked for a name, sees no app"
    )
    assert http_probe.classify(403, _ENVOY, "", Expected()).state == Reachability.UP, (
        "where no door is, an app may answer so through Envoy"
    )


def test_an_expected_header_is_missed() -> None:
    assert (
        http_probe.classify(200, {"x-version": "1"}, "", Expected(headers={"X-Version": "2"})).state
        == Reachability.OTHER
    ), "the old"
    assert (
        http_probe.classify(200, {"x-version": "2"}, "", Expected(headers={"X-Version": "2"})).state == Reachability.UP
    ), "the new"


@contextmanager
def _serving(
    *answers: tuple[int, dict[str, str], str], tls: ssl.SSLContext | None = None
) -> Iterator[tuple[int, list[str]]]:
    """Serve answers, one after the other, the last for good; give the port, and where requests came from."""
    left, seen = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            seen.append(f"{self.client_address[1]} {self.headers['Host']} {self.path}")
            status, headers, body = left.pop(0) if len(left) > 1 else left[0]
            self.send_response_only(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            """Leave the test's output alone."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server.server_port, seen
        finally:
            server.shutdown()


def test_it_asks_until_the_app_answers_on_one_connection() -> None:
    with _serving((404, _ENVOY, ""), (503, _ENVOY, "no healthy upstream"), (200, _APP, "hello")) as (port, seen):
        found = http_probe.ask(f"http://feature.shop.localhost:{port}", Expected(path="/healthz"), timeout=10)
    assert (found.state, found.status, found.attempts) == (Reachability.UP, 200, 3), "route, then pod, then app"
    assert len({line.split()[0] for line in seen}) == 1, "the connection is kept"
    assert seen[0].endswith(f"feature.shop.localhost:{port} /healthz"), "the host is the URL's, the path as asked for"


def test_an_apps_404_is_not_waited_for() -> None:
    with _serving((404, _APP, "not here")) as (port, _):
        found = http_probe.ask(f"http://localhost:{port}", timeout=30)
    assert (found.state, found.attempts, found.app_answers) == (Reachability.APP_ERROR, 1, True), "the app has answered"
    assert found.state != Reachability.UP, "and is not said to be up"


def test_a_passing_error_of_the_app_is_waited_for() -> None:
    with _serving((500, _APP, "warming up"), (200, _APP, "hello")) as (port, _):
        assert http_probe.ask(f"http://localhost:{port}", timeout=10).state == Reachability.UP, (
            "the second answer counts"
        )


def test_time_is_up_with_the_last_answer() -> None:
    with _serving((404, _ENVOY, "")) as (port, _):
        found = http_probe.ask(f"http://localhost:{port}", timeout=1)
    assert found.state == Reachability.NO_ROUTE, "what stood in the way"
    assert found.attempts > 1, "it was asked more than once"


def test_a_sleeping_environments_page_is_right_where_it_sleeps() -> None:
    asleep = (503, {**_ENVOY, "x-branch-environment": "asleep"}, "<html>")
    with _serving(asleep) as (port, _):
        assert http_probe.ask(f"http://localhost:{port}", Expected(asleep=True), timeout=30).attempts == 1, (
            "nothing to wait for"
        )
    with _serving(asleep, (200, _APP, "hello")) as (port, _):
        assert http_probe.ask(f"http://localhost:{port}", timeout=10).state == Reachability.UP, (
            "but after a deploy it gives way to the app"
        )


def test_the_page_of_a_host_without_an_environment_is_not_the_app() -> None:
    nobody = (404, {**_ENVOY, "x-branch-environment": "none"}, "<html>No environment")
    with _serving(nobody, (200, _APP, "hello")) as (port, _):
        found = http_probe.ask(f"http://localhost:{port}", timeout=10)
    assert (found.state, found.attempts) == (Reachability.UP, 2), "a 404 of the app would not be waited for"


def test_a_host_that_dns_does_not_know_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    found = http_probe.ask("http://feature.shop.example.com", timeout=0)
    assert found.state == Reachability.UNRESOLVED, "it is DNS"
    assert "feature.shop.example.com" in found.detail, "and which host"


def test_a_refused_connection_is_told() -> None:
    found = http_probe.ask(refused_url(), timeout=0)
    assert found.state == Reachability.UNREACHABLE, "nothing listens"
    assert "refused" in found.detail.lower(), "why"


def test_a_server_without_tls_is_told() -> None:
    with _serving((200, {}, "hello")) as (port, _):
        found = http_probe.ask(f"https://localhost:{port}", timeout=0)
    assert found.state == Reachability.UNTRUSTED, "it is TLS that fails"


def test_a_certificate_of_another_host_is_told(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "elsewhere.example.com")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("elsewhere.example.com")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "certificate.pem"
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(key.private_bytes(*plain) + certificate.public_bytes(serialization.Encoding.PEM))
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(file)
    trusting = ssl.create_default_context(cafile=str(file))
    with _serving((200, {}, "hello"), tls=serving) as (port, _):
        unknown = http_probe.ask(f"https://localhost:{port}", timeout=0)
        other = http_probe.ask(f"https://localhost:{port}", Expected(trusted=trusting), timeout=0)
    assert (unknown.state, other.state) == (Reachability.UNTRUSTED, Reachability.UNTRUSTED), (
        "browsers would refuse both"
    )
    assert "self-signed" in unknown.detail, "nobody vouches for it"
    assert "not valid for 'localhost'" in other.detail, "it is another host's"
