"""`branchenv` can be installed: its package says what it needs, and it finds the program."""

import ast
import re
import sys
import tomllib
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from branchenv.cli.main import run
from branchenv.clients import program
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.version import VERSION

_REPOSITORY = Path(__file__).resolve().parents[3]
_PROJECT = tomllib.loads((_REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
_OWN = {"branchenv", "core"}
_DISTRIBUTIONS = {
    "gitlab": "python-gitlab",
    "google": "google-auth[requests]",
    "prometheus_client": "prometheus-client",
    "yaml": "pyyaml",
}
"""Of modules that are called otherwise."""
_COME_WITH_OTHERS = {"httpx2": "lightkube", "markupsafe": "jinja2", "requests": "python-gitlab"}


def _imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return {each.partition(".")[0] for each in found}


def test_the_package_needs_what_branchenv_imports() -> None:
    imported = {name for room in _OWN for file in (_REPOSITORY / room).rglob("*.py") for name in _imports(file)}
    modules = imported - _OWN - set(sys.stdlib_module_names)
    needed = {_COME_WITH_OTHERS.get(each) or _DISTRIBUTIONS.get(each, each) for each in modules}
    assert sorted(needed) == sorted(_PROJECT["dependencies"]), "nothing is missing after `uv tool install`"


def test_the_constraints_of_the_documented_command_have_every_dependency() -> None:
    pinned = set(
        re.findall(r"^([a-z0-9-]+)==", (_REPOSITORY / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert {each.partition("[")[0] for each in _PROJECT["dependencies"]} <= pinned, "at the tested version"


@pytest.mark.parametrize("arguments", [["--version"], ["--version", "up"]])
def test_the_version_is_the_project_s_one(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == ExitCode.DONE, "it was asked for"
    assert capsys.readouterr().out == f"branchenv {VERSION}\n", "on stdout, for scripts"


def test_the_program_is_the_checkout_that_the_package_is_part_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BRANCHENV_PROGRAM", raising=False)
    assert program.folder() == _REPOSITORY, "an editable install has it"


def test_an_installed_branchenv_finds_the_checkout_that_it_was_installed_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BRANCHENV_PROGRAM", raising=False)
    checkout = tmp_path / "a checkout"
    checkout.mkdir()
    (checkout / "Pulumi.yaml").touch()
    recorded = f'{{"url": "{checkout.as_uri()}", "dir_info": {{}}}}'

    class Installed:
        def read_text(self, _name: str) -> str:
            return recorded

    monkeypatch.setattr(program, "__file__", str(tmp_path / "site-packages/branchenv/program.py"))
    monkeypatch.setattr(Distribution, "from_name", lambda _: Installed())
    assert program.folder() == checkout, "PEP 610 says where it came from"


def test_a_wheel_alone_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BRANCHENV_PROGRAM", raising=False)
    monkeypatch.setattr(program, "__file__", str(tmp_path / "site-packages/branchenv/program.py"))
    with pytest.raises(BranchenvError, match="not installed from a checkout") as caught:
        program.folder()
    assert "BRANCHENV_PROGRAM" in caught.value.fix, "what to set"


def test_a_fresh_checkout_is_told_to_install_its_packages(tmp_path: Path) -> None:
    with pytest.raises(BranchenvError, match="packages are not installed") as caught:
        program.check_packages(tmp_path)
    assert caught.value.fix == f"make -C {tmp_path} venv", "it can be pasted"
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").touch()
    program.check_packages(tmp_path)
