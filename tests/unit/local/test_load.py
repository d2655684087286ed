"""Images of one's own come into the local cluster as archives."""

from pathlib import Path

import pytest

from local import __main__ as command
from local.cluster import lifecycle
from local.toolchain import go


@pytest.fixture(autouse=True)
def none_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setattr(lifecycle, "CACHE", tmp_path)
    monkeypatch.setattr(go, "CACHE", tmp_path)
    monkeypatch.setattr(lifecycle, "running", lambda: False)


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["local", *arguments])
    return command.main()


def test_an_archive_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, "load", str(tmp_path / "no.tar")) == 1, "nothing was loaded"
    output = capsys.readouterr().err
    assert "no.tar" in output, "which file"
    assert "docker save" in output, "and how to make one"


def test_without_a_cluster_there_is_nothing_to_load_into(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "image.tar").touch()
    assert _run(monkeypatch, "load", str(tmp_path / "image.tar")) == 1, "nothing was loaded"
    assert "no local cluster runs" in capsys.readouterr().err, "and it says why"
