"""Files that are made from the models, or must agree with them, do."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from stacks.config import NO_BRANCH, NOT_GIVEN, is_structured
from stacks.schema import COMMAND, FOLDER, schemas
from stacks.settings.base import BaseSettings
from stacks.settings.bootstrap import BootstrapConfig
from stacks.settings.branch import BranchSettings
from stacks.settings.environment_file import load
from tests.unit.inventory import BASES, base_config
from tests.unit.recording import ROOT, run_program

EXAMPLES = sorted((ROOT / "examples/shop").glob("*.yaml"))
PROJECT_FILE: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", sorted(schemas()))
def test_a_published_schema_is_what_the_model_says(name: str) -> None:
    published = (FOLDER / name).read_text(encoding="utf-8")
    assert published == schemas()[name], f"schemas/{name} is stale; run: {COMMAND}"


@pytest.mark.parametrize("name", sorted(schemas()))
def test_a_published_schema_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(schemas()[name]))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_fits_the_model_and_the_schema(path: Path) -> None:
    load(path, "shop.x")
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    jsonschema.validate(data, json.loads(schemas()["environment.schema.json"]))
    assert path.read_text(encoding="utf-8").startswith("# yaml-language-server: $schema="), "editors complete it"


@pytest.mark.parametrize("path", BASES, ids=lambda path: path.name)
def test_an_example_base_config_fits_the_schema(path: Path) -> None:
    jsonschema.validate(base_config(path), json.loads(schemas()["base.schema.json"]))


@pytest.mark.parametrize("path", BASES, ids=lambda path: path.name)
def test_what_a_base_stack_exports_fits_the_contracts_schema(path: Path) -> None:
    outputs = run_program(f"base-{path.stem}", base_config(path)).exports
    jsonschema.validate(outputs, json.loads(schemas()["contract.schema.json"]))


def test_every_setting_is_described() -> None:
    for name, text in schemas().items():
        schema = json.loads(text)
        for owner in [schema, *schema["$defs"].values()]:
            for key, field in owner["properties"].items():
                assert field.get("description"), f"{name}: {owner['title']}.{key} has no description for editors"


def test_pulumi_yaml_declares_what_the_models_read() -> None:
    models = (BaseSettings, BranchSettings, BootstrapConfig)
    keys = {field.alias or name: (model, field) for model in models for name, field in model.model_fields.items()}
    declared = {key: entry for key, entry in PROJECT_FILE["config"].items() if ":" not in key}
    assert declared.keys() == keys.keys(), "a key that is not declared is not typed, and the other way round is dead"
    for key, (model, field) in keys.items():
        entry = declared[key]
        kind = {BaseSettings: "Base stack. ", BranchSettings: "Branch stack. "}.get(model, "Bootstrap stack. ")
        assert entry["description"].startswith(kind), f"{key}: people must see which stack it is for"
        assert (entry["type"] in {"array", "object"}) == is_structured(model, key), f"{key}: type"
        text = entry["default"] if isinstance(entry["default"], str) else json.dumps(entry["default"])
        same = text == str(field.default) or text in NOT_GIVEN | {NO_BRANCH}
        assert same, f"{key}: the default in Pulumi.yaml ({text}) is not the model's ({field.default})"
        assert "default" in entry, f"{key}: Pulumi demands a key without default of every stack"


def test_an_update_takes_over_what_a_killed_one_left_behind() -> None:
    entry = PROJECT_FILE["config"]["kubernetes:upsertExistingObjects"]
    assert entry == {"value": True}, "without it the next `up` fails on objects that the state does not know"


def test_what_a_config_map_or_a_secret_holds_is_changed_in_place() -> None:
    for key in ("enableConfigMapMutable", "enableSecretMutable"):
        entry = PROJECT_FILE["config"][f"kubernetes:{key}"]
        assert entry == {"value": True}, f"without {key} it is deleted first, and a login's secret is protected"


def modules_after(stack: str, config: dict[str, Any], base: dict[str, Any] | None = None) -> set[str]:
    """Return all that running a stack imports.

    Args:
        stack: its name.
        config: of the stack.
        base: what the base stack that its config names has published.
    """
    contracts = {config["base"]: base} if base else {}
    code = (
        "import sys, json; sys.path.insert(0, '.');"
        "from tests.unit.recording import Recorder, run_program;"
        f"run_program({stack!r}, {config!r}, Recorder(contracts={contracts!r}) if {bool(base)} else None);"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.strip().splitlines()[-1]))


def test_a_branch_stack_imports_only_what_it_needs() -> None:
    modules = modules_after("shop.x", {"image": "a:1"})
    unwanted = [
        name
        for name in sorted(modules)
        if name.startswith(("pulumi_aws", "pulumi_gcp", "pulumi_kubernetes.helm.", "pulumi_kubernetes.yaml."))
        or name in {"stacks.base.stack", "components.ingress.gateway", "jsonschema"}
    ]
    assert not unwanted, "every import is time that somebody waits for a URL"


@pytest.mark.parametrize(
    ("example", "unwanted"),
    [
        ("local-tls", ("pulumi_aws", "pulumi_gcp", "pulumi_kubernetes.helm.")),
        ("eks-irsa", ("pulumi_gcp", "pulumi_kubernetes.helm.")),
        ("gke-direct", ("pulumi_aws", "pulumi_kubernetes.helm.")),
    ],
)
def test_a_base_stack_imports_its_own_cloud_alone(example: str, unwanted: tuple[str, ...]) -> None:
    modules = modules_after(f"base-{example}", base_config(ROOT / f"examples/base/{example}.yaml"))
    found = [name for name in sorted(modules) if name.startswith(unwanted)]
    assert not found, "a cloud's SDK is seconds and hundreds of megabytes that another cloud's cluster has no use for"


def imports_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("components", ("stacks", "local", "pulumi.runtime.config")),
        ("branchenv", ("stacks", "components", "local", "pulumi_kubernetes")),
        ("core", ("stacks", "components", "local", "pulumi", "pulumi_kubernetes", "pydantic")),
        ("stacks", ("local",)),
    ],
)
def test_data_flows_one_way(folder: str, forbidden: tuple[str, ...]) -> None:
    for path in sorted((ROOT / folder).glob("*.py")):
        wrong = [name for name in sorted(imports_of(path)) if name.split(".")[0] in forbidden or name in forbidden]
        assert not wrong, f"{path.name} must not know {wrong}"
        if folder == "components":
            assert "pulumi.Config(" not in path.read_text(encoding="utf-8"), f"{path.name} must not read config"
