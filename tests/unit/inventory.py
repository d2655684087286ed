"""What each example makes, written down: `python -m tests.unit.inventory` writes it again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.unit.recording import PROJECT, ROOT, Recorder, run_program

FOLDER = Path(__file__).with_name("inventories")
COMMAND = "python -m tests.unit.inventory"
_EXAMPLES = "examples/shop"
BASES = sorted((ROOT / "examples/base").glob("*.yaml"))
BOOTSTRAPS = sorted((ROOT / "examples/bootstrap").glob("*.yaml"))


# What an example's first lines tell a person to set.
_SECRETS: Mapping[str, Mapping[str, Any]] = {
    "eks-access": {"loginCredentials": {"shop": {"clientSecret": "of the example"}}},
}


@dataclass(frozen=True)
class Example:
    """A stack and its config."""

    stack: str
    config: Mapping[str, Any]
    file: str = ""
    """Where the config is written, for a base stack."""
    base: str = ""
    """Example that a branch's base stack is, where it is not `base-local` as tests have it."""


def examples() -> dict[str, Example]:
    """Return every example by the name of its inventory."""
    return {
        **{
            f"base-{path.stem}": Example(f"base-{path.stem}", base_config(path), f"examples/base/{path.name}")
            for path in BASES
        },
        **{
            f"bootstrap-{path.stem}": Example(
                f"bootstrap-{path.stem}", base_config(path), f"examples/bootstrap/{path.name}"
            )
            for path in BOOTSTRAPS
        },
        "environment": Example("shop.feature-x", {"environment": f"{_EXAMPLES}/environment.yaml"}),
        "several-workloads": Example("shop.123-fix", {"environment": f"{_EXAMPLES}/several-workloads.yaml"}),
        "weights": Example(
            "shop.feature-login-df7c7aeb",
            {"branch": "feature/login", "environment": f"{_EXAMPLES}/weights.yaml"},
        ),
        "jobs": Example("shop.feature-x", {"environment": f"{_EXAMPLES}/jobs.yaml"}),
        "chart": Example(
            "shop.feature-x",
            {"environment": f"{_EXAMPLES}/chart.yaml", "image": "shop.local/shop:2.0"},
        ),
        "own-namespace": Example("shop.123-fix", {"image": "shop.local/shop:1.0"}, base="base-local-own-namespaces"),
        "own-account": Example("shop.123-fix", {"image": "shop.local/shop:1.0"}, base="base-local-own-accounts"),
        **{
            f"own-{base}": Example("shop.feature-x", {"image": "shop.local/shop:1.0"}, base=f"base-{base}-per-branch")
            for base in ("eks-irsa", "eks-pod-identity", "gke")
        },
    }


def base_config(path: Path) -> dict[str, Any]:
    """Read a base stack's config, by bare key."""
    config = yaml.safe_load(path.read_text(encoding="utf-8"))["config"]
    bare = {key.removeprefix(f"{PROJECT}:"): value for key, value in config.items()}
    return {**bare, **_SECRETS.get(path.stem, {})}


def inventory(recorder: Recorder) -> dict[str, Any]:
    """Return what was made and exported, in an order that does not depend on timing."""
    made = {f"{each.type} {each.name}": each.inputs for each in recorder.made}
    protected = sorted(f"{each.type} {each.name}" for each in recorder.made if each.custom and each.protect)
    return {
        "resources": dict(sorted(made.items())),
        "outputs": dict(sorted(recorder.exports.items())),
        **({"protected": protected} if protected else {}),
    }


def run_example(example: Example, *, preview: bool = False) -> Recorder:
    """Run one example on mocks, on what its base stack publishes."""
    recorder = None
    config = example.config
    if example.base:
        exports = run_example(examples()[example.base]).exports
        recorder = Recorder(contracts={example.base: exports})
        config = {**config, "base": example.base}
    return run_program(example.stack, config, recorder, preview=preview)


def made_by(example: Example) -> dict[str, Any]:
    """Return what one example makes."""
    return inventory(run_example(example))


def differences(expected: Any, found: Any, at: str = "") -> list[str]:
    """Say where the inventory is not what was found. Found may hold more inside a resource, never fewer or others."""
    if isinstance(expected, dict) and isinstance(found, dict):
        missing = [f"{at}.{key}: missing" for key in expected if key not in found]
        return missing + [
            each
            for key in expected
            if key in found
            for each in differences(expected[key], found[key], f"{at}.{key}" if at else key)
        ]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        return [
            each
            for index, pair in enumerate(zip(expected, found, strict=True))
            for each in differences(*pair, f"{at}[{index}]")
        ]
    return [] if expected == found else [f"{at}: {found!r} instead of {expected!r}"]


def read(name: str) -> dict[str, Any]:
    """Read one inventory."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    # For those who read the file: which config made it.
    found.pop("config", None)
    return found


def write() -> None:
    """Write every inventory again."""
    FOLDER.mkdir(exist_ok=True)
    for name, example in examples().items():
        made = {"config": example.file, **made_by(example)} if example.file else made_by(example)
        text = json.dumps(made, indent=1, sort_keys=True, ensure_ascii=False)
        (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
