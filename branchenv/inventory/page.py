"""The list of environments as one self-contained page: no server, no network, nothing but the file."""

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from branchenv.inventory.classify import Environment as Shown
from branchenv.inventory.states import State
from branchenv.inventory.texts import expiry, price
from branchenv.inventory.times import ago, since
from branchenv.inventory.world import World

_TEMPLATES = Path(__file__).resolve().parent / "templates"


def page(shown: Sequence[Shown], world: World, now: datetime) -> str:
    """Make the page.

    Args:
        shown: the environments.
        world: what the sources answered.
        now: moment that ages are counted from, until the page's own script takes over.
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
    states = [each.state for each in shown]
    return templates.get_template("list.html.jinja").render(
        environments=shown,
        missing=world.unreliable,
        base=world.base.name if world.base else "",
        states=[(state.value, states.count(state)) for state in State if state in states],
        apps=sorted({each.app for each in shown}),
        owners=sorted({each.owner for each in shown if each.owner}),
        priced=any(each.cost for each in shown),
        now=now,
        # The two files of this package are the only text that is not escaped, and the only script that may run.
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        style_hash=_hash(style),
        script_hash=_hash(script),
        since=since,
        ago=ago,
        expiry=expiry,
        price=price,
        web=web_address,
    )


def web_address(url: str) -> str:
    """Return a URL that may be a link; empty for anything but http and https, such as `javascript:`."""
    try:
        return url if urlsplit(url).scheme in ("http", "https") else ""
    except ValueError:
        return ""


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
