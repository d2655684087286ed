"""The README says what the code does."""

import re
from pathlib import Path

import pytest

from core.names import slug
from local.preflight import _BUILD_GIGABYTES, _MEMORY_GIGABYTES, _RUN_GIGABYTES
from local.toolchain.pins import GO_VERSION
from tests.readme import COMMAND, PRINTS, README, ROOT, RUN, blocks, first_missing, with_made_parts

TEXT = README.read_text(encoding="utf-8")

# Commands that no test pastes, by their first line.
NOT_RUN = {
    "kind create cluster --name branches": "needs kind, Docker and Istio's own images",
}
# Messages of Pulumi itself.
OF_PULUMI = {"the stack is currently locked by", "no Pulumi.yaml project file found"}


def section(title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found, f"the README has no section {title!r}"
    return found[1]


def test_tables_of_settings_and_examples_are_those_of_the_code() -> None:
    assert with_made_parts(TEXT) == TEXT, f"the README is stale; run: {COMMAND}"


def test_every_block_of_commands_is_run_or_says_why_not() -> None:
    idle = [block.text.splitlines()[0] for block in blocks(TEXT) if block.language == "bash" and block.mark != RUN]
    assert idle == list(NOT_RUN), f"mark the block with <!-- {RUN} -->, or give the reason in NOT_RUN"


def test_what_commands_print_stands_below_commands_that_are_run() -> None:
    marks = [block.mark for block in blocks(TEXT)]
    for before, mark in zip(["", *marks], marks, strict=False):
        assert mark != PRINTS or before == RUN, "output of commands that no test runs would go stale unseen"


@pytest.mark.parametrize(
    ("promised", "missing"),
    [
        ("a\nb (2s)\nc\n", None),
        ("...\nc\n", None),
        ("a\n...\nc\n", None),
        ("a\nb...\n", None),
        ("a\nc\n", "c"),
        ("c\n...\na\n", "a"),
        ("...\nc\n...\na\n", "a"),
        ("a\nb (1s) more\n", "b (1s) more"),
    ],
)
def test_output_is_compared_line_by_line_in_order(promised: str, missing: str | None) -> None:
    output = "a\nb (1.25s)\nc\nd\n"
    assert first_missing(promised, output) == missing, "dots stand for what is left out, and times differ"


def test_every_environment_file_shown_is_an_example() -> None:
    marks = [block.mark for block in blocks(TEXT) if block.language == "yaml"]
    assert len(marks) == 4, "one line, several workloads, weights, jobs"
    assert all(mark.startswith("examples/") for mark in marks), f"a file that is no example is not tested: {marks}"


def test_branch_names_are_shown_with_their_slugs() -> None:
    shown = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|$", section("How it works"), re.MULTILINE)
    assert len(shown) >= 4, "the table of names has moved, and is tested no longer"
    for branch, written in shown:
        assert written == slug(branch), f"the README gives a wrong slug for {branch}"


def test_the_prerequisites_are_those_that_are_checked() -> None:
    text = section("Prerequisites")
    disk, memory = (
        f"{_BUILD_GIGABYTES} GB of disk while building, {_RUN_GIGABYTES} GB to run",
        f"{_MEMORY_GIGABYTES} GB",
    )
    for written in (f"Go {'.'.join(map(str, GO_VERSION))} or newer", disk, f"{memory} of memory"):
        assert written in text, f"the preflight check demands otherwise: {written}"


@pytest.mark.parametrize("file", ["README.md", "CONTRIBUTING.md", "Makefile"])
def test_no_count_of_tests_and_no_time_of_theirs_is_written_by_hand(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    by_hand = re.findall(
        r"`make [a-z-]+`.*\d+(?:\.\d+)? ?(?:s|min|minutes|h|hours)\b.*|.*\b\d+ (?:[a-z]+ )?tests\b.*", text
    )
    assert not by_hand, "the next test would make it wrong: say it in round words, or let a command write it"


def symptoms() -> list[str]:
    rows = [line.split("|")[1] for line in section("Troubleshooting").splitlines() if line.startswith("| `")]
    return sorted({part for row in rows for part in re.findall(r"`([^`]+)`", row)} - OF_PULUMI)


@pytest.mark.parametrize("symptom", symptoms())
def test_a_symptom_is_a_message_of_the_code(symptom: str) -> None:
    sources = [path for folder in ("branchenv", "core", "local", "stacks") for path in (ROOT / folder).rglob("*.py")]
    # `go build failed` is made of what was run, and of `failed`.
    what = symptom.removesuffix(" failed")
    assert any(what in path.read_text(encoding="utf-8") for path in sources), "nothing prints this any longer"


@pytest.mark.parametrize("page", [README, *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        assert "://" in target or (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"
