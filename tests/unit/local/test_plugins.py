"""Where Pulumi's Kubernetes provider goes, and which version the provider says that it is."""

import re
from importlib.metadata import version
from pathlib import Path

from local.plugins import install
from local.toolchain import go


def test_the_provider_is_put_where_the_engine_looks(tmp_path: Path) -> None:
    for _ in range(2):
        install(tmp_path)
    (provider,) = (tmp_path / "plugins").glob("resource-kubernetes-v*/*")
    assert provider.is_symlink(), "what was built, under the version that the SDK asks for, and no draft"


def test_the_provider_says_that_it_serves_the_version_of_the_sdk() -> None:
    program = go.PULUMI_KUBERNETES.module / "pulumi-resource-kubernetes" / "main.go"
    stamped = re.search(r'const version = "([^"+]+)\+source\.\d{8}"', program.read_text())
    assert stamped, "the version has a place, and says of what day its source is"
    assert stamped[1] == version("pulumi-kubernetes"), "the engine warns at every command about an older one"
