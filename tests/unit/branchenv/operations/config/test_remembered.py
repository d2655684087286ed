"""What a deploy runs where its options do not say it."""

from pathlib import Path
from typing import Any

import pytest

from branchenv.clients import history, pulumi_cli
from branchenv.model.context import Target
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.operations.config import remembered

_TARGET = Target(app="shop", branch="new")
_NEW: Any = object()
"""No stack."""


def _config(
    given: dict[str, object],
    last: Any = _NEW,
    folder: dict[str, object] | None = None,
    *,
    in_job: bool = False,
) -> remembered.Config:
    return remembered.config(given, folder or {}, new=last is _NEW, in_job=in_job, deployed=lambda: last)


def _chosen(*arguments: Any, **more: Any) -> dict[str, object]:
    return dict(_config(*arguments, **more).values)


def test_a_bare_up_runs_what_was_deployed_before_and_nothing_else_of_it() -> None:
    chosen = _config({}, {"base": "x", "asleep": "true", "image": "web:1", "readyTimeoutSeconds": "30"})
    assert chosen.values == {"image": "web:1", "readyTimeoutSeconds": 30}, "not that it was asleep"
    assert "images" in chosen.without, "what a failed attempt left in the file goes"


def test_options_that_say_what_runs_replace_all_that_ran() -> None:
    last = {"image": "web:1", "environment": "/a/environment.yaml"}
    chosen = _config({"images": {"web": "foo"}}, last)
    assert chosen.values == {"images": {"web": "foo"}}, "all of it is said again"
    assert "readyTimeoutSeconds" not in chosen.without, "but not how long one waits"
    assert _chosen({"readyTimeoutSeconds": 60}, {"image": "web:1"}) == {
        "image": "web:1",
        "readyTimeoutSeconds": 60,
    }, "and how long to wait does not replace what runs"


def test_images_by_workload_without_a_file_are_refused_at_once() -> None:
    chosen = _config({"images": {"web": "foo"}}, {"image": "web:1"})
    with pytest.raises(BranchenvError, match="belong to an environment file") as caught:
        remembered.check(chosen, _TARGET)
    assert caught.value.field == "--images", "before anything is changed"


def test_what_was_removed_is_forgotten() -> None:
    chosen = _config({})
    assert not chosen.values, "nothing runs of it"
    assert set(chosen.without) >= {"image", "images", "environment", "chart"}, "and its file says nothing"
    with pytest.raises(BranchenvError, match="nothing says what new runs") as caught:
        remembered.check(chosen, _TARGET)
    assert "branchenv up new --app shop --image" in caught.value.fix, "what to give"
    assert caught.value.code == ExitCode.BAD_INPUT, "before anything is made"


def test_the_folder_s_file_is_used_as_ci_does() -> None:
    folder: dict[str, object] = {"environment": "/w/environment.yaml"}
    assert _chosen({}, _NEW, folder) == folder, "a new branch"
    assert _chosen({"image": "web:2"}, _NEW, folder) == {**folder, "image": "web:2"}, "with its image from outside"
    assert _chosen({}, {"environment": "/builds/shop/environment.yaml", "image": "web:1"}, folder) == folder, (
        "the file that CI used is not on this machine"
    )
    assert _chosen({}, {"image": "web:1"}, folder) == folder, "what was tried without a file gives way to it"
    assert _chosen({"chart": "/w/chart"}, _NEW, folder) == {"chart": "/w/chart"}, "an option says otherwise"


def test_a_file_that_was_chosen_once_stays_chosen(tmp_path: Path) -> None:
    other = tmp_path / "staging.yaml"
    other.touch()
    last = {"environment": str(other), "image": "web:1"}
    folder: dict[str, object] = {"environment": "/w/environment.yaml"}
    assert _chosen({}, last, folder) == {"environment": str(other), "image": "web:1"}, "it need not be given again"


def test_a_first_attempt_that_was_interrupted_goes_on() -> None:
    chosen = _config({}, None)
    assert (chosen.values, chosen.without) == ({}, ()), "its config file has what it was given"
    remembered.check(chosen, _TARGET)


def test_a_job_says_everything_itself() -> None:
    assert not _chosen({}, {"image": "web:1"}, in_job=True), "it does not deploy what another one said"


def test_a_file_on_another_machine_is_asked_for() -> None:
    chosen = _config({}, {"environment": "/builds/shop/environment.yaml"})
    with pytest.raises(BranchenvError, match="not on this machine") as caught:
        remembered.check(chosen, _TARGET)
    assert "branchenv up new --app shop --environment" in caught.value.fix, "where to run it"


def test_the_config_file_of_what_was_removed_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: x\n")
    monkeypatch.setenv("BRANCHENV_PROGRAM", str(tmp_path))
    file = pulumi_cli.config_file("shop.new")
    file.write_text("config: {}\n")
    remembered.forget("shop.new")
    assert not file.exists(), "nothing is remembered"
    monkeypatch.setenv("BRANCHENV_PROGRAM", str(tmp_path / "nowhere"))
    remembered.forget("shop.new")


def test_the_last_deploy_that_succeeded_is_what_is_remembered() -> None:
    def update(kind: str, result: str, image: str) -> dict[str, Any]:
        config = {
            "branch-environments:image": {"value": image, "secret": False},
            "branch-environments:images": {"value": "{}", "objectValue": {"web": "a"}, "secret": False},
            "kubernetes:x": {"value": "y", "secret": False},
        }
        return {"kind": kind, "result": result, "config": config}

    updates = [
        update("update", "failed", "bad"),
        update("refresh", "succeeded", "refreshed"),
        update("update", "succeeded", "good"),
        update("update", "succeeded", "old"),
    ]
    assert history.succeeded(history.read(updates)) == {"image": "good", "images": {"web": "a"}}, (
        "not an attempt that failed"
    )
    assert history.succeeded(history.read(updates[:2])) is None, "where nothing succeeded, nothing is known"
