"""Pages that the gateway answers itself, without a pod: their frame, and the rule of a VirtualService."""

from html import escape
from typing import Any

from core.gateway_answers import STATE_HEADER

# Envoy asks nobody for it: no image, no font, no program from elsewhere.
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta http-equiv="refresh" content="15">
<title>{title}</title>
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
{content}
<p><small>This page looks again every 15 seconds, and gives way to the app once that is up.</small></p>
</main>
</body>
</html>
"""


def gateway_page(*, title: str, content: str) -> str:
    """Write a page.

    Args:
        title: as text.
        content: as HTML, in which whatever others have named is escaped.
    """
    return _PAGE.format(title=escape(title), content=content.strip())


def page_rule(page: str, *, status: int, state: str) -> dict[str, Any]:
    """Make the rule of a VirtualService that answers a page to every request.

    Not to be kept, so that nobody sees it once the app is up.

    Args:
        page: as HTML.
        status: by which programs do not take it for the app.
        state: of the environment, for programs that must tell it from an answer of the app.
    """
    return {
        "directResponse": {"status": status, "body": {"string": page}},
        "headers": {
            "response": {
                "set": {
                    "content-type": "text/html; charset=utf-8",
                    "cache-control": "no-store",
                    STATE_HEADER: state,
                }
            }
        },
    }
