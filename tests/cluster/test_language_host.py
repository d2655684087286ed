"""Our language host, which replaces the official one: what it does alike, and what it leaves out and says so.

No cluster is touched: the programs register nothing, and each has a backend of its own.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.support.cluster import Cluster
from tests.cluster.support.pulumi import Pulumi, Result

_UP = ("up", "--yes", "--skip-preview", "--stack", "test")

Project = Callable[..., Pulumi]


@pytest.fixture
def project(cluster: Cluster, workdir: Path) -> Project:
    """Make a project of one program, with a stack."""

    def make(program: str, *, options: str = "", venv: Path = Path(sys.prefix), **env: str) -> Pulumi:
        runtime = f"runtime:\n  name: python\n  options:\n    toolchain: pip\n    virtualenv: .venv\n{options}"
        (workdir / "Pulumi.yaml").write_text(f"name: host\n{runtime}")
        (workdir / "__main__.py").write_text(program)
        (workdir / ".venv").symlink_to(venv)
        (workdir / "state").mkdir()
        backend = f"file://{workdir}/state?metadata=skip"
        made = Pulumi(workdir, {**cluster.env, "PULUMI_BACKEND_URL": backend, **env})
        made.run("stack", "init", "test").ok()
        return made

    return make


def _up(project: Pulumi) -> Result:
    return project.run(*_UP)


def test_a_program_runs_in_a_process_of_its_own_with_the_packages_of_its_virtual_environment(project: Project) -> None:
    made = project(
        "import os, sys, pulumi\n"
        "from pulumi.runtime.config import is_config_secret\n"
        "pulumi.export('python', sys.executable)\n"
        "pulumi.export('parent', open(f'/proc/{os.getppid()}/comm').read().strip())\n"
        "pulumi.export('paths', sys.path)\n"
        "pulumi.export('here', os.getcwd())\n"
        "pulumi.export('known', pulumi.Config().get('known'))\n"
        "pulumi.export('secret', pulumi.Config().get_secret('secret'))\n"
        "pulumi.export('secrets', [key for key in ('known', 'secret') if is_config_secret(f'host:{key}')])\n"
    )
    made.run("config", "set", "--stack", "test", "known", "k").ok()
    made.run("config", "set", "--stack", "test", "--secret", "secret", "s").ok()
    _up(made).ok()
    found = made.json("stack", "output", "--json", "--show-secrets", "--stack", "test")
    assert found["python"] == str(made.folder / ".venv/bin/python"), "of the virtual environment in Pulumi.yaml"
    assert found["parent"] == "pulumi-language", "not the language host's own process (its name, as the kernel cuts it)"
    assert found["here"] == str(made.folder), "the program's folder"
    assert (found["known"], found["secret"]) == ("k", "s"), "config has come"
    assert found["secrets"] == ["secret"], "and which of it is to be kept secret"
    assert not [path for path in found["paths"] if "/local/" in path], "no folder of ours is imported from by accident"


def test_without_pip_no_update_begins(project: Project, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    _up(project("print('ran')", venv=bare)).refused(
        "failed to discover package requirements", "-m pip list --format json`: exit status 1"
    )


@pytest.mark.parametrize(
    ("file", "plugin"),
    [
        ({"resource": True, "name": "other", "version": "2.0.0"}, ("other", "2.0.0")),
        ({"resource": True}, ("nothing-at-all", "1.2.3")),
        (None, ("nothing-at-all", "1.2.3")),
        ({"resource": False}, None),
    ],
    ids=["named in its file", "named as the package", "without a file", "has none"],
)
def test_the_engine_is_told_the_plugins_of_the_packages(
    file: dict[str, Any] | None, plugin: tuple[str, str] | None, project: Project, tmp_path: Path
) -> None:
    described = tmp_path / "pulumi_nothing_at_all-1.2.3.dist-info/METADATA"
    module = tmp_path / "pulumi_nothing_at_all"
    for folder in (described.parent, module):
        folder.mkdir()
    described.write_text("Metadata-Version: 2.1\nName: pulumi_nothing-at-all\nVersion: 1.2.3\n")
    (module / "__init__.py").touch()
    if file:
        (module / "pulumi-plugin.json").write_text(json.dumps(file))
    about = project("", PYTHONPATH=str(tmp_path)).json("about", "--json")
    plugins = [(each["name"], each["version"]) for each in about["plugins"]]
    assert [each for each in plugins if each[0] in ("other", "nothing-at-all")] == ([plugin] if plugin else []), (
        "so that the plugin is there, in that version, before the first resource asks for it"
    )


def test_what_is_asked_of_the_environment_is_shown(project: Project) -> None:
    about = project("").json("about", "--json")
    runtime = about["runtime"]
    assert runtime["executable"].endswith("/.venv/bin/python"), "whose Python"
    assert runtime["toolchain"] == "Pip", "who installs packages"
    assert "pulumi-kubernetes" in {each["name"] for each in about["dependencies"]}, "what the program may import"


@pytest.mark.parametrize(
    ("ending", "says"),
    [("sys.exit(3)", "program exited with non-zero exit code: 3"), ("os.abort()", "non-zero exit code: -1")],
)
def test_a_program_that_ends_badly_is_an_error_with_its_exit_code(ending: str, says: str, project: Project) -> None:
    failed = _up(project(f"import os, sys\nprint('said', flush=True)\n{ending}"))
    assert failed.code != 0, "the update failed"
    assert says in failed.output, f"the code is named:\n{failed.output}"
    assert "said" in failed.output, "what it printed is shown"


def test_a_program_that_has_told_what_is_wrong_adds_no_other_error(project: Project) -> None:
    failed = _up(project("import pulumi, sys\npulumi.log.error('no image')\nsys.exit(32)"))
    failed.refused("error: no image")
    assert "exit code" not in failed.output, f"a second error would hide the first:\n{failed.output}"


def test_an_exception_shows_the_programs_own_lines_of_its_traceback(project: Project) -> None:
    failed = _up(project("def broken():\n    return 1 / 0\n\nbroken()"))
    assert failed.code != 0, "the update failed"
    assert "ZeroDivisionError" in failed.output, f"the exception is shown:\n{failed.output}"
    assert "in broken" in failed.output, "with the program's line"
    assert "pulumi-language-python-exec" not in failed.output, "and without Pulumi's own"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_when_the_engine_is_told_to_stop_the_program_is_interrupted(number: int, project: Project) -> None:
    made = project(
        "import pulumi, signal, sys, time\n"
        "def leave(*_):\n"
        "    open('interrupted', 'w').close()\n"
        "    sys.exit(32)\n"
        "signal.signal(signal.SIGINT, leave)\n"
        "print('started', flush=True)\n"
        "time.sleep(60)\n"
    )
    running = made.start(*_UP)
    running.read_until("started")
    running.tell(number)
    assert (made.folder / "interrupted").exists(), "as the official host does it: by SIGINT, whatever the engine got"


def test_a_type_checker_is_refused_as_none_is_run(project: Project) -> None:
    made = project("x: int = 'a'", options="    typechecker: mypy\n")
    _up(made).refused("typechecker option: this language host checks no types", "run mypy before pulumi")


def test_a_debugger_is_refused_as_none_is_attached(project: Project) -> None:
    made = project("print('ran')")
    failed = made.run(*_UP, "--attach-debugger=program")
    failed.refused("this language host attaches no debugger")
    assert "ran" not in failed.output, "the program waits for no debugger, and does not run without"


def test_a_policy_pack_is_refused_as_none_is_run(project: Project) -> None:
    made = project("print('ran')")
    pack = made.folder / "pack"
    pack.mkdir()
    (pack / "PulumiPolicy.yaml").write_text("runtime: python\nversion: 0.0.1\n")
    (pack / "__main__.py").touch()
    failed = made.run(*_UP, "--policy-pack", str(pack))
    failed.refused("method RunPlugin not implemented")
    assert "ran" not in failed.output, "nothing is deployed that nobody judged"
