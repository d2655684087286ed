"""The image of the jobs, as far as it can be looked at without a container engine."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from tests.unit.recording import ROOT

IMAGE = ROOT / "ci/image"
DOCKERFILE = (IMAGE / "Dockerfile").read_text(encoding="utf-8")
IGNORED = (IMAGE / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()

# For base stacks, and for tests.
_NOT_FOR_JOBS = {"pulumi-aws", "pulumi-gcp", "pytest"}

# What the jobs run: the branch program, and every command of branchenv.
_IMPORT_ALL = """
import importlib, importlib.abc, importlib.metadata, pathlib, re, sys

allowed = set(sys.argv[1].split(","))

def norm(name):
    return re.sub(r"[-_.]+", "-", name).lower()

owners = importlib.metadata.packages_distributions()

class OnlyTheImage(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        owned_by = {norm(each) for each in owners.get(top, ())}
        if owned_by and not owned_by & allowed:
            raise ModuleNotFoundError(f"No module named {name!r} in the image: {sorted(owned_by)}", name=name)

sys.meta_path.insert(0, OnlyTheImage())
sys.path.insert(0, "")
import stacks.branch.stack
for file in sorted(pathlib.Path("branchenv").rglob("*.py")):
    name = ".".join(file.with_suffix("").parts)
    if not name.endswith("__main__"):
        importlib.import_module(name.removesuffix(".__init__"))
heavy = {"pulumi_aws", "pulumi_gcp", "stacks.base.stack"} & set(sys.modules)
assert not heavy, f"a branch's jobs import {heavy}"
"""


def _pins(path: Path) -> dict[str, str]:
    found = re.findall(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: version.rstrip("\\").strip() for name, version in found}


def _argument(name: str) -> str:
    found = re.search(rf"^ARG {name}=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert found, f"the Dockerfile has an argument {name}"
    return found[1]


def test_what_the_image_installs_is_what_the_program_is_tested_with() -> None:
    image, program = _pins(IMAGE / "requirements.txt"), _pins(ROOT / "requirements.txt")
    assert image, "the image has requirements"
    differing = {name: version for name, version in image.items() if program.get(name) != version}
    assert not differing, f"other versions than the program's: {differing}; run: make lock"


def test_the_image_has_no_cloud_sdk_that_it_was_not_asked_for() -> None:
    assert _argument("CLOUD") == "none", "most branches have no identity in a cloud"
    assert not {"pulumi-aws", "pulumi-gcp"} & set(_pins(IMAGE / "requirements.txt")), (
        "half a gigabyte that no branch uses"
    )


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_an_image_with_a_cloud_has_its_sdk_and_its_plugin(cloud: str) -> None:
    program, more = _pins(ROOT / "requirements.txt"), _pins(IMAGE / f"requirements-{cloud}.txt")
    assert {"pulumi-aws", "pulumi-gcp"} & set(more) == {f"pulumi-{cloud}"}, "its own, and not the other's"
    differing = {name: version for name, version in more.items() if program.get(name) != version}
    assert not differing, f"other versions than the program's: {differing}; run: make lock"
    assert _argument(f"{cloud.upper()}_PLUGIN_VERSION") == program[f"pulumi-{cloud}"], "the SDK asks for this plugin"


@pytest.mark.parametrize(
    ("cloud", "installs"), [("none", ""), ("aws", "aws 7.51.1"), ("gcp", "gcp 10.2.0"), ("azure", None)]
)
def test_the_argument_chooses_the_plugin(cloud: str, installs: str | None, tmp_path: Path) -> None:
    (command,) = re.findall(r'^RUN (case "\$\{CLOUD\}" in .+?)\n(?=\S)', DOCKERFILE, re.MULTILINE | re.DOTALL)
    calls = tmp_path / "calls"
    spoken = (
        f'python() {{ echo "$@" >> {calls}; }}; pulumi() {{ echo "$@" >> {calls}; }}; chmod() {{ :; }}; rm() {{ :; }}\n'
    )
    arguments = {name: _argument(name) for name in ("RELEASES", "AWS_PLUGIN_VERSION", "GCP_PLUGIN_VERSION")}
    done = subprocess.run(
        ["sh", "-c", spoken + command.replace("\\\n", "").replace("/opt/pulumi/bin/pulumi", "pulumi")],
        env={"CLOUD": cloud, "CLOUD_PLUGIN_SHA256": "abc", **arguments},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) == (installs is not None), f"{cloud} is known or not: {done.stderr}"
    if installs:
        archive = "/tmp/cloud.tar.gz"
        assert calls.read_text().splitlines() == [
            f"/tmp/release.py {installs} {archive} --releases {arguments['RELEASES']} --sha256 abc",
            f"plugin install resource {installs} --file {archive}",
        ], "what is installed is what was meant, and was checked"
    else:
        assert not calls.exists(), "nothing is installed"


@pytest.mark.parametrize("name", ["requirements", "requirements-aws", "requirements-gcp"])
def test_every_requirement_of_the_image_has_a_hash(name: str) -> None:
    text = (IMAGE / f"{name}.txt").read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    bare = [block.partition(" ")[0] for block in blocks if "--hash=sha256:" not in block]
    assert not bare, f"pip refuses the file with --require-hashes: {bare}"


def test_the_cli_and_the_plugin_are_those_of_the_pins() -> None:
    pins = _pins(ROOT / "requirements.txt")
    tested = re.search(r"github\.com/pulumi/pulumi/pkg/v3 v(\S+)", (ROOT / "local/toolchain/go/go.mod").read_text())
    assert tested, "the tests' own CLI has a pin"
    assert _argument("PULUMI_VERSION") == tested[1], "it is the CLI that the tests run"
    assert Version(tested[1]) >= Version(pins["pulumi"]), "a CLI may not know what a newer SDK asks for"
    assert _argument("KUBERNETES_PLUGIN_VERSION") == pins["pulumi-kubernetes"], "the SDK asks for this plugin"


def test_every_copied_file_is_there_and_reaches_the_build() -> None:
    copied = re.findall(r"^COPY (?:--chmod=\d+ )?(?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
    sources = [source for line in copied for source in line.split()[:-1]]
    assert sources, "the Dockerfile copies from the context"
    for source in sources:
        assert (ROOT / source).exists(), f"COPY {source}: there is no such file"
        assert f"!{source}" in IGNORED, f"COPY {source}: Dockerfile.dockerignore keeps it from the build"


def test_every_folder_that_the_program_imports_is_copied() -> None:
    needed = {"Pulumi.yaml", "__main__.py", "branchenv", "components", "core", "stacks"}
    assert needed <= set(DOCKERFILE.split()), "the program runs in the image as it is here"


def test_the_packages_are_where_the_project_file_says() -> None:
    options = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))["runtime"]["options"]
    assert f"python -m venv {options['virtualenv']}" in DOCKERFILE, "the language host looks there for Python"


def test_jobs_do_not_run_as_root() -> None:
    users = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)
    assert users, "without it, jobs run as root"
    assert users[-1].split(":")[0] not in {"0", "root"}, "what a branch runs there is not to be trusted"


def test_nothing_in_the_image_floats() -> None:
    assert re.search(r":\d+\.\d+\.\d+", _argument("BASE")), "a build is repeatable"
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE))
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) <= {"${BASE}", *stages}, (
        "and begins with this alone"
    )
    assert not re.search(r"^ADD|curl|wget", DOCKERFILE, re.MULTILINE), "release.py checks what is downloaded"


@pytest.mark.parametrize(
    ("cloud", "used"),
    [
        ("none", "stacks.branch.identity"),
        ("aws", "pulumi_aws pulumi_aws.iam pulumi_aws.eks"),
        ("gcp", "pulumi_gcp pulumi_gcp.storage pulumi_gcp.projects"),
    ],
)
def test_the_jobs_import_nothing_that_the_image_does_not_have(cloud: str, used: str) -> None:
    names = ["requirements", *([] if cloud == "none" else [f"requirements-{cloud}"])]
    allowed = ",".join(name for file in names for name in _pins(IMAGE / f"{file}.txt"))
    code = _IMPORT_ALL + "".join(f"importlib.import_module({name!r})\n" for name in used.split())
    done = subprocess.run([sys.executable, "-c", code, allowed], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"in the image this fails:\n{done.stderr}"


def test_the_requirements_name_what_the_program_names() -> None:
    """Whoever adds a requirement to the program decides whether the image needs it."""

    def named(path: Path) -> set[str]:
        lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
        return {Requirement(line).name for line in lines if line and not line.startswith("-")}

    missing = named(ROOT / "requirements.in") - named(IMAGE / "requirements.in") - _NOT_FOR_JOBS
    assert not missing, f"neither in ci/image/requirements.in nor known not to be for jobs: {missing}"
