"""Code that can be read from any place: one meaning per name, and no function that is longer than a screen."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import TypeVar

from tests.readme import ROOT

ROOMS = ("benchmarks", "branchenv", "ci", "components", "core", "local", "stacks")
LONGEST = 60
_Node = TypeVar("_Node", bound=ast.AST)


@cache
def _parsed() -> dict[str, ast.Module]:
    files = [file for room in ROOMS for file in sorted((ROOT / room).rglob("*.py"))]
    return {str(file.relative_to(ROOT)): ast.parse(file.read_text(encoding="utf-8")) for file in files}


def _all(kind: type[_Node]) -> Iterator[tuple[str, _Node]]:
    """Yield whatever is of this kind, with its file."""
    for file, module in _parsed().items():
        yield from ((file, node) for node in ast.walk(module) if isinstance(node, kind))


def test_no_two_classes_are_called_alike() -> None:
    files: dict[str, list[str]] = defaultdict(list)
    for file, node in _all(ast.ClassDef):
        files[node.name].append(file)
    assert len(files) > 100, "the classes were found"
    twice = {name: each for name, each in files.items() if len(each) > 1}
    assert not twice, "rename one by what it is: a reader of either takes it for the other"


def test_no_function_is_longer_than_a_screen() -> None:
    lines = {
        f"{file}: {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for file, node in _all(ast.FunctionDef)
    }
    long = {function: many for function, many in lines.items() if many > LONGEST}
    assert not long, f"a part of it has a name of its own; {LONGEST} lines are enough"
