"""The local cluster itself: it restarts what dies, survives interruption, and leaves nothing behind.

These tests start, kill and remove the one cluster of this machine; the marker keeps them apart from
the tests that use it. The last one leaves a running cluster, so that the next command is fast.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.alone


def _local(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local", command],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def _ok(command: str, **environment: str) -> str:
    result = _local(command, **environment)
    assert result.returncode == 0, f"`{command}` failed:\n{result.stdout}{result.stderr}"
    return result.stdout


def _traces() -> dict[str, list[str]]:
    """What a cluster could leave on a machine: links, mounts, routes, cgroups, processes, files."""

    def lines(*command: str) -> list[str]:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()

    environment = _environment()
    state = Path(environment["KUBECONFIG"]).parent
    return {
        "links": sorted(re.findall(r"^\d+: ([^:@]+)", "\n".join(lines("ip", "-4", "link")), re.MULTILINE)),
        "mounts": sorted(line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()),
        "routes": sorted(lines("ip", "-4", "route")),
        "cgroups": sorted(str(path) for path in Path("/sys/fs/cgroup").glob("**/k8s.io/*")),
        "processes": _processes(str(state)),
        "files": [str(path) for path in (state, Path("/run/branch-environments")) if path.exists()],
    }


def _processes(state: str) -> list[str]:
    """Command lines of processes that belong to a cluster: they name its folder, or its programs."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if state in command or "containerd-shim" in command:
            found.append(command)
    return sorted(found)


def _environment() -> dict[str, str]:
    exports = re.findall(r"^export (\w+)=(.*)$", _ok("env"), re.MULTILINE)
    return {name: value.strip("'") for name, value in exports}


def _until(true: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.1)


@pytest.fixture
def clean() -> dict[str, list[str]]:
    """No cluster; what the machine looks like then."""
    _ok("down")
    return _traces()


