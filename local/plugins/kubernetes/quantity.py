"""The normal form of Kubernetes amounts.

The API server keeps `cpu: "0.5"` as `"500m"` and `memory: 1024Mi` as `1Gi`. What a program asks for is brought into the
same form before it is compared, or every update would show a change that is none.
"""

import re
from decimal import Decimal
from typing import Any

_AMOUNT = re.compile(r"^([+-]?(?:\d+\.?\d*|\.\d+))(m|u|n|k|M|G|T|P|E|[KMGTPE]i|[eE][+-]?\d+)?$")
_BINARY = {name: 1024**power for power, name in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)}
_DECIMAL = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    "k": Decimal("1e3"),
    "M": Decimal("1e6"),
    "G": Decimal("1e9"),
    "T": Decimal("1e12"),
    "P": Decimal("1e15"),
    "E": Decimal("1e18"),
}
# Maps of built-in kinds whose values are amounts, and fields that are one.
_MAPS = frozenset({"limits", "requests", "hard", "min", "max", "default", "defaultRequest", "capacity", "overhead"})
_FIELDS = frozenset({"sizeLimit", "averageValue", "divisor"})


def normal_amount(amount: Any) -> Any:
    """The form in which the API server keeps an amount; anything that is not an amount comes back as it is."""
    if isinstance(amount, bool) or not isinstance(amount, str | int | float):
        return amount
    match = _AMOUNT.match(str(amount))
    if match is None:
        return amount
    number, suffix = Decimal(match[1]), match[2] or ""
    if suffix in _BINARY:
        return _binary(number * _BINARY[suffix])
    if suffix[:1] in ("e", "E") and len(suffix) > 1:
        return amount  # exponents keep their form; nobody writes them
    return _with_largest_suffix(number * _DECIMAL[suffix], _DECIMAL)


def _binary(value: Decimal) -> str:
    if value != value.to_integral_value():
        return _with_largest_suffix(value, _DECIMAL)
    if abs(value) < 1024:
        return str(int(value))
    return _with_largest_suffix(value, {"": Decimal(1)} | {k: Decimal(v) for k, v in _BINARY.items()})


def _with_largest_suffix(value: Decimal, suffixes: dict[str, Decimal]) -> str:
    if value == 0:
        return "0"
    for suffix, factor in sorted(suffixes.items(), key=lambda item: item[1], reverse=True):
        scaled = value / factor
        if scaled == scaled.to_integral_value():
            return f"{int(scaled)}{suffix}"
    return f"{int((value / _DECIMAL['n']).to_integral_value())}n"


def with_normal_amounts(value: Any) -> Any:
    """A copy of part of a built-in object in which every amount has its normal form."""
    if isinstance(value, list):
        return [with_normal_amounts(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: {k: normal_amount(v) for k, v in child.items()}
        if key in _MAPS and _all_simple(child)
        else normal_amount(child)
        if key in _FIELDS
        else with_normal_amounts(child)
        for key, child in value.items()
    }


def _all_simple(child: Any) -> bool:
    return isinstance(child, dict) and all(
        isinstance(v, str | int | float) and not isinstance(v, bool) for v in child.values()
    )
