"""The command line: every command loads, and ends with its exit code; what a command works on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from branchenv import console
from branchenv.cli import main
from branchenv.model.context import Target, pipeline, target
from branchenv.model.errors import BranchenvError, ExitCode

_JOB = {
    "GITLAB_CI": "true",
    "CI_PROJECT_NAME": "shop",
    "CI_PROJECT_PATH": "acme/shop",
    "CI_COMMIT_BRANCH": "feature/login",
    "CI_COMMIT_SHA": "abc",
    "CI_JOB_ID": "42",
    "CI_OPEN_MERGE_REQUESTS": "acme/shop!7,acme/shop!9",
}


def test_help_lists_every_command_without_loading_one() -> None:
    code = "import sys; from branchenv.cli.main import run; run(['--help']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(name in done.stdout for name in main.SUMMARIES), "help lists all"
    loaded = done.stdout.splitlines()[-1].split()
    assert not [name for name in loaded if name.startswith("branchenv.cli.commands.")], (
        "a job does not wait for the others"
    )


def test_select_loads_no_heavy_library() -> None:
    code = "import sys; import branchenv.cli.main; import branchenv.cli.commands.select; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"gitlab", "lightkube", "jinja2", "pulumi", "pulumi_kubernetes", "rich", "pydantic", "obstore"}
    assert not heavy & set(done.stdout.split()), "it runs in every job"


@pytest.mark.parametrize("command", ["select", "up", "announce"])
def test_a_deploy_that_works_loads_nothing_that_explains_failures(command: str) -> None:
    code = f"import sys; import branchenv.cli.main; import branchenv.cli.commands.{command}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = [name for name in done.stdout.split() if name.startswith("branchenv.why")]
    assert not loaded, "who waits for a push does not wait for this"


def test_an_unknown_command_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["unlok"]) == ExitCode.BAD_INPUT, "as every wrong option"
    assert "Traceback" not in capsys.readouterr().err, "a person reads this"


def test_an_error_has_its_exit_code_and_no_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "_debug", False)
    assert main.run(["select", "a b", "--app", "shop"]) == ExitCode.BAD_INPUT, "git refuses such a name"
    shown = capsys.readouterr()
    assert not shown.out, "errors are no data"
    for part in ("branch", "a b", "rule:", "fix:"):
        assert part in shown.err, f"it says {part}"
    assert "Traceback" not in shown.err, "a person reads this"
    assert main.run(["select", "a b", "--app", "shop", "--debug"]) == ExitCode.BAD_INPUT, "the code stays"
    assert "Traceback" in capsys.readouterr().err, "it was asked for"


def test_a_job_s_predefined_variables_are_enough() -> None:
    found = target(environ=_JOB)
    assert found == Target(app="shop", branch="feature/login", base="base-local", project="acme/shop"), "all is known"
    assert found.stack == "shop.feature-login-" + found.slug.rpartition("-")[2], "<app>.<slug>"
    job = pipeline(_JOB)
    assert job is not None, "it is a job"
    assert job.merge_request == 7, "the first one that is open for the branch"


def test_a_merge_request_s_pipeline_works_on_its_source_branch() -> None:
    environ = {
        **_JOB,
        "CI_MERGE_REQUEST_IID": "9",
        "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "topic",
        "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "fork/shop",
    }
    job = pipeline(environ)
    assert job is not None, "it is a job"
    assert (job.branch, job.merge_request, job.from_fork) == ("topic", 9, True), "the fork's branch"


def test_what_is_missing_is_named_with_where_gitlab_sets_it(tmp_path: Path) -> None:
    with pytest.raises(BranchenvError) as caught:
        target(environ={}, folder=tmp_path)
    assert "BRANCHENV_APP" in str(caught.value), "which variable"
    assert "Settings > CI/CD > Variables" in str(caught.value), "and where"
    with pytest.raises(BranchenvError, match="BRANCHENV_BRANCH") as caught:
        target(environ={"GITLAB_CI": "true", "CI_PROJECT_NAME": "shop", "CI_COMMIT_TAG": "v1"}, folder=tmp_path)
    assert "tag" in caught.value.fix, "a tag's pipeline has no branch"


@pytest.mark.parametrize(
    "url", ["git@gitlab.com:acme/shop.git", "https://gitlab.com/acme/shop", "ssh://git@host:22/acme/shop.git"]
)
def test_a_checkout_tells_app_project_and_branch(url: str, tmp_path: Path) -> None:
    for command in (("init", "--quiet", "--initial-branch=topic"), ("remote", "add", "origin", url)):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    found = target(environ={}, folder=tmp_path)
    assert (found.app, found.project, found.branch) == ("shop", "acme/shop", "topic"), "as git has it"


def test_a_reserved_slug_gets_another_stack() -> None:
    made = Target(app="shop", branch="api").reserving(["api"])
    assert made.stack != "shop.api", "it is in use in the namespace"


@pytest.mark.parametrize(
    ("words", "at", "offered"), [("branchenv sl", 1, "sleep"), ("branchenv up --ima", 2, "--images")]
)
def test_a_shell_completes_commands_and_their_options(words: str, at: int, offered: str) -> None:
    asked = {**os.environ, "_BRANCHENV_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(at)}
    code = "from branchenv.cli.main import run; run([])"
    done = subprocess.run([sys.executable, "-c", code], env=asked, capture_output=True, text=True, check=False)
    assert offered in done.stdout.split(), f"what there is to type: {done.stdout}{done.stderr}"
