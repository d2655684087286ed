"""cert-manager in pods of the local cluster: what a base stack says of it, and in which order all is made."""

import json

import pytest

from local import cert_manager
from local.toolchain import go
from stacks.settings.errors import SettingsError
from tests.unit.recording import run_program

CONFIG = {
    "platform": "local",
    "apps": [{"name": "shop", "domain": "shop.localhost"}],
    "gateway": {"port": 8080, "httpsPort": 8443},
    "ingress": {"tls": True},
}


def test_what_the_command_prints_is_what_a_base_stack_takes() -> None:
    config = {**CONFIG, "addons": json.loads(json.dumps(cert_manager.addons()))}
    made = {each.name: each for each in run_program("base-x", config).made}
    release = made["addons-cert-manager"]
    assert release.inputs["chart"].endswith("/charts/cert-manager"), "from the folder"
    assert release.inputs["values"]["crds"] == {"enabled": True, "keep": True}, "beside the program's own values"
    for part in ("webhook", "cainjector", "startupapicheck"):
        assert release.inputs["values"][part]["image"]["repository"] == f"cert-manager.local/{part}", "none is pulled"
    assert any(urn.endswith("::addons-cert-manager") for urn in made["ca-root"].depends_on), (
        "an issuer is made once its webhook answers, and deleted while there is somebody to let go of it"
    )


def test_without_its_folder_of_charts_it_is_refused_there() -> None:
    with pytest.raises(SettingsError, match=r"addons\.cert-manager\.repository[^$]*python -m local cert-manager"):
        run_program("base-x", {**CONFIG, "addons": {"cert-manager": {}}})


def test_the_process_beside_the_cluster_is_built_without_what_only_pods_need() -> None:
    assert go.folder(go.CERT_MANAGER) != go.folder(go.CERT_MANAGER_PODS), "most who want certificates want no pods"
