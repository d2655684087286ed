"""Amounts with Kubernetes' units."""

import re
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from components.strict import broken

_QUANTITY = r"^[0-9]+(?:\.[0-9]+)?(?:m|k|M|G|T|Ki|Mi|Gi|Ti)?$"


_SIZE = r"^(?:[0-9]+(?:\.[0-9]+)?(?:k|M|G|T|Ki|Mi|Gi|Ti)|0)$"


def _quantity(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _size(value: object) -> object:
    """Refuse a size without a unit, which would be bytes, and one in `m`, which is thousandths of a byte."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return value
    written = str(value)
    if re.fullmatch(_SIZE, written):
        return written
    if not (found := re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*", written)):
        return written
    number, unit = found.groups()
    meant = {"k": "Ki", "g": "Gi", "t": "Ti"}.get(unit[:1].lower(), "Mi")
    rule = "a size has a unit: Ki, Mi, Gi or Ti (or k, M, G, T for powers of ten)"
    if unit == "m":
        rule += "; m are thousandths of a byte"
    elif not unit:
        rule += f"; {number} alone would be bytes"
    raise broken(rule, f"write {number}{meant}")


Quantity = Annotated[
    str,
    BeforeValidator(_quantity),
    Field(pattern=_QUANTITY),
    WithJsonSchema({"type": ["string", "number"], "pattern": _QUANTITY}),
]


Size = Annotated[
    str,
    BeforeValidator(_size),
    Field(pattern=_SIZE),
    WithJsonSchema({"type": ["string", "integer"], "pattern": _SIZE, "maximum": 0}),
]
