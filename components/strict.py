"""The base of all settings models: frozen, camelCase outside, snake_case inside, no unknown keys."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError


class Strict(BaseModel):
    """Settings that a person writes: a misspelt key is a mistake, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, use_attribute_docstrings=True)


def broken(rule: str, fix: str, *, at: str = "") -> PydanticCustomError:
    """Report a rule that no type expresses, with the way out of it.

    Args:
        rule: what must hold.
        fix: how to make it hold.
        at: for a rule of a whole model, the key that the person should look at.
    """
    # Braces would be read as placeholders of the message template.
    return PydanticCustomError("rule", "{rule}", {"rule": rule, "fix": fix, "at": at})
