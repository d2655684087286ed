"""What a `pulumi up` spends its time on, told by the engine's own trace (OpenTelemetry).

Each moment counts once, for the innermost thing that went on: while the provider starts, say, the program waits for it,
and the provider has the time.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

CLI, ASKED, PACKAGES = "CLI start and end", "which Python is it", "which plugins it needs"
IMPORTS = "Python start and imports"
BASE, PROVIDER, AWAITING = "base stack's outputs", "provider start", "pods until ready"
OPERATIONS, BACKEND, ENGINE = "other objects", "backend", "engine and SDK"
SHARES = (CLI, ASKED, PACKAGES, IMPORTS, BASE, PROVIDER, OPERATIONS, AWAITING, BACKEND, ENGINE)
"""In the order in which they come first."""

# Whose is a moment in which several go on: the first of these.
_INNERMOST = (AWAITING, OPERATIONS, PROVIDER, BASE, BACKEND, ASKED, PACKAGES, IMPORTS)
_NANO = 1e9
_AWAITED = 0.3
"""Seconds: the trace does not tell kinds, and only an object that is awaited takes as long."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """One thing that the engine did, in seconds since the epoch."""

    name: str
    begin: float
    end: float
    attributes: Mapping[str, Any]


def spans(file: Path) -> list[Span]:
    """Read a trace that the CLI wrote: lines of OTLP in JSON."""
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        for resource in json.loads(line).get("resourceSpans", []):
            for scope in resource["scopeSpans"]:
                found += [_span(each) for each in scope["spans"]]
    return sorted(found, key=lambda span: span.begin)


def _span(data: Mapping[str, Any]) -> Span:
    return Span(
        name=data["name"],
        begin=int(data["startTimeUnixNano"]) / _NANO,
        end=int(data["endTimeUnixNano"]) / _NANO,
        attributes={each["key"]: next(iter(each["value"].values()), "") for each in data.get("attributes", [])},
    )


def shares(trace: Sequence[Span], *, began: float | None = None, ended: float | None = None) -> dict[str, float]:
    """Return the seconds of each share.

    Args:
        trace: of one `pulumi up`.
        began: when the process was started, if known: what comes before the first span is the CLI's own start.
        ended: when it had ended.
    """
    root = next(span for span in trace if span.name == "pulumi")
    begin, end = began or root.begin, ended or root.end
    marked = [(share, span.begin, span.end) for span in trace if (share := _share(span, trace))]
    marked += [(share, *interval) for share, interval in _gaps(trace)]
    marked += [(CLI, begin, root.begin), (CLI, root.end, end)]
    moments = sorted({begin, end, *(moment for _, *both in marked for moment in both if begin <= moment <= end)})
    found = dict.fromkeys(SHARES, 0.0)
    for left, right in pairwise(moments):
        running = {share for share, first, last in marked if first <= left and right <= last}
        inner = next((share for share in _INNERMOST if share in running), CLI if CLI in running else ENGINE)
        found[inner] += right - left
    return found


def _share(span: Span, trace: Sequence[Span]) -> str:
    """What a span is counted as; nothing if it only holds others."""
    name = span.name
    if name == "newPlugin":
        if str(span.attributes.get("prefix", "")).startswith("kubernetes"):
            return PROVIDER
        first = next(each for each in trace if each.name == "newPlugin")
        return ASKED if span is first else PACKAGES
    if name == "pulumirpc.LanguageRuntime/About":
        return ASKED
    if name == "pulumirpc.LanguageRuntime/GetRequiredPackages":
        return PACKAGES
    if name.startswith("pulumirpc.ResourceProvider/"):
        method = name.rpartition("/")[2]
        if method in ("Create", "Update") and span.end - span.begin > _AWAITED:
            return AWAITING
        return (
            PROVIDER
            if method in ("Handshake", "GetPluginInfo", "CheckConfig", "DiffConfig", "Configure")
            else OPERATIONS
        )
    if name == "builtinProvider.readStackReference":
        return BASE
    return BACKEND if name.startswith(("gocloud.dev/", "diyBackend.", "stack.", "snapshot")) else ""


def _gaps(trace: Sequence[Span]) -> list[tuple[str, tuple[float, float]]]:
    """What no span is about: the program's own work, until it asks for its first resource.

    The SDK registers the stack itself meanwhile, while it waits for the base stack's outputs.
    """
    began = next((span.begin for span in trace if span.name == "pulumirpc.LanguageRuntime/Run"), None)
    known = next((span.end for span in trace if span.name == "pulumirpc.ResourceMonitor/Invoke"), None)
    if began is None or known is None:
        return []
    asked = (span.begin for span in trace if span.name.endswith("/RegisterResource") and span.begin > known)
    return [(IMPORTS, (began, next(asked, known)))]


def table(found: Mapping[str, float]) -> str:
    """Write shares as a text table."""
    whole = sum(found.values())
    lines = [f"{share:24} {seconds * 1000:7.0f} ms {seconds / whole:5.0%}" for share, seconds in found.items()]
    return "\n".join([*lines, f"{'in all':24} {whole * 1000:7.0f} ms"])
