"""Istio in pods of the local cluster: of the cluster's own version, and what a base stack says of it."""

import json
import re
from pathlib import Path

import pytest

from local import istio
from local.cluster import files, lifecycle
from local.cluster.processes import Programs
from local.errors import LocalError
from local.images import istio as istio_images
from local.toolchain import go
from stacks.base.checks.between_keys import mistakes
from stacks.settings.base import BaseSettings
from stacks.settings.errors import SettingsError
from tests.unit.recording import run_program


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    """Programs, as far as the images ask for them."""
    envoy = tmp_path / "envoy"
    envoy.write_text("envoy")
    return Programs(go=tmp_path, debian=tmp_path, envoy=envoy, istio=tmp_path)


def test_the_cni_plugin_and_the_charts_are_of_the_version_of_istiod() -> None:
    versions = {
        folder: re.findall(r"^\tistio\.io/istio (\S+)", (folder / "go.mod").read_text(), re.MULTILINE)
        for folder in (go.CLUSTER.module, go.ISTIO_CNI.module)
    }
    (first, second) = versions.values()
    assert first == second != [], "charts of one version with programs of another are nothing that Istio tests"


def test_another_envoy_gives_images_of_another_name(programs: Programs) -> None:
    before = istio_images.tag(programs)
    programs.envoy.write_text("another envoy")
    assert istio_images.tag(programs) != before, "a node that has an image of this name would keep the old one"


def local(programs: Programs, **more: object) -> dict[str, object]:
    """Write the config of a base stack on the local cluster."""
    apps = [{"name": "shop", "domain": "shop.localhost", "istioRevision": istio.REVISION}]
    return {"platform": "local", "apps": apps, "dataPlane": "sidecar", "addons": istio.addons(programs), **more}


def test_what_the_command_prints_is_what_a_base_stack_takes(programs: Programs) -> None:
    config = json.loads(json.dumps(local(programs)))
    made = {each.name: each.inputs for each in run_program("base-x", config).of_type(":Release")}
    for name, chart in (("istio-base", "base"), ("istio-cni", "cni"), ("istiod", "istiod")):
        assert made[f"addons-{name}"]["chart"].endswith(f"/charts/{chart}"), "from the folder"
    images = made["addons-istio-cni"]["values"]["global"]
    assert images == {"hub": "istio.local", "tag": istio_images.tag(programs)}, "none is pulled"
    assert made["addons-istiod"]["values"]["pilot"]["cni"] == {"enabled": True}, "beside the program's own values"


def test_without_its_folder_of_charts_it_is_refused_there(programs: Programs) -> None:
    with pytest.raises(SettingsError, match=r"addons\.istio\.repository[^$]*python -m local istio"):
        run_program("base-x", local(programs, addons={"istio": {}}))


def test_values_of_a_release_that_there_is_not_are_refused(programs: Programs) -> None:
    settings = BaseSettings.model_validate(
        local(programs, addons={"istio": {"repository": "/x", "releaseValues": {"cni": {}}}})
    )
    (found,) = mistakes(settings)
    assert found.field == "addons.istio.releaseValues", "where it stands"
    assert "istio-base, istio-cni, istio-ingressgateway" in found.rule, "and what would do"


def test_ambient_mode_is_refused_rather_than_half_there(programs: Programs) -> None:
    with pytest.raises(SettingsError, match=r"dataPlane[^$]*ambient"):
        run_program("base-x", local(programs, dataPlane="ambient"))


def test_a_node_that_looks_for_plugins_elsewhere_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "CLUSTER", tmp_path)
    with pytest.raises(LocalError, match="make down"):
        lifecycle.check_takes_cni_plugins()
    files.cni_plugins(tmp_path).mkdir()
    lifecycle.check_takes_cni_plugins()
    assert f'bin_dir = "{files.cni_plugins(tmp_path)}"' in files.containerd(tmp_path, tmp_path), "the folder it means"
