"""The list of environments as one self-contained page: no server, no network, nothing but the file."""

import base64
import hashlib
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from branchenv.inventory.classify import State
from branchenv.inventory.collect import Reach, Survey
from branchenv.inventory.table import ago, price, since, until

_TEMPLATES = Path(__file__).resolve().parent / "templates"


def page(found: Survey, now: datetime) -> str:
    """Make the page.

    Args:
        found: what to show.
        now: moment that ages are told from, until the page's own script takes over.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    style, script = ((_TEMPLATES / name).read_text() for name in ("list.css", "list.js"))
    templates = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    states = [each.state for each in found.environments]
    return templates.get_template("list.html.jinja").render(
        environments=found.environments,
        missing=[each for each in found.sources if each.reach == Reach.MISSING],
        base=found.base.name if found.base else "",
        states=[(state.value, states.count(state)) for state in State if state in states],
        apps=sorted({each.app for each in found.environments}),
        owners=sorted({each.owner for each in found.environments if each.owner}),
        priced=any(each.cost for each in found.environments),
        now=now,
        # The two files of this package are the only text that is not escaped, and the only script that may run.
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        style_hash=_hash(style),
        script_hash=_hash(script),
        since=since,
        ago=ago,
        until=until,
        price=price,
        web=web_address,
    )


def web_address(url: str) -> str:
    """Give a URL that may be a link; empty for anything but http and https, such as `javascript:`."""
    try:
        return url if urlsplit(url).scheme in ("http", "https") else ""
    except ValueError:
        return ""


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
