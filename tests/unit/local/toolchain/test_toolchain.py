"""Builds are keyed by their pins, and a failed step says what failed and how to go on."""

import json
import os
from pathlib import Path

import pytest

from local import preflight
from local.cluster import lifecycle
from local.errors import LocalError
from local.progress import Progress
from local.toolchain import debian, go, node, pins, run


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (go, debian, node, run):
        monkeypatch.setattr(module, "CACHE", tmp_path)


def test_another_debian_pin_is_another_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    before = debian.folder()
    monkeypatch.setitem(pins.DEBIAN_PACKAGES, "runc", "2.0")
    assert debian.folder() != before, "a cached build of other pins must not be used"


def test_another_go_pin_is_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "module"
    module.mkdir()
    (module / "go.mod").write_text("module a\n")
    (module / "go.sum").write_text("")
    monkeypatch.setattr(go, "MODULE", module)
    before = go.folder()
    (module / "go.mod").write_text("module a\nrequire b v1.0.0\n")
    assert go.folder() != before, "a cached build of other pins must not be used"


def test_a_build_counts_only_when_it_was_finished() -> None:
    go.binaries().mkdir(parents=True)
    (go.binaries() / "kubernetes").touch()
    assert not go.ready(go.CLUSTER), "an interrupted build leaves binaries, but no mark"


def test_a_failed_step_shows_the_end_of_its_log_and_the_way_on(tmp_path: Path) -> None:
    with pytest.raises(LocalError) as failure:
        run.run(["sh", "-c", "echo one; echo the reason; exit 3"], what="trial build", fix="run it again")
    message = str(failure.value)
    assert "trial build failed (exit code 3)" in message, "what failed"
    assert "the reason" in message, "the end of the log"
    assert message.endswith("-> run it again"), "how to go on"
    assert (tmp_path / "log" / "trial-build.log").exists(), "the whole log is kept"


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(LocalError, match="there is no no-such-program"):
        run.run(["no-such-program"], what="trial", fix="install it")


def test_every_builds_version_is_stamped_from_go_mod() -> None:
    pins = (go.MODULE / "go.mod").read_text()
    stamps = go._versions()
    assert stamps["k8s.io/component-base/version.gitVersion"] in pins, "what it says is what was built"
    assert all(value.lstrip("v")[0].isdigit() for value in stamps.values()), "every stamp is a version or a number"


def test_steps_are_numbered_and_timed(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(2)
    with progress.step("first") as detail:
        detail.text = "half of it"
    with pytest.raises(RuntimeError), progress.step("second"):
        raise RuntimeError
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("[1/2] first (half of it): done in"), "which of how many, and what came of it"
    assert lines[1].startswith("[2/2] second: failed after"), "a step that failed is not called done"


def test_a_long_build_says_how_far_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "build.log"
    log.write_text("net/http\nk8s.io/api\n")
    with Progress(1).step("programs") as detail:
        detail.text = lambda: f"compiled {run.lines(log)} of 5 packages"
    assert "(compiled 2 of 5 packages)" in capsys.readouterr().out, "asked for when it is shown, not when it is set"
    assert run.lines(tmp_path / "none.log") == 0, "a build that has not begun has compiled nothing"


def test_a_process_id_that_was_given_to_another_is_never_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = tmp_path / "process.json"
    monkeypatch.setattr(lifecycle, "_RECORD", record)
    record.write_text(json.dumps({"pid": os.getpid(), "started": lifecycle._started(os.getpid())}))
    assert lifecycle._process() == os.getpid(), "the recorded process lives"
    record.write_text(json.dumps({"pid": os.getpid(), "started": "1"}))
    assert lifecycle._process() is None, "same number, other process: it must not be killed"
    record.write_text("{")
    assert lifecycle._process() is None, "a half-written record names nobody"


def test_another_npm_pin_is_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = node.folder()
    (tmp_path / "package-lock.json").write_text("{}")
    monkeypatch.setattr(node, "_HERE", tmp_path)
    assert node.folder() != before, "cached packages of other pins must not be used"


def test_the_npm_lock_file_names_no_registry_and_checks_every_package() -> None:
    packages = json.loads((node._HERE / "package-lock.json").read_text())["packages"]
    assert [name for name, locked in packages.items() if "resolved" in locked] == [], "any registry will do"
    assert [name for name, locked in packages.items() if name and "integrity" not in locked] == [], "no hash, no check"


def test_a_machine_without_node_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalError, match="there is no `npm`: install it") as refused:
        preflight.check_node()
    assert "only tests/pipeline needs it" in str(refused.value), "who has no use for it can leave it"


def test_an_old_node_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {"node": "v18.20.4", "npm": "", "apt-get": "", "dpkg-deb": ""}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\necho {text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalError, match=r"Node 18\.20 is too old: install Node 20\.11 or newer"):
        preflight.check_node()
