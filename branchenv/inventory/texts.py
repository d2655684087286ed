"""What is written of an environment, wherever it is shown."""

from datetime import datetime

from branchenv.inventory.classify import Environment
from branchenv.inventory.times import until


def expiry(each: Environment, now: datetime) -> str:
    """Say when an environment ends, e.g. `in 12 days`; `never` only if its stack was seen, and names no end."""
    if each.expires:
        return until(each.expires, now)
    return "never" if each.stack else "unknown"


def price(each: Environment) -> str:
    """Write what an environment costs a day; a dash where that is not known."""
    return f"{each.cost.per_day:.2f} {each.cost.currency}" if each.cost else "-"
