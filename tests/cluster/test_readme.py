"""The README's commands, pasted into one shell in a fresh copy of the repository, do and print what it says."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from core.defaults import DEFAULT_BASE
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.slots import slot
from tests.readme import PRINTS, README, ROOT, RUN, Block, blocks, first_missing

_END = "--- end of block"
_MAX_WAIT = 300


@pytest.fixture
def app(cluster: Cluster) -> Iterator[str]:
    """An app of this test's own, in the place of the README's `shop`, which the demo may have up."""
    with slot(cluster) as name:
        yield name


@pytest.fixture
def copy(tmp_path: Path, app: str) -> Path:
    """A copy of what git knows of the repository, with a base stack of this test's own.

    The demo's may be up: two of one name would publish their contracts at one place, and the second is refused.
    """
    folder = tmp_path / "copy"
    folder.mkdir()
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    # Links instead of an installation of its own, which takes a minute. Launchers that name a checkout are replaced,
    # not written to, so those of this checkout stay as they are.
    same_disk = (ROOT / ".venv").stat().st_dev == folder.stat().st_dev
    subprocess.run(["cp", "-al" if same_disk else "-a", str(ROOT / ".venv"), str(folder)], check=True)
    base = folder / "examples/base/local.yaml"
    config = yaml.safe_load(base.read_text())
    config["config"]["branch-environments:apps"] = [{"name": app, "domain": f"{app}.localhost"}]
    config["config"]["branch-environments:gateway"]["name"] = app
    config["config"]["branch-environments:publicPort"] = int(os.environ.get("GATEWAY_PORT", "8080"))
    base.write_text(yaml.safe_dump(config))
    for name in ("Pulumi.yaml", "core/defaults.py"):
        file = folder / name
        file.write_text(file.read_text().replace(DEFAULT_BASE, _base(app)))
    author = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    for command in (["init"], ["add", "."], [*author, "commit", "--message=copy"]):
        subprocess.run(["git", *command], cwd=folder, capture_output=True, check=True)
    return folder


@pytest.fixture
def shell(tmp_path: Path, copy: Path, cluster: Cluster) -> Iterator[dict[str, str]]:
    """A shell's environment as a person has it, but with a Pulumi backend of its own; removes what is left."""
    backend = tmp_path / "backend"
    backend.mkdir()
    own = {"PULUMI_BACKEND_URL": f"file://{backend}?metadata=skip", "PULUMI_CONFIG_PASSPHRASE": "test"}
    yield {name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "KUBECONFIG"))} | own
    found = subprocess.run(
        ["pulumi", "stack", "ls", "--json"],
        cwd=copy,
        env=cluster.env | own,
        capture_output=True,
        text=True,
        check=False,
    )
    # Branches before the base that they stand on.
    for stack in sorted(re.findall(r'"name": "([^"]+)"', found.stdout), key=lambda name: name.startswith("base-")):
        subprocess.run(
            ["pulumi", "destroy", "--yes", "--skip-preview", "--stack", stack],
            cwd=copy,
            env=cluster.env | own,
            check=False,
        )


def test_the_commands_of_the_readme_work_when_pasted(copy: Path, shell: dict[str, str], app: str) -> None:
    found = [block for block in blocks(README.read_text(encoding="utf-8")) if block.mark in {RUN, PRINTS}]
    commands = [block for block in found if block.mark == RUN]
    script = "".join(f"{_for(app, block)}echo '{_END}'\n" for block in commands)

    done = subprocess.run(
        ["bash", "-euo", "pipefail"],
        input=script,
        cwd=copy,
        env=shell,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_MAX_WAIT,
        check=False,
    )

    printed = done.stdout.split(f"{_END}\n")
    assert done.returncode == 0, f"block {len(printed)} of the README's commands failed:\n{printed[-1]}"
    for number, block in enumerate(found):
        if block.mark == PRINTS:
            output = printed[sum(each.mark == RUN for each in found[:number]) - 1]
            missing = first_missing(_for(app, block), output)
            assert missing is None, f"the README promises {missing!r}, which is not printed in its place:\n{output}"
    status = ["git", "status", "--short"]
    for command in (status, [*status, "--ignored", "--", "Pulumi*"]):
        left = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=True).stdout
        assert not left, "a person who followed the README would have changed files, or those of a stack, lying about"


def _for(app: str, block: Block) -> str:
    """Name this test's app, its base stack and the gateway's port where the README has the demo's."""
    text = block.text.replace("shop.local/", "IMAGE/").replace(DEFAULT_BASE, _base(app))
    text = re.sub(r"\bshop\.", f"{app}.", text).replace("IMAGE/", "shop.local/")
    return text.replace(":8080", f":{os.environ.get('GATEWAY_PORT', '8080')}")


def _base(app: str) -> str:
    return f"base-{app}-readme"
