"""Reads the README (and docs/base-stack.md), and writes what of it is made from the code: `python -m tests.readme`.

A block is introduced by a comment: `<!-- run -->` for commands that a test pastes into a shell, `<!-- prints -->` for
what the commands above it print, a path for a block that is that file.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from branchenv.note.facts import Facts, NoteState
from branchenv.note.text import MANUAL_JOBS, write
from components.addons import PINS
from components.strict import Strict
from stacks.schema import schemas
from stacks.settings.base import BaseSettings
from stacks.settings.branch import BranchSettings

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
BASE_STACK = ROOT / "docs/base-stack.md"
COMMAND = "python -m tests.readme"
RUN, PRINTS = "run", "prints"

_BLOCK = re.compile(r"(?:<!-- (?P<mark>\S+) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_ELLIPSIS = "..."
# How a key goes on below a list, and below a mapping by name.
_WITHIN: dict[object, str] = {tuple: "[]", dict: ".<name>"}
# Keys whose parts are those of another key, and stand in the table there.
_AS_ANOTHER = frozenset({"apps[].access", "apps[].lifecycle"})
_SECONDS = re.compile(r"\(\d+(?:\.\d+)?m?s\)")
_DEFAULT = re.compile(r" Default: (.+?)\.(?= |$)")


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    mark: str
    """What the comment before it says, or nothing."""
    language: str
    text: str


def blocks(text: str) -> list[Block]:
    """Return all fenced blocks of a Markdown text, in order."""
    return [Block(found["mark"] or "", found["language"], found["text"]) for found in _BLOCK.finditer(text)]


def first_missing(promised: str, output: str) -> str | None:
    """Return the first promised line that is not printed in its place.

    A line of dots alone stands for any lines, dots within a line for any text; times are not compared.
    """
    lines = [line.rstrip() for line in output.splitlines()]
    gap = True
    for promise in promised.splitlines():
        if promise == _ELLIPSIS:
            gap = True
            continue
        pattern = ".*".join(re.escape(_SECONDS.sub("(s)", part)) for part in promise.rstrip().split(_ELLIPSIS))
        fits = [bool(re.fullmatch(pattern, _SECONDS.sub("(s)", line))) for line in lines]
        at = fits.index(True) if True in fits else len(lines)
        if at == len(lines) or (at > 0 and not gap):
            return promise
        lines, gap = lines[at + 1 :], False
    return None


def with_made_parts(text: str) -> str:
    """Return a document's text with its tables of settings and its examples as the code has them now."""
    for name, made in _PARTS.items():
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        if begin in text:
            head, _, rest = text.partition(begin)
            _, _, tail = rest.partition(end)
            text = f"{head}{begin}{made()}{end}{tail}"
    return _BLOCK.sub(_with_file, text)


def charts_table() -> str:
    """Return a Markdown table of the charts that the add-ons are made of."""
    rows = [f"| `{name}` | `{pin.chart}` | {pin.version} | {pin.repository} |" for name, pin in sorted(PINS.items())]
    return "\n".join(["| release | chart | version | repository |", "|---|---|---|---|", *rows]) + "\n"


def note() -> str:
    """Return the note on a merge request, quoted, without what GitLab folds away or does not show."""
    project = "https://gitlab.example.com/acme/shop"
    facts = Facts(
        app="shop",
        slug="feature-login",
        branch="feature-login",
        state=NoteState.UP,
        url="https://feature-login.shop.example.com",
        answered="200",
        commit="6f1c2a9e",
        title="Remember me",
        images={"web": "registry.example.com/shop:6f1c2a9e"},
        before={"web": "registry.example.com/shop:0b7d41f3"},
        pipeline=f"{project}/-/pipelines/512",
        pipeline_id=512,
        job=f"{project}/-/jobs/2048",
        job_name="deploy",
        page=f"{project}/-/environments/7",
        jobs="",
        job_urls={name: f"{project}/-/jobs/{2049 + number}" for number, name in enumerate(MANUAL_JOBS)},
        since_push=41.0,
        since_job=3.0,
        expires=datetime(2026, 12, 4, 12, tzinfo=UTC),
    )
    shown = re.sub(r"<!--.*?-->\n?|<details>.*?</details>\n*", "", write(facts), flags=re.DOTALL).strip()
    return "".join(f"> {line}".rstrip() + "\n" for line in shown.splitlines())


def contract_table() -> str:
    """Return a Markdown table of what a base stack publishes for its branches."""
    schema = json.loads(schemas()["contract.schema.json"])
    rows = _promises(schema, schema["$defs"])
    return "\n".join(["| key | what it is |", "|---|---|", *(f"| `{key}` | {text} |" for key, text in rows)]) + "\n"


def _promises(schema: Mapping[str, Any], models: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, field in schema["properties"].items():
        key = f"{prefix}{name}"
        yield key, field["description"].replace("<", "&lt;")
        # Of the field itself, of one of its alternatives, of a list's or a mapping's values.
        inner = [field, *field.get("anyOf", ()), field.get("items", {}), field.get("additionalProperties", {})]
        for each in inner:
            if isinstance(each, dict) and "$ref" in each:
                model = models[each["$ref"].rpartition("/")[2]]
                yield from _promises(model, models, f"{key}.<app>." if key == "apps" else f"{key}.")


def settings_table(model: type[Strict]) -> str:
    """Return a Markdown table of all keys of a model, nested ones by their path."""
    rows = [f"| `{key}` | {default} | {meaning} |" for key, default, meaning in _rows(model)]
    return "\n".join(["| key | default | what it is |", "|---|---|---|", *rows]) + "\n"


def _rows(model: type[Strict], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    for name, field in model.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        text = " ".join((field.description or "").split())
        stated = _DEFAULT.search(text)
        inner = _nested(field)
        default = "see below" if inner and not field.is_required() else stated[1] if stated else _default(field)
        yield key, default.replace("|", "\\|"), _DEFAULT.sub("", text).replace("<", "&lt;").replace("|", "\\|")
        if inner and key not in _AS_ANOTHER:
            yield from _rows(inner, f"{key}{_WITHIN.get(get_origin(field.annotation), '')}.")


def _nested(field: FieldInfo) -> type[Strict] | None:
    candidates = (field.annotation, *get_args(field.annotation))
    return next((each for each in candidates if isinstance(each, type) and issubclass(each, Strict)), None)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    return f"`{field.default}`" if field.default not in (None, "", (), {}) else "none"


def _with_file(found: re.Match[str]) -> str:
    mark = found["mark"] or ""
    if "/" not in mark:
        return found[0]
    content = (ROOT / mark).read_text(encoding="utf-8")
    return f"<!-- {mark} -->\n```{found['language']}\n{content}```"


_PARTS: dict[str, Callable[[], str]] = {
    "note": note,
    "branch": lambda: settings_table(BranchSettings),
    "base": lambda: settings_table(BaseSettings),
    "charts": charts_table,
    "contract": contract_table,
}


if __name__ == "__main__":
    for document in (README, BASE_STACK):
        document.write_text(with_made_parts(document.read_text(encoding="utf-8")), encoding="utf-8")
