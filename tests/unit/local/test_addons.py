"""Add-ons: only there when asked for, inside the cluster, and without touching what runs already."""

import configparser
import json
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from supervisor.datatypes import dict_of_key_value_pairs

from local import addons, preflight
from local.cluster import addon_objects, addon_processes, network, pki, processes
from local.cluster.addon_processes import NAMES, AddonPrograms
from local.cluster.supervisor import Supervisor
from local.errors import LocalError
from local.toolbox import Toolbox
from local.toolchain import debian, go, pins

STATE = Path("/state")
PROGRAMS = AddonPrograms(
    cert_manager=Path("/cache/cert-manager"),
    argocd=Path("/cache/argocd"),
    helm=Path("/cache/helm"),
    redis=Path("/cache/redis"),
    kwok=Path("/cache/kwok"),
    local_path=Path("/cache/local-path"),
    metrics_server=Path("/cache/metrics-server"),
    gateway_api=Path("/cache/gateway-api"),
)


def _all() -> list[processes.Process]:
    return [process for name in NAMES for process in addon_processes.of(name, PROGRAMS, STATE)]


def test_addons_stay_in_the_clusters_network_and_start_with_nothing() -> None:
    for process in _all():
        assert "--net=/run/netns/host" not in process.command, f"{process.name} opens no port on the machine"
        assert not process.at_start, f"{process.name} needs an API server that answers"


def test_the_supervisor_reads_back_commands_and_environment_as_they_were_meant() -> None:
    parser = configparser.RawConfigParser()
    parser.read_string(processes.supervisor_configuration(_all(), STATE, Path("/log")))
    for process in _all():
        section = parser[f"program:{process.name}"]
        assert dict_of_key_value_pairs(section["environment"]) == process.environment, f"{process.name}: all of it"
        assert section["autorestart"] == "true", "what dies is restarted"


def test_only_argo_cds_controller_gets_the_identity_of_a_pod_and_in_a_namespace_of_its_own() -> None:
    wrapped = [process for process in _all() if any("in-cluster.sh" in part for part in process.command)]
    assert [process.name for process in wrapped] == ["argocd-application-controller"], "the others use a kubeconfig"
    script = Path(wrapped[0].command[1])
    assert script.is_file(), "it is there"
    assert "unshare --mount" in script.read_text(), "no other process may see its token"


def test_argo_cd_writes_only_into_the_clusters_own_folders() -> None:
    server = next(process for process in _all() if process.name == "argocd-repo-server")
    folders = [
        value
        for key, value in server.environment.items()
        if key == "TMPDIR" or (key.startswith("ARGOCD_") and "/" in value)
    ]
    assert all(value.startswith(("/state/argocd/", "/run/branch-environments/")) for value in folders), (
        "`make down` removes these, and would not find others"
    )
    assert "/cache/helm" in server.environment["PATH"], "charts are rendered with the pinned Helm"


@pytest.mark.parametrize("name", [name for name in NAMES if name != "gateway-api"])
def test_an_addon_has_a_namespace_before_anything_in_it_and_an_identity(name: str) -> None:
    objects: list[Any] = addon_objects.of(name, server_key="key", volumes=STATE / "volumes", authority=b"PEM")
    assert (objects[0]["kind"], objects[0]["metadata"]["name"]) == ("Namespace", name), "the others are in it"
    account = {"kind": "ServiceAccount", "name": addon_objects.service_account(name), "namespace": name}
    bindings = [made for made in objects if made["kind"] == "ClusterRoleBinding"]
    assert [made["subjects"] for made in bindings] == [[account]], "what it does is done as itself"


def test_argo_cd_has_its_default_project_and_a_settings_secret_that_it_recognises() -> None:
    objects: list[Any] = addon_objects.of("argocd", server_key="key", volumes=STATE / "volumes", authority=b"PEM")
    by_kind = {made["kind"]: made for made in objects}
    assert by_kind["AppProject"]["metadata"]["name"] == "default", "an Application without a project means this one"
    secret = by_kind["Secret"]
    assert secret["metadata"]["labels"]["app.kubernetes.io/part-of"] == "argocd", "it looks for this label"
    assert secret["data"] == {"server.secretkey": "a2V5"}, "without a key it reads none of its settings"


