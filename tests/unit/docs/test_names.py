"""Files and keys that documents and docstrings name exist."""

import json
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import PurePosixPath
from typing import Any

import pytest

from tests.readme import ROOT

_CODE = re.compile(r"`([^`\n]+)`")
# A file by its name, or a folder of this repository below which something is named.
_FILE = re.compile(r"[\w*-][\w.*-]*(?:/[\w.*-]+)*/?")
_KEY = re.compile(r"(?<![\w/.-])(?>[a-z][A-Za-z]*(?:\[[^\]]*\])?(?:\.<?[A-Za-z-]+>?(?:\[[^\]]*\])?)+)(?![\w/(])")
_FILES_END = (".json", ".md", ".py", ".tar", ".yaml", ".yml")
_INDEX = re.compile(r"\[[^\]]*\]")
_ANY = "*"

# What looks like a file or a key of ours, and is another's.
OF_OTHERS = {
    "ingress.enabled": "a value of the chart that `helm create` makes",
    "cluster.local": "the domain of cluster DNS",
    "pods.eks.amazonaws.com": "the principal of EKS Pod Identity",
}


@cache
def _files() -> frozenset[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return frozenset(line for line in listed.splitlines() if (ROOT / line).exists())


def _texts(*endings: str) -> list[str]:
    # A changelog names what was, too.
    return sorted(each for each in _files() if each.endswith(endings) and each != "CHANGELOG.md")


@cache
def _places() -> frozenset[str]:
    """All files and folders, and the ends of their paths by which a text may call them."""
    whole = {str(path) for file in _files() for path in (PurePosixPath(file), *PurePosixPath(file).parents)}
    return frozenset("/".join(parts[at:]) for parts in (each.split("/") for each in whole) for at in range(len(parts)))


def _named_files(text: str) -> Iterator[str]:
    roots = {each.split("/")[0] for each in _files() if "/" in each}
    for mentioned in _CODE.findall(text):
        name = mentioned.partition("::")[0].rstrip("/")
        if _FILE.fullmatch(name) and (name.endswith(".py") or ("/" in name and name.split("/")[0] in roots)):
            yield name


def _is_there(name: str) -> bool:
    return name in _places() or ("*" in name and any(PurePosixPath(each).match(name) for each in _places()))


@cache
def _keys() -> frozenset[tuple[str, ...]]:
    """All paths of keys in the published schemas, and their ends; `*` stands for a name that people choose."""
    found: set[tuple[str, ...]] = set()
    for file in sorted((ROOT / "schemas").glob("*.json")):
        schema = json.loads(file.read_text())
        found |= set(_paths(schema, schema, ()))
    return frozenset(path[at:] for path in found for at in range(len(path)))


def _paths(schema: dict[str, Any], node: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    for way in ("anyOf", "oneOf", "allOf"):
        for each in node.get(way, []):
            yield from _paths(schema, each, path)
    named = dict(node.get("properties", {}))
    if isinstance(others := node.get("additionalProperties"), dict):
        named[_ANY] = others
    for name, each in [*named.items(), *((_ANY, each) for each in node.get("patternProperties", {}).values())]:
        yield (*path, name)
        yield from _paths(schema, each, (*path, name))
    if isinstance(items := node.get("items"), dict):
        yield from _paths(schema, items, path)


def _is_key(name: str) -> bool:
    mentioned = _INDEX.sub("", name).split(".")
    return any(
        len(path) == len(mentioned) and all(one in (other, _ANY) for one, other in zip(path, mentioned, strict=True))
        for path in _keys()
    )


def _named_keys(text: str) -> Iterator[str]:
    """Yield what begins as a key that has others within it."""
    begin = {path[0] for path in _keys() if len(path) > 1}
    for mentioned in _KEY.findall(text):
        if _INDEX.sub("", mentioned).split(".")[0] in begin and not mentioned.endswith(_FILES_END):
            yield mentioned


@pytest.mark.parametrize("file", _texts(".md", ".py"))
def test_files_that_are_named_are_there(file: str) -> None:
    named = set(_named_files((ROOT / file).read_text(encoding="utf-8"))) - OF_OTHERS.keys()
    lost = sorted(name for name in named if not _is_there(name))
    assert not lost, "nobody finds what was moved or removed"


@pytest.mark.parametrize("file", _texts(".md", "ci/templates/branch-environment.yml"))
def test_keys_that_are_named_are_in_a_schema(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    mentioned = " ".join(_CODE.findall(text)) if file.endswith(".md") else text
    lost = sorted(name for name in set(_named_keys(mentioned)) - OF_OTHERS.keys() if not _is_key(name))
    assert not lost, "a reader sets what is refused"


def test_every_line_of_what_can_be_an_environment_is_a_test() -> None:
    text = (ROOT / "docs/environments.md").read_text(encoding="utf-8").partition("## What cannot")[0]
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("| ")][1:]
    named = [test for row in rows for test in re.findall(r"`(test_\w+\.py)`", row[-1])]
    assert len(named) == len(rows), "what nobody has run is not promised"
    lost = [name for name in named if not (ROOT / "tests/cluster" / name).exists()]
    assert not lost, "the test has moved"
