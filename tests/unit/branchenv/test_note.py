"""The note on the merge request: what it tells, and that names in it are shown and not obeyed."""

from datetime import UTC, datetime

import pytest

from branchenv.operations import note

_EXPIRES = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)


def _facts(**more: object) -> note.Facts:
    known = {
        "app": "shop",
        "slug": "feature-login",
        "branch": "feature/login",
        "url": "http://feature-login.shop.localhost:8080",
        "answered": "200",
        "up": True,
        "commit": "1a2b3c4d5e6f",
        "title": "Add a login",
        "pipeline": "https://gitlab.example.com/group/shop/-/pipelines/7",
        "since_push": 62.4,
        "since_job": 12.0,
        "expires": _EXPIRES,
    }
    return note.Facts(**{**known, **more})  # type: ignore[arg-type]


def test_the_note_tells_all_that_a_reviewer_asks() -> None:
    assert note.write(_facts()) == (
        "<!-- branchenv:shop.feature-login -->\n"
        "**<http://feature-login.shop.localhost:8080>** answers `200`\n"
        "\n"
        "| | |\n"
        "|---|---|\n"
        "| Branch | `feature/login` |\n"
        "| Commit | `1a2b3c4d` `Add a login` |\n"
        "| Pipeline | <https://gitlab.example.com/group/shop/-/pipelines/7> |\n"
        "| Took | 1 min 02 s from push to URL, 12 s of these in the job |\n"
        "| Expires | 2026-12-01 09:30 UTC |\n"
        "| Extend | `branchenv extend --app shop --by 3d -- feature/login` |\n"
        "| Stop | close the merge request, or `branchenv down --app shop -- feature/login` |\n"
    ), "URL, answer, commit, time, expiry, and how to extend or stop"


def test_what_is_not_known_is_left_out() -> None:
    written = note.write(_facts(commit="", title="", pipeline="", since_push=None, since_job=None, expires=None))
    for row in ("Commit", "Pipeline", "Took", "Expires", "Extend"):
        assert f"| {row} |" not in written, f"no empty row {row}"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<img/src=x>", "`<img/src=x>`"),
        ("a`b", "``a`b``"),
        ("`a``b`", "``` `a``b` ```"),
        ("@all/#1/!2", "`@all/#1/!2`"),
        ("a\n/close", "`a /close`"),
        ("[x](javascript:0)", "`[x](javascript:0)`"),
    ],
)
def test_a_name_is_shown_as_it_is(name: str, shown: str) -> None:
    assert note.code(name) == shown, "inside a code span neither Markdown, HTML, mentions nor quick actions count"


def test_a_bar_does_not_end_the_tables_cell() -> None:
    (row,) = [line for line in note.write(_facts(branch="a|b")).splitlines() if line.startswith("| Branch")]
    assert row == r"| Branch | `a\|b` |", "GitLab's tables know it by its backslash"


def test_a_branch_is_quoted_for_the_shell() -> None:
    assert "-- 'a;reboot' |" not in note.write(_facts(branch="a;reboot")), "the quoted name is code"
    assert "`branchenv down --app shop -- 'a;reboot'`" in note.write(_facts(branch="a;reboot")), "safe to paste"


def test_an_extension_changes_the_expiry_and_nothing_else() -> None:
    later = datetime(2026, 12, 4, 9, 30, tzinfo=UTC)
    changed = note.with_expiry(note.write(_facts()), later)
    assert changed == note.write(_facts(expires=later)), "as if it had been written so"
    assert note.with_expiry("something else", later) == "something else", "what names no expiry stays"


def test_a_note_is_found_by_its_own_environment_alone() -> None:
    assert note.marker("shop", "a") not in note.write(_facts(slug="a-b")), "no marker is the beginning of another"
