"""Text as a person writes it in YAML, where it may look like a number or a truth value."""

from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from components.branch.spec.written import WrittenFloat, WrittenInt
from components.strict import broken


def _plain_text(value: object) -> object:
    """Take a YAML number or truth value as the text it was surely meant to be."""
    if value is None:
        raise broken("there is no value", 'write <key>: "" for an empty one, or take it out')
    if isinstance(value, list):
        raise broken("this is one text, not a list", 'write the items as the app splits them, e.g. <key>: "a,b"')
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, WrittenInt | WrittenFloat):
        return value.written
    if isinstance(value, float):
        raise broken("a number with a dot is read as a float, and 1.10 becomes 1.1", f'put it in quotes: "{value}"')
    return str(value) if isinstance(value, int) else value


PlainText = Annotated[
    str,
    BeforeValidator(_plain_text),
    WithJsonSchema({"type": ["string", "number", "boolean"]}),
]
