"""The note on the merge request: pure text. Whatever a branch or a commit is called, it is shown and not obeyed."""

import re
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime

_EXPIRES = re.compile(r"^\| Expires \|.*$", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")
_MINUTE = 60


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the note tells."""

    app: str
    slug: str
    branch: str
    url: str
    answered: str
    """What the URL answered."""
    up: bool
    commit: str = ""
    title: str = ""
    """Of the commit."""
    pipeline: str = ""
    """Its URL."""
    since_push: float | None = None
    """Seconds from the push to the answer."""
    since_job: float | None = None
    """Seconds from the job's start to the answer."""
    expires: datetime | None = None


def marker(app: str, slug: str) -> str:
    """Give the comment, seen by nobody, by which an environment's note is found again."""
    return f"<!-- branchenv:{app}.{slug} -->"


def write(facts: Facts) -> str:
    """Write the note, as GitLab's Markdown."""
    took = _took(facts)
    head = f"answers {code(facts.answered)}" if facts.up else f"does not answer as it should: {code(facts.answered)}"
    commit = " ".join(code(part) for part in (facts.commit[:8], facts.title) if part)
    branch, app = shlex.quote(facts.branch), facts.app
    rows = [
        ("Branch", code(facts.branch)),
        ("Commit", commit),
        ("Pipeline", f"<{facts.pipeline}>" if facts.pipeline else ""),
        ("Took", took),
        ("Expires", _expiry(facts.expires)),
        ("Extend", code(f"branchenv extend --app {app} --by 3d -- {branch}") if facts.expires else ""),
        ("Stop", f"close the merge request, or {code(f'branchenv down --app {app} -- {branch}')}"),
    ]
    # A bar would end the cell, in code as well; with a backslash it stands for itself.
    lines = [f"| {name} | {value.replace('|', chr(92) + '|')} |" for name, value in rows if value]
    return "\n".join([marker(facts.app, facts.slug), f"**<{facts.url}>** {head}", "", "| | |", "|---|---|", *lines, ""])


def removed(app: str, slug: str, branch: str, why: str) -> str:
    """Write the note of an environment that is no more."""
    return f"{marker(app, slug)}\nThe environment of {code(branch)} is removed: {why}.\n"


def with_expiry(body: str, expires: datetime) -> str:
    """Give a note with another expiry; a note that names none stays as it is."""
    return _EXPIRES.sub(f"| Expires | {_expiry(expires)} |", body, count=1)


def code(text: str) -> str:
    """Show text as it is: neither Markdown nor HTML in it counts, and nobody is mentioned."""
    plain = _CONTROL.sub(" ", text)
    fence = "`" * (max((len(run) for run in re.findall(r"`+", plain)), default=0) + 1)
    pad = " " if plain.startswith(("`", " ")) or plain.endswith(("`", " ")) else ""
    return f"{fence}{pad}{plain}{pad}{fence}"


def _took(facts: Facts) -> str:
    told = []
    if facts.since_push is not None:
        told.append(f"{_seconds(facts.since_push)} from push to URL")
    if facts.since_job is not None:
        told.append(f"{_seconds(facts.since_job)} of these in the job" if told else f"{_seconds(facts.since_job)}")
    return ", ".join(told)


def _expiry(expires: datetime | None) -> str:
    return f"{expires.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if expires else ""


def _seconds(value: float) -> str:
    if value < _MINUTE:
        return f"{value:.0f} s"
    return f"{int(value) // _MINUTE} min {int(value) % _MINUTE:02d} s"
