"""Environment variables of a container."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator

from components.branch.spec.text import PlainText
from components.strict import Strict, broken

_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"


def _variable_name(name: str) -> str:
    if not re.fullmatch(_VARIABLE, name):
        meant = re.sub(r"^(?=[0-9])|[^A-Za-z0-9_]", "_", name)
        raise broken(
            "a variable's name is letters, digits and _, and begins with no digit", f"call it {meant or 'NAME'}"
        )
    return name


def _variables(value: object) -> object:
    if not isinstance(value, list):
        return value
    named = [each.get("name") if isinstance(each, dict) else str(each).partition("=")[0] for each in value]
    names = [name for name in named if isinstance(name, str) and re.fullmatch(_VARIABLE, name)]
    example = ", ".join(f"{name}: <value>" for name in names) or "LOG_LEVEL: debug"
    raise broken("variables are a mapping of names to values, not a list", f"write env: {{{example}}}")


def _is_mapping(value: object) -> str:
    return "<reference>" if isinstance(value, dict | EnvSource) else "<text>"


EnvName = Annotated[
    str,
    AfterValidator(_variable_name),
    WithJsonSchema({"type": "string", "pattern": f"^{_VARIABLE}$", "examples": ["LOG_LEVEL"]}),
]


class KeyRef(Strict):
    """One key of a Secret or ConfigMap in the app's namespace."""

    name: str = Field(min_length=1, examples=["shop-settings"])
    """Name of the Secret or ConfigMap."""
    key: str = Field(min_length=1, examples=["database-url"])
    """Key inside it."""
    optional: bool = False
    """Start the container even if the object or the key does not exist."""


class EnvSource(Strict):
    """An environment variable taken from a Secret or a ConfigMap."""

    secret_key_ref: KeyRef | None = None
    """Take the value from a Secret."""
    config_map_key_ref: KeyRef | None = None
    """Take the value from a ConfigMap."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.secret_key_ref is None) == (self.config_map_key_ref is None):
            raise broken(
                "a reference names exactly one of secretKeyRef and configMapKeyRef",
                "keep one, e.g. {secretKeyRef: {name: shop-settings, key: database-url}}",
            )
        return self


EnvValue = Annotated[
    Annotated[PlainText, Tag("<text>")] | Annotated[EnvSource, Tag("<reference>")],
    Discriminator(_is_mapping),
]


Variables = Annotated[dict[EnvName, EnvValue], BeforeValidator(_variables)]