def test_a_token_kubeconfig_trusts_the_cluster_and_carries_no_certificate(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("authority")
    config = json.loads(pki.token_kubeconfig(tmp_path, "cert-manager", "a-token"))
    assert config["users"] == [{"name": "cert-manager", "user": {"token": "a-token"}}], "who it is"
    assert config["contexts"][0]["context"]["user"] == "cert-manager", "and the context uses it"


def test_nodes_are_played_only_when_asked_for_and_their_pods_have_addresses_of_their_own() -> None:
    assert "kwok" not in addon_processes.USUAL, "`make addons` gives a cluster whose nodes are real"
    (kwok,) = addon_processes.of("kwok", PROGRAMS, STATE)
    assert f"--manage-nodes-with-label-selector={addon_processes.KWOK_NODES}" in kwok.command, (
        "the real node is not its"
    )
    played = ip_network(network.PLAYED_POD_CIDR, strict=False)
    assert not played.overlaps(ip_network(network.POD_CIDR)), "no real pod has such an address"
    assert ip_address(network.NODE_ADDRESS) not in played, "nor has the node"


def test_volumes_are_folders_that_go_with_the_cluster() -> None:
    objects: list[Any] = addon_objects.of("local-path", server_key="key", volumes=STATE / "volumes", authority=b"PEM")
    by_kind = {made["kind"]: made for made in objects}
    (node,) = json.loads(by_kind["ConfigMap"]["data"]["config.json"])["nodePathMap"]
    assert node["paths"] == ["/state/volumes"], "`make down` removes them"
    annotations = by_kind["StorageClass"]["metadata"]["annotations"]
    assert annotations == {"storageclass.kubernetes.io/is-default-class": "true"}, "a claim that names no class has one"


def test_builds_of_addons_have_folders_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(go, "CACHE", tmp_path)
    folders = {
        go.folder(build)
        for build in (go.CLUSTER, go.CERT_MANAGER, go.ARGOCD, go.KWOK, go.LOCAL_PATH, go.METRICS_SERVER)
    }
    assert len(folders) == 6, "a new pin of one add-on builds nothing else anew"
    assert go.folder(go.HELM) == go.folder(), "Helm shares the cluster's module"
    assert debian.folder(pins.REDIS_PACKAGES) != debian.folder(), "a cluster without Argo CD needs no redis"


@pytest.mark.parametrize("build", [go.CERT_MANAGER, go.ARGOCD])
def test_an_addon_says_the_version_that_its_go_mod_pins(build: go.Build) -> None:
    assert build.files, "its CRDs come with it"
    stamps = go._versions(build.module)
    version = next(value for variable, value in stamps.items() if variable.startswith(build.files.module))
    assert f"{build.files.module} {version}" in (build.module / "go.mod").read_text(), "what it says is what was built"


class _Rpc:
    """The supervisor's answers, and what it was told to do."""

    def __init__(self, *, added: list[str], changed: list[str]) -> None:
        self._answer = [[added, changed, []]]
        self.calls: list[str] = []

    def reloadConfig(self) -> list[list[list[str]]]:  # noqa: N802 # the supervisor's own name
        return self._answer

    def __getattr__(self, method: str) -> Any:
        return lambda name: self.calls.append(f"{method} {name}")


def test_a_new_description_of_one_process_leaves_the_others_running() -> None:
    supervisor = Supervisor()
    rpc = _Rpc(added=["argocd-redis", "other"], changed=["cert-manager", "istio-gateway"])
    supervisor._rpc = rpc
    supervisor.take_over(["argocd-redis", "cert-manager", "argocd-repo-server"])
    assert rpc.calls == [
        "addProcessGroup argocd-redis",
        "stopProcessGroup cert-manager",
        "removeProcessGroup cert-manager",
        "addProcessGroup cert-manager",
    ], "what is as it was, and what was not named, is not touched"


def test_addons_are_not_put_into_a_persons_own_cluster(tmp_path: Path) -> None:
    own = Toolbox(official_pulumi=None, kubeconfig=tmp_path / "config", gateway_port=8080, gateway_https_port=8443)
    with pytest.raises(LocalError, match="in the local cluster only") as refusal:
        addons.start(own, [])
    assert str(tmp_path / "config") in str(refusal.value), "which cluster"


def test_a_machine_without_git_is_told_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalError) as refusal:
        preflight.check_addons(building=False)
    assert "there is no `git`: install it (git)" in str(refusal.value), "Argo CD reads repositories with it"
    assert "`go`" not in str(refusal.value), "nothing is to be built"
