"""What setting up the cluster reads from kubectl."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.cluster.kubectl import Kubectl

SERVED = {
    "status": {"conditions": [{"type": "NamesAccepted", "status": "True"}, {"type": "Established", "status": "True"}]}
}
NOT_YET = {"status": {"conditions": [{"type": "Established", "status": "False"}]}}


@pytest.mark.parametrize(
    ("found", "established"),
    [
        (SERVED, True),
        ({"items": [SERVED, SERVED]}, True),
        ({"items": [SERVED, NOT_YET]}, False),
        ({"items": [SERVED, {"status": {"conditions": None}}]}, False),
        ({}, False),
    ],
    ids=["one", "all", "one is not yet", "nothing is known of one", "no status at all"],
)
def test_kinds_are_served_once_all_of_them_are_established(
    tmp_path: Path, found: dict[str, Any], established: bool
) -> None:
    program = tmp_path / "kubectl"
    program.write_text(f"#!/bin/sh\necho '{json.dumps(found)}'\n")
    program.chmod(0o755)
    assert Kubectl(program).established(tmp_path) is established, "whoever goes on sooner is refused"
