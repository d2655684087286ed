"""`branchenv init`: from a few answers to a base stack's config that the program takes."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from branchenv import console
from branchenv.cli import main
from branchenv.model.errors import ExitCode
from branchenv.operations.config import first_config
from tests.readme import blocks
from tests.unit.inventory import examples, run_example
from tests.unit.recording import PROJECT, ROOT, run_program

EKS = [
    *("dev", "--platform", "eks", "--region", "eu-west-1", "--account", "123456789012", "--domain", "dev.example.com"),
    *("--zone", "Z0123456789ABCDEFGHIJ", "--app", "shop", "--app", "search"),
    *("--jobs", "arn:aws:iam::123456789012:role/gitlab-{app}"),
]
GKE = [
    *("dev", "--platform", "gke", "--region", "europe-west1", "--account", "my-project"),
    *("--project-number", "123456789012", "--domain", "dev.example.com", "--zone", "dev-example-com"),
    *("--email", "platform@example.com", "--app", "shop"),
    *("--jobs", "gitlab-{app}@my-project.iam.gserviceaccount.com"),
]
LOCAL = ["dev", "--platform", "local", "--app", "shop"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(first_config, "config_file", lambda stack: tmp_path / f"Pulumi.{stack}.yaml")
    return tmp_path


def written(folder: Path) -> dict[str, Any]:
    config = yaml.safe_load((folder / "Pulumi.base-dev.yaml").read_text(encoding="utf-8"))["config"]
    return {key.removeprefix(f"{PROJECT}:"): value for key, value in config.items()}


@pytest.mark.parametrize("given", [EKS, GKE, LOCAL], ids=["eks", "gke", "local"])
def test_what_is_written_is_a_base_stack(given: list[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["init", *given]) == ExitCode.DONE, "all is given"
    made = run_program("base-dev", written(folder))
    assert made.exports["apps"]["shop"]["domain"].startswith("shop."), "each app has a domain of its own"
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "pulumi stack init base-dev", "the first command"
    assert lines[-1] == "pulumi up --stack base-dev", "and the last"
    assert all(shlex.split(line) for line in lines), "each of them can be pasted"
    assert list(folder.iterdir()) == [folder / "Pulumi.base-dev.yaml"], "and nothing else lies about"


def test_the_jobs_of_each_app_are_let_in(folder: Path) -> None:
    assert main.run(["init", *EKS]) == ExitCode.DONE, "all is given"
    found = [each["ci"] for each in written(folder)["apps"]]
    assert found == [f"arn:aws:iam::123456789012:role/gitlab-{app}" for app in ("shop", "search")], "as bootstrap names"


def test_the_key_of_base_stacks_is_named_when_the_stack_is_made(capsys: pytest.CaptureFixture[str]) -> None:
    key = "awskms:///arn:aws:kms:eu-west-1:123456789012:key/k?region=eu-west-1"
    assert main.run(["init", *EKS, "--secrets-provider", key]) == ExitCode.DONE, "all is given"
    first = shlex.split(capsys.readouterr().out.splitlines()[0])
    assert first == ["pulumi", "stack", "init", "base-dev", f"--secrets-provider={key}"], "quoted for a shell"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([*EKS, "--region", "nowhere"], "eks.region"),
        ([*EKS, "--domain", "Dev.example.com"], "lower case"),
        ([*GKE, "--jobs", "arn:aws:iam::123456789012:role/x"], "Google service account"),
        ([*LOCAL, "--platform", "aks"], "eks, gke, local"),
        ([*LOCAL, "--app", "Shop"], "apps[1].name"),
    ],
)
def test_answers_that_make_no_base_stack_are_refused_and_nothing_is_written(
    given: list[str], expected: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["init", *given]) == ExitCode.BAD_INPUT, "before anything is made"
    output = capsys.readouterr().err
    assert expected in output, "the program's own words"
    assert "Traceback" not in output, "a person reads this"
    assert not list(folder.iterdir()), "and no file stays"


def test_a_config_that_is_there_is_left_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "Pulumi.base-dev.yaml"
    file.write_text("mine", encoding="utf-8")
    assert main.run(["init", *LOCAL]) == ExitCode.BAD_INPUT, "somebody may have worked on it"
    assert file.read_text(encoding="utf-8") == "mine", "not a byte"
    assert "another name" in capsys.readouterr().err, "a way out"


def test_what_no_option_says_is_asked(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    asked = []

    def prompt(question: str, **_: Any) -> str:
        asked.append(question)
        return {"Name": "dev", "What": "local", "Apps": "shop search"}[question.split(maxsplit=1)[0].rstrip(",")]

    monkeypatch.setattr(console, "interactive", lambda: True)
    monkeypatch.setattr("typer.prompt", prompt)
    assert main.run(["init"]) == ExitCode.DONE, "a person has answered"
    assert len(asked) == 3, f"on local nothing else is to be known, so not: {asked}"
    assert [each["name"] for each in written(folder)["apps"]] == ["shop", "search"], "as answered"


def test_without_a_terminal_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "interactive", lambda: False)
    assert main.run(["init", *EKS[:7]]) == ExitCode.BAD_INPUT, "nobody is there to ask"
    assert "--domain" in capsys.readouterr().err, "the option"


def test_a_config_is_written_where_pulumi_looks_for_it() -> None:
    from branchenv.clients.pulumi_cli import config_file

    assert config_file("base-dev") == ROOT / "Pulumi.base-dev.yaml", "beside Pulumi.yaml"


PAGE = (ROOT / "docs/bootstrap.md").read_text(encoding="utf-8")
INITS = [
    re.sub(r'"?\$\(.*?\)"?|"\$zone"', "Z0", each.replace("\\\n", " "))
    for block in blocks(PAGE)
    for each in re.findall(r"^branchenv init (?:.*\\\n)*.*$", block.text, re.MULTILINE)
]


@pytest.mark.parametrize("line", INITS, ids=["eks", "gke"])
def test_the_page_writes_a_config_that_is_taken(line: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(shlex.split(line)[1:]) == ExitCode.DONE, capsys.readouterr().err
    assert run_program("base-dev", written(folder)).of_type(":RoleBinding"), "a base stack that lets the jobs in"


def test_the_page_names_the_commands_that_init_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["init", *EKS]) == ExitCode.DONE, "all is given"
    for line in capsys.readouterr().out.splitlines():
        assert line in PAGE, "in the same order, for who reads before"


def test_every_variable_that_the_bootstrap_stack_gives_out_is_one_of_gitlabs_page() -> None:
    known = (ROOT / "docs/gitlab.md").read_text(encoding="utf-8")
    for cloud in ("aws", "google"):
        variables = run_example(examples()[f"bootstrap-{cloud}"]).exports["variables"]["shop"]
        for name in variables:
            assert f"`{name}`" in known, f"{name} is a variable that nothing reads"
