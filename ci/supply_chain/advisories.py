"""Known vulnerabilities of the pinned requirements, asked of OSV by pip-audit.

Only an answer can fail the check. Where OSV is out of reach, one line says so and why, and the check passes: what it is
for is then done on a machine that reaches it.
"""

import datetime as dt
import hashlib
import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
FILES = (
    "requirements.txt",
    "requirements-dev.txt",
    "local/requirements.txt",
    "ci/image/requirements.txt",
    "ci/image/requirements-aws.txt",
    "ci/image/requirements-gcp.txt",
    "ci/image/sbom-requirements.txt",
    "benchmarks/requirements.txt",
)
"""Every file of pins."""
OSV = "https://api.osv.dev/v1/query"
"""https://google.github.io/osv.dev/post-v1-query/; pip-audit's variable PIP_AUDIT_OSV_URL names another."""
IGNORED = ROOT / "ci" / "supply_chain" / "ignored.toml"

_CONNECT_SECONDS = 2.0
_ANSWER_SECONDS = "10"
_GOOD_FOR = dt.timedelta(days=1)
_KNOWN = {"package": {"name": "pip", "ecosystem": "PyPI"}, "version": "26.0"}


@dataclass(frozen=True, kw_only=True)
class Ignored:
    """An advisory that is passed over for a while."""

    id: str
    reason: str
    until: dt.date


def check(files: Sequence[Path] = (), *, ignored: Path = IGNORED) -> int:
    """Print what is known; 1 if anything is, and is not passed over.

    Args:
        files: requirement files with hashes; none means all of this project's.
        ignored: list of advisories to pass over.
    """
    files = files or [ROOT / name for name in FILES]
    url = os.environ.get("PIP_AUDIT_OSV_URL", OSV)
    passed_over = still_ignored(ignored, dt.datetime.now(tz=dt.UTC).date())
    # A pass is good for a day: a hundred and more requests tell nothing new to whoever commits a minute later.
    stamp = _stamp(url, files, passed_over)
    if stamp.exists() and time.time() - stamp.stat().st_mtime < _GOOD_FOR.total_seconds():
        print("advisories: none when last asked, less than a day ago")
        return 0
    if reason := _unreachable(url):
        print(f"advisories: not asked, as {url} {reason}")
        return 0
    report = _audit(url, files, passed_over)
    if report is None:
        return 1
    found = [line for package in report["dependencies"] for line in _lines(package)]
    if found:
        print("advisories: these pinned packages have known vulnerabilities:", *found, sep="\n  ")
        print(
            "  fix: raise the pin in the .in file and run `make lock`; where the flaw does not reach us, say why in",
            f"  {IGNORED.relative_to(ROOT)}",
            sep="\n",
        )
        return 1
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.touch()
    print(f"advisories: none for {len(report['dependencies'])} pinned packages", *map(_line, passed_over), sep="\n  ")
    return 0


def still_ignored(file: Path, today: dt.date) -> list[Ignored]:
    """Read the advisories to pass over today. One whose date has come counts again."""
    listed = [Ignored(**entry) for entry in tomllib.loads(file.read_text()).get("advisory", [])]
    return [each for each in listed if today < each.until]


def _line(ignored: Ignored) -> str:
    return f"passed over until {ignored.until}: {ignored.id}: {ignored.reason}"


def _stamp(url: str, files: Sequence[Path], passed_over: list[Ignored]) -> Path:
    digest = hashlib.sha256(f"{url} {passed_over}".encode())
    for file in files:
        digest.update(file.read_bytes())
    return ROOT / ".venv" / "advisories" / digest.hexdigest()[:12]


def _unreachable(url: str) -> str:
    """Why OSV cannot be asked, found out by one question; nothing if it can."""
    try:
        answer = httpx.post(url, json=_KNOWN, timeout=_CONNECT_SECONDS)
    except httpx.HTTPError as e:
        return f"does not answer: {e or type(e).__name__}"
    return "" if answer.status_code == httpx.codes.OK else f"answers {answer.status_code}"


def _audit(url: str, files: Sequence[Path], passed_over: list[Ignored]) -> dict[str, Any] | None:
    """What pip-audit reports, or nothing if it failed, which is then printed."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip_audit", "--format=json", "--progress-spinner=off"),
            *("--vulnerability-service=osv", f"--osv-url={url}", f"--timeout={_ANSWER_SECONDS}"),
            # The files are complete and hashed: nothing is resolved, downloaded or installed.
            *("--require-hashes", "--disable-pip", "--strict"),
            *(part for file in files for part in ("--requirement", str(file))),
            *(part for each in passed_over for part in ("--ignore-vuln", each.id)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        last = done.stderr.strip().rpartition("\n")[2]
        print(f"advisories: pip-audit failed: {last}\n  fix: run it again; `python -m pip_audit --help`")
        return None
    return report


def _lines(package: dict[str, Any]) -> list[str]:
    return [
        f"{package['name']} {package['version']}: {', '.join(sorted([each['id'], *each['aliases']]))}, "
        f"fixed in {', '.join(each['fix_versions']) or 'no version yet'}: {each['description'][:200]}"
        for each in package["vulns"]
    ]
