"""Durations as people write them: 7d, 12h, 1d12h."""

import re
from datetime import timedelta

PATTERN = r"^(0|(\d+(\.\d+)?[smhdw])+)$"
FIX = "write numbers with units (s, m, h, d or w), e.g. 7d or 1d12h"


def parse(text: str) -> timedelta:
    """Read a duration.

    Args:
        text: as `PATTERN` has it. Units that read in two ways (`mm`, `y`) are left out.

    Raises:
        ValueError: it is none, or longer than the calendar.
    """
    # Imported here: most commands read no duration.
    import durationpy

    if not re.fullmatch(PATTERN, text):
        raise ValueError(f"{text!r} is no duration; {FIX}")
    try:
        found: timedelta = durationpy.from_str(text)
    except durationpy.DurationError as e:
        raise ValueError(f"{text!r} is longer than the calendar; {FIX}") from e
    return found
