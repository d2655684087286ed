"""Values that remember how a person wrote them in a file.

Where a value is text in the end, as a variable's is, the text is what was written: `1.10` stays `1.10`.
"""

from typing import Self


class Ambiguous(str):
    """Text that stands without quotes, and that readers of YAML 1.1 take for a truth value, a number or a moment."""

    __slots__ = ()


class WrittenInt(int):
    """A whole number, and how it was written."""

    written: str

    def __new__(cls, text: str) -> Self:
        """Read it, of whatever base."""
        value = super().__new__(cls, text, 0)
        value.written = text
        return value


class WrittenFloat(float):
    """A number with a point or an exponent, and how it was written."""

    written: str

    def __new__(cls, text: str) -> Self:
        """Read it. YAML puts a point before `inf` and `nan`."""
        value = super().__new__(cls, text.replace(".inf", "inf").replace(".nan", "nan"))
        value.written = text
        return value
