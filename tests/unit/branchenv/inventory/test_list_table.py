"""What `branchenv list` shows in terminals of several widths: state and URL are never cut."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.text import Text

from branchenv.inventory.classify import Cost, Environment
from branchenv.inventory.states import State
from branchenv.inventory.table import Column, fit, show
from branchenv.inventory.texts import expiry
from branchenv.model.records import StackRecord
from tests.unit.states import write_states

REPOSITORY = Path(__file__).resolve().parents[4]
NOW = datetime(2026, 11, 24, tzinfo=UTC)
_CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def in_terminal(backend: Path, width: int) -> list[str]:
    """Run `branchenv list` in a terminal of this width, and give the lines that it shows, without colours."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    env = {"PATH": os.environ["PATH"], "HOME": str(backend), "KUBECONFIG": str(backend / "none"), "TERM": "xterm"}
    process = subprocess.Popen(
        [sys.executable, "-m", "branchenv", "list"],
        cwd=REPOSITORY,
        env={**env, "PULUMI_BACKEND_URL": f"file://{backend}"},
        stdin=follower,
        stdout=follower,
        stderr=subprocess.DEVNULL,
    )
    os.close(follower)
    written = b""
    while True:
        try:
            read = os.read(leader, 65536)
        except OSError:  # as Linux ends it
            break
        if not read:
            break
        written += read
    os.close(leader)
    assert process.wait() == 0, "the list is there"
    return _CONTROL.sub("", written.decode()).replace("\r", "").splitlines()


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (80, ["branch", "state", "URL", "expires", "MR"]),
        (100, ["branch", "state", "URL", "expires", "owner", "MR"]),
        (140, ["branch", "state", "URL", "expires", "owner", "MR", "age", "updated"]),
    ],
)
def test_a_real_terminal_shows_state_and_url_whole(tmp_path: Path, width: int, titles: list[str]) -> None:
    write_states(tmp_path, 12)
    head, *rows = in_terminal(tmp_path, width)
    assert re.split(r" {2,}", head.strip())[: len(titles)] == titles, "the most important columns are there"
    assert len(rows) == 12, "a row each"
    for number, row in enumerate(sorted(rows, key=lambda row: int(row.split()[0].rpartition("-")[2]))):
        cells = row.split()
        assert cells[:3] == [f"feature-{number}", "unknown", f"http://feature-{number}.shop.localhost:8080"], "whole"
        assert len(row.rstrip()) <= width, "and none is wrapped"


def test_a_terminal_that_is_too_narrow_gets_lines_instead_of_a_row(tmp_path: Path) -> None:
    write_states(tmp_path, 1)
    lines = in_terminal(tmp_path, 50)
    assert lines[0].split() == ["feature-0", "unknown"], "branch and state"
    assert lines[1].strip() == "http://feature-0.shop.localhost:8080", "the URL has a line of its own"
    assert "expires in 7 days" in lines[2], "and what else there is"


LONG = Environment(
    app="shop",
    slug="a",
    branch="feature/a-rather-long-name-of-a-branch",
    state=State.DEPLOYING,
    url="https://feature-a-rather-long-name-of-a-bra-12345678.shop.dev.example.com",
    owner="carol",
    merge_request=12,
    created=NOW - timedelta(days=3),
    updated=NOW - timedelta(hours=3),
    expires=NOW + timedelta(days=12),
    cost=Cost(per_hour=1, per_day=24, currency="EUR"),
)
SLEEPY = replace(LONG, slug="b", branch="b", app="pay", state=State.ASLEEP, url="https://b.pay.dev.example.com")


@pytest.mark.parametrize("width", [20, 40, 80, 100, 120, 140, 160, 200, 300])
def test_no_width_cuts_a_state_or_a_url(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    show([LONG, SLEEPY], NOW)
    shown = capsys.readouterr().out
    for each in (LONG, SLEEPY):
        assert each.url in shown, "it can be opened"
        assert f" {each.state}" in shown, "asleep and ready do not look alike"
        assert each.branch in shown, "it can be given to another command"
    assert "…" not in shown, "nothing else is cut either: it is left out"


def test_a_pipe_gets_every_column(capsys: pytest.CaptureFixture[str]) -> None:
    show([replace(LONG, branch="x" * 200)], NOW)
    head, row = capsys.readouterr().out.splitlines()
    titles = "branch state URL expires owner MR age updated cost a day"
    assert " ".join(head.split()) == titles, "whoever reads it picks what they need"
    assert "24.00 EUR" in row, "in one line each"


def test_the_least_important_column_goes_first_and_a_hint_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = [Column(title=title, cells=(Text("x" * 10),)) for title in ("branch", "state", "URL", "age", "updated")]
    assert [each.title for each in fit(columns, 46)] == ["branch", "state", "URL", "age"], "when it was last updated"
    assert fit(columns, 33) == [], "branch, state and URL need 34"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "145")
    show([LONG], NOW)
    assert "no room here for: owner, age, updated, cost a day" in capsys.readouterr().err, "they are not forgotten"


@pytest.mark.parametrize(
    ("seen", "expires", "text"),
    [
        (True, timedelta(days=7), "in 7 days"),
        (True, timedelta(days=7, seconds=-2), "in 7 days"),
        (True, timedelta(days=12), "in 12 days"),
        (True, timedelta(hours=47), "in 47 hours"),
        (True, timedelta(minutes=59, seconds=45), "in 1 hour"),
        (True, timedelta(seconds=-90), "2 minutes ago"),
        (True, timedelta(seconds=-10), "just now"),
        (True, None, "never"),
        (False, None, "unknown"),
    ],
)
def test_an_expiry_has_one_text(seen: bool, expires: timedelta | None, text: str) -> None:
    stack = StackRecord(name="shop.a") if seen else None
    each = replace(LONG, stack=stack, expires=NOW + expires if expires else None)
    assert expiry(each, NOW) == text, "an end that was not seen is not `never`, and seven days are seven days"
