"""Moments in words: the same ones in the table, on the page as it is written, and by the page's own script."""

import json
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from branchenv.inventory.times import span

SCRIPT = Path(__file__).resolve().parents[4] / "branchenv/inventory/templates/list.js"
_SECONDS = [0, 29, 30, 89, 90, 3569, 3570, 3600, 5399, 5400, 86400, 172799, 172800, 604798, 604800, 1036800, 1e8]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (10, "under a minute"),
        (61, "1 minute"),
        (3600, "1 hour"),
        (47 * 3600, "47 hours"),
        (7 * 86400 - 2, "7 days"),
        (12 * 86400, "12 days"),
        (400 * 86400, "400 days"),
    ],
)
def test_a_time_span_is_rounded_and_has_one_unit(seconds: float, text: str) -> None:
    assert span(timedelta(seconds=seconds)) == text, "seven days are seven days a second later"
    assert span(timedelta(seconds=-seconds)) == text, "in the past as in the future"


@pytest.mark.skipif(shutil.which("node") is None, reason="the page's script needs an engine")
def test_the_pages_script_writes_the_same_words() -> None:
    functions = re.search(r"  const brief = .*?\n  };\n", SCRIPT.read_text(encoding="utf-8"), re.DOTALL)
    assert functions, "the script has them"
    program = f"{functions[0]}console.log(JSON.stringify({json.dumps(_SECONDS)}.map(span)))"
    done = subprocess.run(["node", "--eval", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [span(timedelta(seconds=each)) for each in _SECONDS], "to the second"
