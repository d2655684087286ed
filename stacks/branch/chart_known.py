"""Which values a chart knows: those of its values.yaml, of its schema, and those that the environment file gives."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stacks.settings.errors import Problem, SettingsError


@dataclass(frozen=True, kw_only=True)
class KnownValues:
    """Which values a chart takes."""

    values: Mapping[str, Any]
    """The chart's own, with the environment file's over them."""
    schema: Mapping[str, Any]
    """values.schema.json; empty if there is none."""
    dependencies: frozenset[str]
    """Names of the charts in it, below each of which its values stand."""
    missing: tuple[str, ...] = ()
    """Names of charts that it depends on, and that are not there."""

    def has(self, path: str) -> bool:
        """Tell whether something reads the value at a dotted path, as far as can be known.

        What a packed chart in the chart reads is not looked at: it counts as known.
        """
        keys = path.split(".")
        return _in(self.values, keys) or _in_schema(self.schema, keys) or keys[0] in self.dependencies

    def at(self, path: str) -> object:
        """Return the value at a dotted path; None if there is none."""
        found: object = self.values
        for key in path.split("."):
            found = found.get(key) if isinstance(found, Mapping) else None
        return found


def known_values(folder: Path, given: Mapping[str, Any], stack: str) -> KnownValues:
    """Read what a chart's files say of its values.

    Args:
        folder: that holds Chart.yaml.
        given: values of the environment file.
        stack: for the message.

    Raises:
        SettingsError: a file is not readable as what it should be.
    """
    about, older = _read(folder / "Chart.yaml", stack), _read(folder / "requirements.yaml", stack)
    declared = [each for each in about.get("dependencies") or older.get("dependencies") or [] if each.get("name")]
    names = [each.get("alias") or each["name"] for each in declared]
    there = [each.name for each in (folder / "charts").glob("*")]
    packed = [each.name for each in (folder / "charts").glob("*") if each.is_dir()]
    missing = [str(each["name"]) for each in declared if not any(_is_of(name, str(each["name"])) for name in there)]
    return KnownValues(
        values=_over(_read(folder / "values.yaml", stack), given),
        schema=_read(folder / "values.schema.json", stack),
        dependencies=frozenset(str(name) for name in [*names, *packed] if name),
        missing=tuple(sorted(missing)),
    )


def _is_of(entry: str, name: str) -> bool:
    """Whether a file or folder of `charts` is the chart of a name: `redis`, or packed with its version."""
    return entry == name or bool(re.fullmatch(rf"{re.escape(name)}-v?[0-9].*\.tgz", entry))


def _over(own: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Put values over a chart's own, mapping by mapping, as Helm does."""
    both = {
        key: _over(own[key], value)
        for key, value in given.items()
        if isinstance(value, Mapping) and isinstance(own.get(key), Mapping)
    }
    return {**own, **given, **both}


def _read(file: Path, stack: str) -> dict[str, Any]:
    # Imported here: most stacks have no chart.
    import yaml

    try:
        text = file.read_text(encoding="utf-8")
        found = json.loads(text) if file.suffix == ".json" else yaml.safe_load(text)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, yaml.YAMLError) as e:
        problem = Problem(
            field=str(file),
            value=" ".join(str(e).split()),
            rule="a chart's files can be read",
            fix="correct the line that is named; `helm lint` says the same",
        )
        raise SettingsError(stack, [problem]) from e
    return found if isinstance(found, dict) else {}


def _in(values: object, keys: list[str]) -> bool:
    if not keys:
        return True
    return isinstance(values, Mapping) and keys[0] in values and _in(values[keys[0]], keys[1:])


def _in_schema(schema: object, keys: list[str]) -> bool:
    if not keys:
        return True
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    return isinstance(properties, Mapping) and keys[0] in properties and _in_schema(properties[keys[0]], keys[1:])
