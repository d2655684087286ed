"""Connections to the API server that KUBECONFIG names."""

import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from branchenv.clients import kubeconfig
from branchenv.model.errors import BranchenvError, ExitCode

_AT_ONCE = 5
_CONFIG = """\
apiVersion: v1
kind: Config
current-context: here
contexts: [{{name: here, context: {{cluster: here, user: me}}}}]
clusters: [{{name: here, cluster: {{server: "https://127.0.0.1:{port}", insecure-skip-tls-verify: true}}}}]
users: [{{name: me, user: {{token: secret}}}}]
"""

_THREADS = """\
import sys
from threading import Barrier, Thread

sys.setswitchinterval(1e-6)
import lightkube.config.kubeconfig
from branchenv.clients import kubeconfig

together = Barrier(4)

def read() -> None:
    together.wait()
    kubeconfig.chosen()

threads = [Thread(target=read) for _ in range(4)]
for each in threads:
    each.start()
for each in threads:
    each.join()
"""


@pytest.fixture
def port() -> Iterator[int]:
    """A server that ends every connection before TLS has begun."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    server.accept()[0].close()
                except OSError:
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_no_connection_changes_the_ssl_context_that_all_share(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(_CONFIG.format(port=port))
    monkeypatch.setenv("KUBECONFIG", str(file))
    named: list[list[str]] = []
    monkeypatch.setattr(ssl.SSLContext, "set_alpn_protocols", lambda _, protocols: named.append(protocols))
    with kubeconfig.connect() as api, ThreadPoolExecutor(_AT_ONCE) as pool:

        def ask(_: int) -> bool:
            try:
                return api.get("/version").is_success
            except httpx2.HTTPError:
                return False

        assert named == [["http/1.1"]], "the protocol is named before there are threads"
        assert list(pool.map(ask, range(_AT_ONCE))) == [False] * _AT_ONCE, "the server has no TLS"
    assert len(named) == 1, "OpenSSL's copy is read by one thread while another replaces it: `tlsv1 alert decode error`"


def test_without_a_configuration_the_error_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(BranchenvError, match="no cluster can be used") as refused:
        kubeconfig.connect()
    assert refused.value.code == ExitCode.CLUSTER, "a script tells it from a wrong option"
    assert "KUBECONFIG" in refused.value.fix, "and a person knows what to set"


def test_threads_that_read_the_first_configuration_at_once_do_not_end_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(_CONFIG.format(port=1))
    monkeypatch.setenv("KUBECONFIG", str(file))

    def ended(_: int) -> int:
        return subprocess.run([sys.executable, "-c", _THREADS], check=False, timeout=60).returncode

    # Only a process that has read none yet can show it: without the lock about every second one ended with SIGSEGV.
    with ThreadPoolExecutor(2) as pool:
        codes = set(pool.map(ended, range(8)))
    assert codes == {0}, "`branchenv doctor` reads it in two threads, and `branchenv up` too"
