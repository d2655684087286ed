"""One meaning per word: a class's name tells which of them is meant, in whatever file it is read."""

import ast
from collections import defaultdict

from tests.readme import ROOT

ROOMS = ("benchmarks", "branchenv", "ci", "components", "core", "local", "stacks")


def _classes() -> dict[str, list[str]]:
    """Return the files that define each class of this project's own."""
    found: dict[str, list[str]] = defaultdict(list)
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    found[node.name].append(str(file.relative_to(ROOT)))
    return found


def test_no_two_classes_are_called_alike() -> None:
    classes = _classes()
    assert len(classes) > 100, "the classes were found"
    twice = {name: files for name, files in classes.items() if len(files) > 1}
    assert not twice, "rename one by what it is: a reader of either takes it for the other"
