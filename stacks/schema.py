"""Writes the published JSON Schemas: `python -m stacks.schema`.

Editors complete and check environment files and base configs with them; the program itself uses the same models.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from core.contract import Base
from stacks.settings.base import BaseSettings
from stacks.settings.bootstrap import BootstrapConfig
from stacks.settings.environment_file import EnvironmentFile

FOLDER = Path(__file__).resolve().parents[1] / "schemas"
COMMAND = "python -m stacks.schema"

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_MODELS: dict[str, type[BaseModel | Base]] = {
    "environment.schema.json": EnvironmentFile,
    "base.schema.json": BaseSettings,
    "bootstrap.schema.json": BootstrapConfig,
    "contract.schema.json": Base,
}


class _Short(GenerateJsonSchema):
    """Without a title per field, which only repeats its name."""

    schema_dialect = _DRAFT

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401, ARG002 - pydantic's own signature
        return False


def schemas() -> dict[str, str]:
    """Return the text of every schema by file name."""
    return {name: _text(model) for name, model in _MODELS.items()}


def write() -> None:
    """Write every schema to its place."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in schemas().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


def _text(model: type[BaseModel | Base]) -> str:
    # Of what people write, that it is taken; of the contract, what it is written as.
    made: JsonSchemaValue = TypeAdapter(model).json_schema(
        by_alias=True, schema_generator=_Short, mode="serialization" if model is Base else "validation"
    )
    return json.dumps({"$schema": _DRAFT, **_on_one_line(made)}, indent=2, ensure_ascii=False) + "\n"


def _on_one_line(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Undo the line breaks that descriptions have only because Python files do."""
    if isinstance(value, dict):
        return {
            key: " ".join(each.split()) if key == "description" and isinstance(each, str) else _on_one_line(each)
            for key, each in value.items()
        }
    return [_on_one_line(each) for each in value] if isinstance(value, list) else value


if __name__ == "__main__":
    write()
