"""What the URL of a sleeping environment answers: a page that the gateway itself serves, as no pod runs."""

import shlex
from dataclasses import dataclass
from html import escape
from typing import Any

# Envoy asks nobody for it: no script, no image, no font from elsewhere.
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta http-equiv="refresh" content="15">
<title>{branch} is asleep</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; font: 1rem/1.6 system-ui, sans-serif; }}
main {{ max-width: 34rem; padding: 2rem; overflow-wrap: anywhere; }}
h1 {{ font-size: 1.6rem; line-height: 1.3; margin: 0 0 1rem; }}
code {{ font: 0.95em ui-monospace, monospace; }}
pre {{ margin: 0.5rem 0 1rem; padding: 0.75rem 1rem; border: 1px solid #8886; border-radius: 0.5rem; overflow-x: auto;
  white-space: pre-wrap; }}
small {{ opacity: 0.75; }}
</style>
</head>
<body>
<main>
<h1><code>{branch}</code> is asleep</h1>
<p>This environment of {app} still exists, but its pods are switched off{reason}.</p>
<p>To wake it:</p>
<pre><code>{command}</code></pre>
<p>Or push to the branch{link}.</p>
<p><small>This page looks again every 15 seconds, and gives way to the app once that is up.</small></p>
</main>
</body>
</html>
"""
STATE_HEADER = "x-branch-environment"
ASLEEP = "asleep"
"""Value of that header: programs tell this answer from a 503 of the app."""


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
    return _PAGE.format(
        branch=escape(branch),
        app=escape(app),
        reason=f": {escape(sleep.reason)}" if sleep.reason else "",
        command=escape(f"branchenv wake {shlex.quote(branch)} --app {app}"),
        link=link,
    )


def sleeping_rule(page: str) -> dict[str, Any]:
    """Make the one rule of a sleeping environment's VirtualService: the page, for every request.

    503, so that no program takes it for the app; not to be kept, so that nobody sees it once the app is up.
    """
    return {
        "directResponse": {"status": 503, "body": {"string": page}},
        "headers": {
            "response": {
                "set": {
                    "content-type": "text/html; charset=utf-8",
                    "cache-control": "no-store",
                    STATE_HEADER: ASLEEP,
                }
            }
        },
    }
