"""The cluster's configuration files, as far as a mistake in them would harm the machine."""

import configparser
import json
import tomllib
from pathlib import Path

import pytest
from supervisor.datatypes import dict_of_key_value_pairs

from local.cluster import cgroups, files, network, pki, processes
from local.cluster.processes import Programs

STATE = Path("/state")
PROGRAMS = Programs(
    go=Path("/cache/go"), debian=Path("/cache/debian"), envoy=Path("/cache/envoy"), istio=Path("/cache/istio")
)


def test_containerd_has_roots_and_a_socket_of_its_own() -> None:
    config = tomllib.loads(files.containerd(Path("/cache/debian"), STATE))
    assert config["root"] == "/state/containerd", "another containerd's images are left alone"
    assert config["grpc"]["address"].startswith("/run/branch-environments/"), "another containerd's socket too"


def test_every_json_file_is_json() -> None:
    for content in (
        files.cni(STATE),
        files.kubelet(STATE),
        files.kube_proxy(STATE),
        files.mesh(),
        files.forwarder(1, 2),
    ):
        assert json.loads(content), "a file that its reader refuses stops the cluster"


def test_only_the_forwarder_listens_on_the_machine_and_only_on_the_loopback() -> None:
    listeners = json.loads(files.forwarder(18080, 18443))["static_resources"]["listeners"]
    addresses = [listener["address"]["socket_address"] for listener in listeners]
    assert addresses == [{"address": "127.0.0.1", "port_value": port} for port in (18080, 18443)], (
        "HTTP and HTTPS, and nobody else on the network may reach them"
    )
    outside = [p.name for p in processes.all_of(PROGRAMS, STATE) if "--net=/run/netns/host" in p.command]
    assert outside == ["forwarder"], "every other process stays in the cluster's network namespace"


def test_the_supervisor_reads_back_the_environment_that_was_meant() -> None:
    listed = processes.all_of(PROGRAMS, STATE)
    parser = configparser.RawConfigParser()
    parser.read_string(processes.supervisor_configuration(listed, STATE, Path("/log")))
    for process in listed:
        written = parser[f"program:{process.name}"]["environment"].replace("%%", "%")
        assert dict_of_key_value_pairs(written) == process.environment, f"{process.name}: JSON and quotes survive"
        assert parser[f"program:{process.name}"]["autorestart"] == "true", "what dies is restarted"


def test_the_control_plane_starts_with_the_supervisor_and_the_rest_when_it_is_ready() -> None:
    at_start = {process.name for process in processes.all_of(PROGRAMS, STATE) if process.at_start}
    assert at_start == {"etcd", "kube-apiserver", "containerd"}, "the others need an API server that answers"


def test_keys_are_made_once_and_kubeconfigs_carry_them(tmp_path: Path) -> None:
    pki.make(tmp_path)
    before = (tmp_path / "ca.crt").read_bytes()
    pki.make(tmp_path)
    assert (tmp_path / "ca.crt").read_bytes() == before, "a second `make up` must not lock everybody out"
    assert (tmp_path / "ca.key").stat().st_mode & 0o077 == 0, "private keys are for root alone"
    config = json.loads(pki.kubeconfig(tmp_path, "admin"))
    assert config["clusters"][0]["cluster"]["server"] == network.API_SERVER, "the host reaches it by this address"


def test_interrupted_key_making_is_done_again(tmp_path: Path) -> None:
    pki.make(tmp_path)
    (tmp_path / "complete").unlink()
    before = (tmp_path / "ca.crt").read_bytes()
    pki.make(tmp_path)
    assert (tmp_path / "ca.crt").read_bytes() != before, "half a set of keys would never work"


@pytest.mark.parametrize(
    ("routes", "conflict"),
    [
        ("default via 192.0.2.1 dev eth0\n", None),
        ("198.18.0.0/17 via 198.18.255.2 dev be-cluster\n", None),
        ("default via 192.0.2.1 dev eth0\n198.18.0.0/15 dev tun0\n", "198.18.0.0/15 dev tun0"),
    ],
)
def test_routes_of_others_on_our_addresses_are_found(routes: str, conflict: str | None) -> None:
    assert network.conflicting_route(routes) == conflict, "our own route is no conflict, a VPN's is"


@pytest.mark.parametrize(
    ("address", "state", "taken"),
    [("0100007F:1F90", "0A", True), ("00000000:1F90", "0A", True), ("0100007F:1F90", "01", False),
     ("0200A8C0:1F90", "0A", False), ("0100007F:1F91", "0A", False)],
)  # fmt: skip
def test_a_port_is_taken_if_somebody_listens_on_it_here(address: str, state: str, taken: bool, tmp_path: Path) -> None:
    table = tmp_path / "tcp"
    table.write_text(f"  sl  local_address rem_address   st\n   0: {address} 00000000:0000 {state} 0:0\n")
    assert network.listening(8080, table) is taken, "only a listener on the loopback or on all addresses is in the way"


def test_control_groups_of_our_containers_go_and_others_stay(tmp_path: Path) -> None:
    for group in ("memory/k8s.io/ours/inner", "memory/k8s.io/theirs", "cpu/k8s.io/ours"):
        (tmp_path / group).mkdir(parents=True)
    cgroups.remove(["ours", "never-started"], tmp_path)
    assert not (tmp_path / "memory/k8s.io/ours").exists(), "ours are removed with what is inside"
    assert (tmp_path / "memory/k8s.io/theirs").exists(), "another containerd's are left alone"
    assert not (tmp_path / "cpu/k8s.io").exists(), "the parent goes once it is empty"
