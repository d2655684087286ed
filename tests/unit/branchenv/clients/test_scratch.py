"""Folders of one command, and what a killed command leaves of them."""

import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from branchenv.clients import pulumi_cli, scratch

_HOLDER = """
import signal, subprocess
from branchenv.clients import scratch

with scratch.folder() as folder:
    (folder / "config.yaml").write_text("config: {}")
    with scratch.locks() as locks:
        child = subprocess.Popen(["cat"], stdout=subprocess.DEVNULL, pass_fds=locks)
    print(folder, child.pid, flush=True)
    signal.pause()
"""
_SECONDS = 30.0


@dataclass
class Holder:
    """A command that uses a folder, with a child that does as well, as `pulumi` does."""

    process: "subprocess.Popen[str]"
    folder: Path
    child: int
    """File descriptor of the child process."""

    def kill(self) -> None:
        """Kill the command; its child stays."""
        self.process.kill()
        self.process.wait()

    def end_child(self) -> None:
        """Let the child end, and wait for that."""
        assert self.process.stdin, "it is a pipe"
        self.process.stdin.close()
        # `select.select` takes no descriptor above 1023, which a process that runs all tests may get.
        end = select.poll()
        end.register(self.child, select.POLLIN)
        assert end.poll(_SECONDS * 1000), "the child ends with its input"


@pytest.fixture(autouse=True)
def folder_of_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def holder(folder_of_all: Path) -> Iterator[Holder]:
    command = [sys.executable, "-c", _HOLDER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout, "it is a pipe"
        folder, child = process.stdout.readline().split()
        held = Holder(process, Path(folder), os.pidfd_open(int(child)))
        assert held.folder.parent == folder_of_all, "where this test looks"
        try:
            yield held
        finally:
            held.kill()
            os.close(held.child)


def test_a_folder_is_there_for_as_long_as_its_block(folder_of_all: Path) -> None:
    with scratch.folder() as one, scratch.folder() as other:
        assert one != other, "each has its own"
        assert one.is_dir(), "a second one leaves the first alone"
    assert not list(folder_of_all.iterdir()), "nothing is left"


def test_a_folder_in_use_by_another_command_stays(holder: Holder) -> None:
    with scratch.folder():
        assert (holder.folder / "config.yaml").exists(), "its owner lives"


def test_what_a_killed_command_left_is_removed_by_the_next_one(holder: Holder, folder_of_all: Path) -> None:
    holder.kill()
    with scratch.folder():
        assert holder.folder.exists(), "its Pulumi lives on, and may still write there"
    holder.end_child()
    with scratch.folder() as folder:
        assert list(folder_of_all.iterdir()) == [folder], "nobody uses it any more"


def test_pulumi_holds_the_folder_that_it_runs_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "pulumi").write_text("#!/bin/sh\npwd\nreadlink /proc/$$/fd/*\nexit 0\n")
    (programs / "pulumi").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}")
    pulumi_cli.destroy("shop.a")
    folder, *opened = capsys.readouterr().err.splitlines()
    assert folder in opened, "so it is not removed under it, should this command be killed"


def test_what_is_no_folder_of_ours_is_left_alone(folder_of_all: Path) -> None:
    target = folder_of_all / "elsewhere"
    target.mkdir()
    (folder_of_all / "branchenv.link").symlink_to(target)
    (folder_of_all / "branchenv.toml").write_text("")
    with scratch.folder():
        pass
    assert target.exists(), "a link is not followed"
    assert (folder_of_all / "branchenv.toml").exists(), "a file is no folder"
