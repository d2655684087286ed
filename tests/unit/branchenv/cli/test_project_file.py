"""`.branchenv.toml` saves typing, and is checked as every other input."""

from pathlib import Path

import pytest

from branchenv.cli import deploy_options, project_file
from branchenv.cli.main import run
from branchenv.model.context import Target
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import StackRecord
from branchenv.operations.deploy import up


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / project_file.NAME).write_text('app = "shop"\nbase = "base-prod"\n')
    return tmp_path


def test_app_and_base_come_from_the_repository_s_file(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = checkout / "deploy"
    below.mkdir()
    monkeypatch.chdir(below)
    seen: list[tuple[str, str]] = []

    def deployed(target: Target, *_: object, **__: object) -> StackRecord:
        seen.append((target.app, target.base))
        return StackRecord(name=target.stack)

    monkeypatch.setattr(up, "up", deployed)
    assert run(["up", "x"]) == ExitCode.DONE, "nothing else need be typed"
    assert run(["up", "x", "--app", "other", "--base", "base-dev"]) == ExitCode.DONE, "options say otherwise"
    assert seen == [("shop", "base-prod"), ("other", "base-dev")], "in any folder of the checkout"


def test_a_file_above_the_checkout_is_somebody_else_s(checkout: Path) -> None:
    inner = checkout / "inner"
    (inner / ".git").mkdir(parents=True)
    assert project_file.read(inner) == project_file.ProjectFile(), "it is another repository"
    plain = checkout / "sub"
    plain.mkdir()
    (checkout / ".git").rmdir()
    assert project_file.read(plain) == project_file.ProjectFile(), "without a checkout only the folder itself counts"


@pytest.mark.parametrize(
    ("content", "message"),
    [("bsae = 'base-x'\n", "did you mean base?"), ("app = 3\n", 'app = "..."'), ("app", 'e.g. app = "shop"')],
)
def test_a_mistake_in_it_is_one_clear_error(content: str, message: str, checkout: Path) -> None:
    (checkout / project_file.NAME).write_text(content)
    with pytest.raises(BranchenvError) as caught:
        project_file.read(checkout)
    assert caught.value.code == ExitCode.BAD_INPUT, "before anything is made"
    assert message in caught.value.fix, "what to write"
    assert caught.value.field.endswith(project_file.NAME), "and where"


def test_a_bare_up_finds_environment_yaml_and_what_the_file_names(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITLAB_CI", raising=False)
    monkeypatch.chdir(checkout)
    assert not deploy_options.DeployOptions().wanted().folder, "there is none"
    (checkout / "environment.yaml").touch()
    assert deploy_options.DeployOptions().wanted().folder == {"environment": Path("environment.yaml")}, "as CI has it"
    (checkout / project_file.NAME).write_text('chart = "deploy/chart"\n')
    assert deploy_options.DeployOptions().wanted().folder == {"chart": checkout / "deploy/chart"}, (
        "seen from its own folder"
    )
    monkeypatch.setenv("GITLAB_CI", "true")
    assert not deploy_options.DeployOptions().wanted().folder, (
        "a job has the component's inputs, where empty means none"
    )
