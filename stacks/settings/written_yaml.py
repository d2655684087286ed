"""Reads YAML as people mean it: as version 1.2 has it, with numbers that remember how they were written.

PyYAML reads version 1.1, in which `NO` is false, `0123` is 83 and `22:22` is 1342. What only that version changes stays
the text that it is here, and so is known as such. A key that stands twice is a mistake: of two, the first would be lost
without a word.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import yaml

from components.branch.spec.written import Ambiguous, WrittenFloat, WrittenInt


class RepeatedKeysError(yaml.YAMLError):
    """Keys stand twice in one mapping."""

    def __init__(self, repeated: Sequence[tuple[str, int, int]]) -> None:
        super().__init__(f"keys stand twice: {', '.join(key for key, _, _ in repeated)}")
        self.repeated = tuple(repeated)
        """Each key, with the lines where it stands first and again."""


_INT, _FLOAT, _AMBIGUOUS = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "!ambiguous"
_MERGE = "tag:yaml.org,2002:merge"
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+|0o[0-7]+")
# All that version 1.1 reads as a truth value, a number or a moment, and version 1.2 as text, or as another number.
_OLD = re.compile(
    r"yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF"
    r"|[-+]?0[0-9_]+|[-+]?0b[01_]+|[-+]?[0-9][0-9_]*_[0-9_]*(?:\.[0-9_]*)?"
    r"|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:.*)?"
)
_POINT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
    r"|[-+]?\.inf|\.nan"
)


class _Loader(yaml.SafeLoader):
    """Resolves plain scalars as the core schema of version 1.2."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - as in the class above

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.repeated: list[tuple[str, int, int]] = []

    def get_single_data(self) -> object:
        found: object = super().get_single_data()
        if self.repeated:
            raise RepeatedKeysError(self.repeated)
        return found

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:  # noqa: ANN401 - PyYAML's own
        # Not when it is constructed: by then, merged keys stand beside those that replace them.
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                if key.value in lines:
                    self.repeated.append((key.value, lines[key.value], line))
                lines.setdefault(key.value, line)
        return node


def load(text: str) -> Any:  # noqa: ANN401 - whatever is written
    """Read one document.

    Raises:
        yaml.YAMLError: it is none; `RepeatedKeysError` where keys stand twice.
    """
    return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader


def _constructor(made: Callable[[str], object]) -> Callable[[yaml.SafeLoader, yaml.ScalarNode], object]:
    return lambda loader, node: made(str(loader.construct_scalar(node)))


# The first that matches is taken.
for _tag, _pattern in (
    ("tag:yaml.org,2002:null", re.compile(r"~|null|Null|NULL|")),
    ("tag:yaml.org,2002:bool", re.compile(r"true|True|TRUE|false|False|FALSE")),
    (_AMBIGUOUS, _OLD),
    (_INT, _WHOLE),
    (_FLOAT, _POINT),
    (_MERGE, re.compile(r"<<")),
):
    _Loader.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern.pattern})\Z"), None)
for _tag, _made in ((_INT, WrittenInt), (_FLOAT, WrittenFloat), (_AMBIGUOUS, Ambiguous)):
    _Loader.add_constructor(_tag, _constructor(_made))
