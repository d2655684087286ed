"""Where the plugins go, where the provider looks for a cluster, and what components hold."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.plugins.install import install
from local.plugins.kubernetes import components
from local.plugins.kubernetes.settings import Settings, SettingsError
from local.plugins.kubernetes.yaml_file import YamlError, objects

REPOSITORY = Path(__file__).resolve().parents[3]


def _kubeconfig(**more: Any) -> str:
    config = {
        "clusters": [
            {"name": "c", "cluster": {"server": "https://one"}},
            {"name": "d", "cluster": {"server": "https://two"}},
        ],
        "users": [{"name": "u", "user": {}}],
        "contexts": [
            {"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "shop"}},
            {"name": "d", "context": {"cluster": "d", "user": "u"}},
        ],
        "current-context": "c",
        **more,
    }
    return json.dumps(config)


def test_launchers_are_written_where_the_engine_looks(tmp_path: Path) -> None:
    install(tmp_path / "bin dir", Path("/python with space"), tmp_path / "home")
    host = tmp_path / "bin dir" / "pulumi-language-python"
    (provider,) = (tmp_path / "home" / "plugins").glob("resource-kubernetes-v*/pulumi-resource-kubernetes")
    for launcher in (host, provider):
        assert launcher.stat().st_mode & 0o111, "the engine runs it"
        assert subprocess.run(["sh", "-n", str(launcher)], check=False).returncode == 0, "spaces do no harm"
        assert "'/python with space' -P" in launcher.read_text(), "with the given interpreter"
        assert not list(launcher.parent.glob(".*")), "no draft is left"
    assert "PYTHONPATH" not in host.read_text(), "a program must not find this repository's modules by accident"


def test_starting_the_provider_imports_neither_the_sdk_nor_the_client() -> None:
    code = (
        "import sys, local.plugins.kubernetes.__main__\n"
        "print([m for m in ('pulumi.output', 'lightkube', 'httpx2', 'yaml') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]", "each would be waited for by every preview and update"


def test_the_sdk_can_be_had_after_all() -> None:
    code = (
        "from local.plugins.kubernetes.protocol import provider_pb2, whole_sdk\n"
        "sdk = whole_sdk()\n"
        "import pulumi, pulumi.provider.server\n"
        "from pulumi.runtime.proto import provider_pb2 as other\n"
        "print(sdk is pulumi, sdk.CustomResource.__name__, other is provider_pb2)"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["True", "CustomResource", "True"], "whole, and with the same protocol"


def test_a_kubeconfig_may_be_a_path_or_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config"
    file.write_text(_kubeconfig())
    monkeypatch.delenv("KUBECONFIG", raising=False)
    for given in (str(file), _kubeconfig()):
        found = Settings.of({"kubeconfig": given}).connection()
        assert found.cluster.server == "https://one", "its current context counts"
        assert found.namespace == "shop", "with its namespace"
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'missing'}:{file}")
    assert Settings.of({}).connection().cluster.server == "https://one", "the environment's first file that exists"


def test_context_and_cluster_can_be_chosen() -> None:
    settings = Settings.of({"kubeconfig": _kubeconfig(), "context": "d"})
    assert settings.connection().cluster.server == "https://two", "the context's cluster"
    settings = Settings.of({"kubeconfig": _kubeconfig(), "cluster": "d"})
    assert settings.connection().cluster.server == "https://two", "or another one for the same context"


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"kubeconfig": "/no/such"}, "/no/such cannot be read"),
        ({"kubeconfig": _kubeconfig(), "context": "x"}, "context 'x'.*its contexts: c, d"),
        ({"kubeconfig": "{not yaml"}, "is not a kubeconfig"),
        ({"kubeconfig": "{}"}, "is not a kubeconfig"),
        ({"kubeconfig": _kubeconfig(**{"current-context": "gone"})}, "context 'gone'"),
    ],
)
def test_a_kubeconfig_that_leads_nowhere_is_a_clear_error(inputs: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Settings.of(inputs).connection()


def test_inputs_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_K8S_UPSERT_EXISTING_OBJECTS", "true")
    assert Settings.of({}).upsert, "the environment fills in"
    assert not Settings.of({"upsertExistingObjects": "false"}).upsert, "what is given wins"
    assert Settings.of({"enableServerSideApply": "false", "clusterIdentifier": "x"}).upsert, "others are accepted"


def test_yaml_is_read_as_kubernetes_reads_it() -> None:
    text = (
        "apiVersion: core/v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {day: 2020-01-01, time: 1:30}\n---\n---\n"
        "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: b}}\n"
    )
    first, second = objects(text, "here")
    assert first["data"]["day"] == "2020-01-01", "a date is text"
    assert first["data"]["time"] == "1:30", "and so is a time"
    assert first["apiVersion"] == "v1", "core is the group without a name"
    assert second["kind"] == "Secret", "lists are taken apart, empty documents left out"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "here: not YAML"),
        ("a: 1", "no apiVersion or no kind"),
        ("apiVersion: v1\nkind: Pod", "no metadata.name"),
        ("- 1", "no apiVersion"),
    ],
)
def test_yaml_that_holds_no_objects_is_refused(text: str, message: str) -> None:
    with pytest.raises(YamlError, match=message):
        objects(text, "here")


def test_children_of_a_component_are_named_and_ordered() -> None:
    thing = {"apiVersion": "e.com/v1", "kind": "Thing", "metadata": {"name": "t", "namespace": "n"}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.e.com"},
        "spec": {"group": "e.com", "names": {"kind": "Thing"}},
    }
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}
    ordered = components.in_order([thing, definition, namespace])
    assert [o["kind"] for o in ordered] == ["Namespace", "CustomResourceDefinition", "Thing"], (
        "what others need is first"
    )
    assert components.needed_first(thing, ordered) == [0, 1], "its namespace and its definition"
    assert components.needed_first(namespace, ordered) == [], "a namespace needs nothing"
    assert components.child_name(thing, "web") == "web:n/t", "as the official provider names them"
    assert components.child_name(namespace, "") == "n", "without a prefix there is none"
    assert components.token(namespace) == "kubernetes:core/v1:Namespace", "core is spelled out in types"
