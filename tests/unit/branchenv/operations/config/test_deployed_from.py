"""Which files an environment is put to sleep and woken with."""

import subprocess
from pathlib import Path

import pytest

from branchenv.model.errors import BranchenvError
from branchenv.model.records import StackRecord, Tags
from branchenv.operations.config import deployed_from


def _git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.com")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    _git(folder, "init", "--quiet")
    (folder / "environment.yaml").write_text("image: web:1\n")
    _git(folder, "add", ".")
    _git(folder, "commit", "--quiet", "--message", "one")
    return folder


def _record(file: Path, checkout: Path, commit: str) -> StackRecord:
    return StackRecord(
        name="shop.x",
        tags=Tags(branch="x", commit=commit, root=str(checkout)),
        outputs={"config": {"base": "base-local", "environment": str(file)}, "base": "base-local"},
        resources=5,
    )


def test_a_file_outside_of_the_checkout_is_used_where_it_lies(checkout: Path, tmp_path: Path) -> None:
    outside = tmp_path / "mine.yaml"
    outside.write_text("image: web:2\n")
    with deployed_from.config_of(_record(outside, checkout, _git(checkout, "rev-parse", "HEAD"))) as config:
        assert config["environment"] == str(outside), "no commit has it"


def test_a_file_of_the_checkout_is_taken_from_the_deployed_commit(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed = _git(checkout, "rev-parse", "HEAD")
    file = checkout / "environment.yaml"
    with deployed_from.config_of(_record(file, checkout, deployed)) as config:
        assert config["environment"] == str(file), "the checkout is at that commit"
    file.write_text("image: web:3\n")
    _git(checkout, "commit", "--quiet", "--all", "--message", "two")
    monkeypatch.chdir(checkout)
    with deployed_from.config_of(_record(file, checkout, deployed)) as config:
        assert Path(config["environment"]).read_text() == "image: web:1\n", "not what came after it"


def test_a_file_that_is_nowhere_says_how_to_go_on(checkout: Path, tmp_path: Path) -> None:
    lost = _record(tmp_path / "gone.yaml", checkout, _git(checkout, "rev-parse", "HEAD"))
    with pytest.raises(BranchenvError, match="not on this machine") as caught, deployed_from.config_of(lost):
        pass
    assert "branchenv up x --app shop" in caught.value.fix, "a command that can be pasted"
