"""Where Pulumi's plugins go, and which version the provider says that it is."""

import re
import subprocess
from importlib.metadata import version
from pathlib import Path

from local.plugins.install import install
from local.toolchain import go


def test_plugins_are_put_where_the_engine_looks(tmp_path: Path) -> None:
    for _ in range(2):
        install(tmp_path / "bin dir", Path("/python with space"), tmp_path / "home")
    host = tmp_path / "bin dir" / "pulumi-language-python"
    assert host.stat().st_mode & 0o111, "the engine runs it"
    assert subprocess.run(["sh", "-n", str(host)], check=False).returncode == 0, "spaces do no harm"
    assert "'/python with space' -P" in host.read_text(), "with the given interpreter"
    assert "PYTHONPATH" not in host.read_text(), "a program must not find this repository's modules by accident"
    (provider,) = (tmp_path / "home" / "plugins").glob("resource-kubernetes-v*/*")
    assert provider.is_symlink(), "what was built, under the version that the SDK asks for, and no draft"


def test_the_provider_says_that_it_serves_the_version_of_the_sdk() -> None:
    program = go.PULUMI_KUBERNETES.module / "pulumi-resource-kubernetes" / "main.go"
    stamped = re.search(r'const version = "([^"+]+)\+source\.\d{8}"', program.read_text())
    assert stamped, "the version has a place, and says of what day its source is"
    assert stamped[1] == version("pulumi-kubernetes"), "the engine warns at every command about an older one"
