"""What is there already is used; the demo never lands on a cluster that nobody named."""

from pathlib import Path

import pytest

from local import plugins
from local.errors import LocalError
from local.paths import ADMIN_KUBECONFIG
from local.toolbox import choose


def _program(folder: Path, name: str, script: str = "exit 0") -> None:
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_an_installed_official_pulumi_is_used(tmp_path: Path) -> None:
    for name in ("pulumi", "pulumi-language-python"):
        _program(tmp_path, name)
    toolbox = choose({"PATH": str(tmp_path)})
    assert toolbox.official_pulumi == tmp_path / "pulumi", "the official CLI is there, with its language host"
    environment = toolbox.environment()
    assert environment["PATH"].startswith(str(tmp_path)), "it comes first on the PATH"
    assert "PULUMI_HOME" not in environment, "its own plugins and log-in stay in force"
    assert "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION" not in environment, "it may fetch its plugins"


def test_a_pulumi_without_its_language_host_is_not_enough(tmp_path: Path) -> None:
    _program(tmp_path, "pulumi")
    assert choose({"PATH": str(tmp_path)}).official_pulumi is None, "it could not run a Python program"


def test_our_own_pulumi_on_the_path_is_not_taken_for_the_official_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pulumi", "pulumi-language-python"):
        _program(tmp_path / "build", name)
    monkeypatch.setattr("local.toolbox.CACHE", tmp_path)
    found = choose({"PATH": str(tmp_path / "build")})
    assert found.official_pulumi is None, "a shell that evaluated `make env` has ours there, of whatever checkout"


def test_without_pulumi_ours_is_built_and_finds_only_its_own_plugins(tmp_path: Path) -> None:
    chosen = choose({"PATH": str(tmp_path)})
    assert chosen.official_pulumi is None, "there is none on that PATH"
    assert chosen.environment()["PULUMI_HOME"] == str(plugins.home()), "a provider of our own building"


def test_a_cluster_is_used_only_if_kubeconfig_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text("apiVersion: v1\nkind: Config\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    toolbox = choose({"PATH": "", "HOME": str(tmp_path)})
    assert not toolbox.own_cluster, "~/.kube/config may point at production: nobody asked for it"


def test_a_cluster_with_istio_is_used(tmp_path: Path) -> None:
    _program(tmp_path, "kubectl")
    toolbox = choose({"PATH": str(tmp_path), "KUBECONFIG": "/elsewhere/config"})
    assert toolbox.own_cluster, "KUBECONFIG names it and it has Istio's CRDs"
    assert toolbox.environment()["KUBECONFIG"] == "/elsewhere/config", "Pulumi talks to that cluster"


def test_a_cluster_without_istio_is_refused_with_both_ways_out(tmp_path: Path) -> None:
    _program(tmp_path, "kubectl", 'echo "Error from server (NotFound): not found" >&2; exit 1')
    with pytest.raises(LocalError) as refusal:
        choose({"PATH": str(tmp_path), "KUBECONFIG": "/elsewhere/config"})
    assert "no Istio" in str(refusal.value), "the rule"
    assert "unset KUBECONFIG" in str(refusal.value), "the other way out"


def test_a_cluster_that_does_not_know_the_person_is_not_said_to_have_no_istio(tmp_path: Path) -> None:
    _program(tmp_path, "kubectl", 'echo "error: You must be logged in to the server (Unauthorized)" >&2; exit 1')
    with pytest.raises(LocalError, match="not to these credentials") as refusal:
        choose({"PATH": str(tmp_path), "KUBECONFIG": "/elsewhere/config"})
    assert "kubectl auth whoami" in str(refusal.value), "the way to see it"


def test_our_own_kubeconfig_is_not_taken_for_a_cluster_of_the_person() -> None:
    toolbox = choose({"PATH": "", "KUBECONFIG": str(ADMIN_KUBECONFIG)})
    assert not toolbox.own_cluster, "a shell that evaluated `make env` still means the local cluster"


@pytest.mark.parametrize("port", ["80", "70000", "http", ""])
def test_a_port_that_cannot_be_used_is_refused(port: str) -> None:
    with pytest.raises(LocalError, match="1024 to 65535"):
        choose({"PATH": "", "GATEWAY_PORT": port})


def test_a_backend_that_the_person_chose_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://states")
    assert "PULUMI_BACKEND_URL" not in choose({"PATH": ""}).environment(), "it is inherited, not replaced"


def test_the_gateway_has_a_port_for_http_and_one_for_https() -> None:
    assert choose({"PATH": ""}).ports == {"GATEWAY_PORT": 8080, "GATEWAY_HTTPS_PORT": 8443}, "unless told otherwise"
    chosen = choose({"PATH": "", "GATEWAY_HTTPS_PORT": "18443"})
    assert chosen.ports["GATEWAY_HTTPS_PORT"] == 18443, "where that port is taken"
    with pytest.raises(LocalError, match="GATEWAY_HTTPS_PORT=443: must be a port from 1024"):
        choose({"PATH": "", "GATEWAY_HTTPS_PORT": "443"})
    with pytest.raises(LocalError, match="are both 9000"):
        choose({"PATH": "", "GATEWAY_PORT": "9000", "GATEWAY_HTTPS_PORT": "9000"})
