"""An `up` that deletes what the environment still has is a failure, however it ended."""

import json
from pathlib import Path
from typing import Any

import pytest

from branchenv.clients import losses, pulumi_cli
from branchenv.model.errors import BranchenvError


def step(op: str, kind: str, name: str, version: str = "v1", urn: str = "a") -> dict[str, Any]:
    """Return an event, as the engine writes it when a step is done."""
    state = {"type": f"kubernetes:{version}:{kind}", "id": f"shop/{name}", "urn": urn}
    before = state if op != "create" else None
    after = state if not op.startswith("delete") else None
    return {"resOutputsEvent": {"metadata": {"op": op, "urn": urn, "old": before, "new": after}}}


ANCHOR = step("delete", "ConfigMap", "x", "core/v1", "old")


@pytest.mark.parametrize("op", ["create", "update", "same"])
def test_an_object_that_was_deleted_under_another_name_is_told(op: str) -> None:
    with pytest.raises(BranchenvError, match="ConfigMap shop/x") as caught:
        losses.check([ANCHOR, step(op, "ConfigMap", "x", "core/v1", "new")], "shop.x")
    assert "pulumi refresh" in str(caught.value.fix), "the state takes it for there"


def test_another_version_is_the_same_object() -> None:
    old, new = (f"networking.istio.io/{version}" for version in ("v1beta1", "v1"))
    events = [step("create", "VirtualService", "x", new), step("delete", "VirtualService", "x", old)]
    assert losses.lost(events) == ["VirtualService shop/x"], "the cluster has one object of both versions"


def test_what_is_really_gone_is_no_loss() -> None:
    others = [
        step("create", "ConfigMap", "y", "core/v1"),
        step("create", "Secret", "x", "core/v1"),
        step("same", "", ""),
    ]
    assert not losses.lost([ANCHOR, *others]), "no other resource has that object"


def test_an_object_that_is_made_anew_is_no_loss() -> None:
    events = [step("delete-replaced", "Deployment", "x"), step("create-replacement", "Deployment", "x")]
    assert not losses.lost(events), "it was deleted before it was made"


def test_the_engines_other_events_say_nothing() -> None:
    component = {"metadata": {"op": "delete", "old": {"type": "branch-environments:branch:X", "urn": "a"}}}
    provider = {"metadata": {"op": "same", "new": {"type": "pulumi:providers:kubernetes", "id": "1"}}}
    events: list[dict[str, Any]] = [
        {"preludeEvent": {}},
        {"resOutputsEvent": component},
        {"resOutputsEvent": provider},
        {"resOutputsEvent": {}},
    ]
    assert not losses.lost(events), "only objects can be lost"


def test_branchenv_up_fails_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_: object, *, log: Path, **__: object) -> None:
        events = [ANCHOR, step("same", "ConfigMap", "x", "core/v1")]
        log.write_text("".join(f"{json.dumps(each)}\n" for each in events))

    monkeypatch.setattr(pulumi_cli, "_run", run)
    with pytest.raises(BranchenvError, match="still has"):
        pulumi_cli.up("shop.x")
