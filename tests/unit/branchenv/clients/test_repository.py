"""Branches, asked of a remote repository."""

import subprocess
from pathlib import Path

import pytest

from branchenv.clients.git import branches
from branchenv.model.errors import BranchenvError, ExitCode


def _git(folder: Path, *arguments: str) -> None:
    author = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    subprocess.run(["git", "-C", str(folder), *author, *arguments], check=True, capture_output=True)


def test_a_remotes_branches_are_told_by_their_full_names(tmp_path: Path) -> None:
    _git(tmp_path, "init", "--quiet", "--initial-branch=main")
    _git(tmp_path, "commit", "--quiet", "--allow-empty", "--message=first")
    for name in ("feature/login", "refs/heads/odd", "ünï"):
        _git(tmp_path, "branch", name)
    _git(tmp_path, "tag", "v1")
    assert branches(f"file://{tmp_path}") == {"main", "feature/login", "refs/heads/odd", "ünï"}, "branches, no tags"


def test_a_remote_that_cannot_be_asked_is_named_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(BranchenvError) as caught:
        branches(f"http://gitlab-ci-token:secret@127.0.0.1:1/{tmp_path.name}.git")
    assert caught.value.code == ExitCode.GITLAB, "it is GitLab that does not answer"
    assert "127.0.0.1:1" in str(caught.value), "where it was looked for"
    assert "secret" not in str(caught.value), "a job's log is read by many"
