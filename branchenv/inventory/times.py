"""Moments as people read them: the same words in the table, on the page and, by templates/list.js, in its script."""

from datetime import datetime, timedelta

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_BRIEF = "under a minute"


def span(duration: timedelta) -> str:
    """Write how long something takes, e.g. `12 days`: minutes below an hour, hours below two days, then days.

    Rounded, so that seven days are still seven a second later.
    """
    seconds = abs(duration.total_seconds())
    minutes, hours, days = (int(seconds / unit + 0.5) for unit in (_MINUTE, _HOUR, _DAY))
    if minutes < 1:
        return _BRIEF
    if minutes < _HOUR // _MINUTE:
        return _counted(minutes, "minute")
    return _counted(hours, "hour") if hours < 2 * _DAY // _HOUR else _counted(days, "day")


def since(moment: datetime | None, now: datetime) -> str:
    """Write the time since, e.g. `3 days`."""
    return span(now - moment) if moment else "-"


def ago(moment: datetime | None, now: datetime) -> str:
    """Say how long ago, e.g. `3 days ago`."""
    if moment is None:
        return "-"
    age = span(now - moment)
    return "just now" if age == _BRIEF else f"{age} ago"


def until(moment: datetime, now: datetime) -> str:
    """Say when something ends, e.g. `in 3 days`, or has ended."""
    return f"in {span(moment - now)}" if moment > now else ago(moment, now)


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
