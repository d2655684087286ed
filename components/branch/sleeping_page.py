"""What the URL of a sleeping environment answers: a page that the gateway itself serves, as no pod runs."""

import shlex
from dataclasses import dataclass
from html import escape
from typing import Any

from components.gateway_page import gateway_page, page_rule
from core.gateway_answers import ASLEEP

_CONTENT = """\
<h1><code>{branch}</code> is asleep</h1>
<p>This environment of {app} still exists, but its pods are switched off{reason}.</p>
<p>To wake it:</p>
<pre><code>{command}</code></pre>
<p>Or push to the branch{link}.</p>
"""


@dataclass(frozen=True, kw_only=True)
class Sleep:
    """An environment's sleep."""

    reason: str = ""
    """Why, as the end of a sentence, e.g. `nobody used it for 2 days`."""
    link: str = ""
    """Where people go on from, e.g. the merge request's URL."""
    waking: bool = False
    """The pods run again, but the page still answers."""


def sleeping_page(*, app: str, branch: str, sleep: Sleep) -> str:
    """Write the page, as HTML. Whatever a branch is called, it is shown and not obeyed."""
    # Reviewers have no command line: the component has a manual job for it.
    link = f', or start the job <code>wake</code> in <a href="{escape(sleep.link)}">GitLab</a>' if sleep.link else ""
    content = _CONTENT.format(
        branch=escape(branch),
        app=escape(app),
        reason=f": {escape(sleep.reason)}" if sleep.reason else "",
        command=escape(f"branchenv wake {shlex.quote(branch)} --app {app}"),
        link=link,
    )
    return gateway_page(title=f"{branch} is asleep", content=content)


def sleeping_rule(page: str) -> dict[str, Any]:
    """Make the one rule of a sleeping environment's VirtualService: the page, for every request."""
    return page_rule(page, status=503, state=ASLEEP)
