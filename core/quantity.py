"""Kubernetes quantities, compared."""

from decimal import Decimal

_UNITS = {
    "m": Decimal("0.001"),
    "k": Decimal(10) ** 3,
    "M": Decimal(10) ** 6,
    "G": Decimal(10) ** 9,
    "T": Decimal(10) ** 12,
    "Ki": Decimal(2) ** 10,
    "Mi": Decimal(2) ** 20,
    "Gi": Decimal(2) ** 30,
    "Ti": Decimal(2) ** 40,
}


def parse_quantity(text: str) -> Decimal:
    """Turn `500m` or `64Mi` into a number that can be compared."""
    digits = text.rstrip("mkMGTi")
    return Decimal(digits) * _UNITS.get(text[len(digits) :], Decimal(1))
