"""Suggestions for a name that does not exist."""

from collections.abc import Iterable
from difflib import get_close_matches

_AT_MOST = 3
_ALIKE = 0.7
"""Of 1: two letters in the wrong order of four are alike, two branches that begin with `feature/` are not."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Name what is spelt almost alike, as a question.

    Args:
        word: what was given.
        known: names that there are.

    Returns:
        E.g. `did you mean shop?`; empty where nothing is alike.
    """
    alike = get_close_matches(word, sorted(set(known) - {word}), n=_AT_MOST, cutoff=_ALIKE)
    return f"did you mean {' or '.join(alike)}?" if alike else ""