@pytest.mark.parametrize("seconds", [0.6, 1.5, 3.0, 5.0, 8.0])
def test_a_start_that_is_killed_leaves_nothing_after_down_and_goes_on_when_run_again(
    seconds: float, clean: dict[str, list[str]]
) -> None:
    start = subprocess.Popen(
        [sys.executable, "-m", "local", "up"],
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        start.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(start.pid, signal.SIGKILL)
        start.wait()
    _ok("up")
    assert _local("status").returncode == 0, "run again, it goes on to a whole cluster"
    _ok("down")
    assert _traces() == clean, "links, mounts, routes, cgroups, processes and files are as before"


def test_a_killed_start_is_removed_without_being_finished(clean: dict[str, list[str]]) -> None:
    start = subprocess.Popen(
        [sys.executable, "-m", "local", "up"], cwd=REPOSITORY, stdout=subprocess.DEVNULL, start_new_session=True
    )
    _until(lambda: "be-cluster" in _traces()["links"], "the cluster's network link appears")
    os.killpg(start.pid, signal.SIGKILL)
    start.wait()
    _ok("down")
    assert _traces() == clean, "half a cluster goes as a whole one does"


def test_the_demo_shows_two_live_urls_and_down_removes_it_all(clean: dict[str, list[str]]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shown = _ok("demo", GATEWAY_PORT=port)
    assert f"http://feature-login.shop.localhost:{port}" in shown, "the URL of a branch whose name is a slug already"
    assert "200, version 1.0 of feature-login" in shown, "it answered, as the version that was pushed"
    assert "200, version 2.0 of feature/dark-mode" in shown, "so did the other one, as another version"
    again = _ok("demo", GATEWAY_PORT=port)
    assert again.count("was up already") == 2, "a second demo changes nothing"
    _ok("down")
    assert _traces() == clean, "nothing of cluster, stacks or state is left"


@pytest.mark.usefixtures("clean")
def test_the_demo_runs_on_the_cluster_that_kubeconfig_names_and_down_leaves_that_cluster_as_it_was(
    tmp_path: Path,
) -> None:
    _ok("up")
    local = _environment()
    kubeconfig = tmp_path / "own-kubeconfig"
    kubeconfig.write_text(Path(local["KUBECONFIG"]).read_text())
    path = local["PATH"].replace(':"$PATH"', "").replace('"', "") + os.pathsep + os.environ["PATH"]
    own = {
        "KUBECONFIG": str(kubeconfig),
        "ISTIO_GATEWAY_PORT": "8080",
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "PATH": path,
    }

    def objects() -> list[str]:
        # By their groups: kubectl keeps what kinds there are, and an earlier cluster may have had Gateway API's.
        istio = "virtualservices.networking.istio.io,gateways.networking.istio.io"
        kinds = f"namespaces,deployments,services,serviceaccounts,{istio}"
        command = ["kubectl", f"--kubeconfig={kubeconfig}", "get", kinds, "--all-namespaces", "--output=name"]
        listed = subprocess.run(
            command, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=True
        ).stdout
        # Kubernetes gives every namespace its default ServiceAccount, some time after the namespace was made.
        return [name for name in listed.split() if name != "serviceaccount/default"]

    before = objects()
    assert "200, version 2.0 of feature/dark-mode" in _ok("demo", **own), "the URLs answer through that cluster's Istio"
    assert objects() != before, "the demo's objects are on it"
    _ok("down", **own)
    assert objects() == before, "the demo's stacks are destroyed on a cluster that stays"
    assert _local("status").returncode == 0, "a cluster that was there already is not stopped"


def test_a_demo_that_is_killed_goes_on_when_run_again(clean: dict[str, list[str]]) -> None:
    _ok("up")
    demo = subprocess.Popen(
        [sys.executable, "-m", "local", "demo"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert demo.stdout is not None, "its output is read"
    _ = next(line for line in demo.stdout if "base stack" in line)
    locks = Path(_environment()["KUBECONFIG"]).parent / "pulumi" / ".pulumi" / "locks"
    _until(lambda: any(locks.rglob("*.json")), "the branch's `pulumi up` takes its lock")
    os.killpg(demo.pid, signal.SIGKILL)
    demo.wait()
    assert "200, version 1.0 of feature-login" in _ok("demo"), "the lock of a dead process is no obstacle"
    _ok("down")
    assert _traces() == clean, "and everything can still be removed"


def test_down_twice_says_nothing_and_succeeds(clean: dict[str, list[str]]) -> None:
    assert _ok("down") == "", "nothing to remove is no error"
    assert _traces() == clean, "and changes nothing"


def test_a_taken_port_is_told_before_anything_is_started(clean: dict[str, list[str]]) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        result = _local("up", GATEWAY_PORT=str(port))
    assert result.returncode == 1, "it cannot run"
    assert f"port {port} is taken" in result.stderr, "which port"
    assert "GATEWAY_PORT=" in result.stderr, "and what to do"
    assert "Traceback" not in result.stderr, "a person reads this"
    assert _traces() == clean, "nothing was started"


@pytest.mark.usefixtures("clean")
def test_a_process_that_dies_is_started_again() -> None:
    _ok("up")
    assert "forwarder" in _ok("status"), "every process is listed"
    listed = subprocess.run(["pgrep", "--full", "--exact", "--newest", "-a", ".*/coredns -conf .*"],
                            capture_output=True, text=True, check=True).stdout  # fmt: skip
    pid = int(listed.split()[0])
    os.kill(pid, signal.SIGKILL)
    _until(lambda: not Path(f"/proc/{pid}").exists(), "the killed process goes")
    _until(lambda: _local("status").returncode == 0, "the supervisor starts it again")


def test_up_again_changes_nothing() -> None:
    _ok("up")
    before = _processes(str(Path(_environment()["KUBECONFIG"]).parent))
    assert _ok("up") == "", "a running cluster needs no step"
    assert _processes(str(Path(_environment()["KUBECONFIG"]).parent)) == before, "no process was started again"
