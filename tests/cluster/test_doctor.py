"""`branchenv doctor` on a real cluster, and as an identity that may do nothing there."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from core import publication
from tests.cluster.support.cluster import REPOSITORY
from tests.cluster.support.stacks import Base
from tests.pipeline.support.gitlab_data import Token
from tests.pipeline.support.gitlab_server import GitLabServer

_PROJECT = "acme/shop"


def _examined(base: Base, gitlab: GitLabServer, **variables: str) -> tuple[int, dict[str, dict[str, Any]]]:
    done = subprocess.run(
        [sys.executable, "-m", "branchenv", "doctor", "--json"],
        cwd=base.folder,
        env={
            **base.env,
            "PYTHONPATH": str(REPOSITORY),
            "BRANCHENV_APP": base.app,
            "BRANCHENV_BASE": base.stack,
            "BRANCHENV_PROJECT": _PROJECT,
            "BRANCHENV_GITLAB_URL": gitlab.url,
            "BRANCHENV_GITLAB_TOKEN": "token",
            **variables,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, f"it should print what it found:\n{done.stderr}"
    return done.returncode, {each["check"]: each for each in json.loads(done.stdout)}


def test_a_healthy_platform_passes_every_check(base: Base) -> None:
    with GitLabServer() as gitlab:
        gitlab.tokens["token"] = Token()
        gitlab.add_project(_PROJECT)
        code, found = _examined(base, gitlab)
    wrong = {name: each["said"] for name, each in found.items() if each["level"] != "ok"}
    assert (code, wrong) == (0, {}), "nothing is wrong with it"
    expected = {
        "pulumi",
        "backend",
        "base stack",
        "cluster",
        "permissions",
        "gateway object",
        "gateway",
        "DNS",
        "token",
    }
    assert expected <= found.keys(), "all of it was looked at"


@contextmanager
def _reading(base: Base, account: str) -> Iterator[None]:
    """Let a ServiceAccount of the app read the contract, and nothing else."""
    where = f"--namespace={publication.namespace(base.stack)}"
    subject = f"--serviceaccount={base.namespace}:{account}"
    base.cluster.kubectl("create", "rolebinding", account, f"--role={publication.READER}", subject, where)
    yield
    base.cluster.kubectl("delete", "rolebinding", account, where)


@pytest.mark.parametrize("which", ["base", "branch_service_accounts", "branch_namespaces"])
def test_rights_and_scopes_that_are_missing_are_named(
    which: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    base: Base = request.getfixturevalue(which)
    cluster = base.cluster
    token = cluster.kubectl("create", "token", "default", f"--namespace={base.namespace}").strip()
    config = json.loads(cluster.kubectl("config", "view", "--raw", "--output=json"))
    config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(config))
    with GitLabServer() as gitlab:
        gitlab.tokens["token"] = Token(scopes=("read_api",))
        gitlab.add_project(_PROJECT)
        _, stranger = _examined(base, gitlab, KUBECONFIG=str(file))
        with _reading(base, "default"):
            code, found = _examined(base, gitlab, KUBECONFIG=str(file))
    assert publication.READER in stranger["base stack"]["fix"], (
        "who may not even read the contract is told what to ask for"
    )
    assert code == 1, "a deploy would fail"
    assert found["permissions"]["level"] == "fail", "this identity may do nothing"
    what = "create namespaces" if which == "branch_namespaces" else "create deployments"
    assert what in found["permissions"]["said"], "a person is told what it may not"
    asked = "create serviceaccounts" in found["permissions"]["said"]
    assert asked == (which == "branch_service_accounts"), "what no branch needs is not missing"
    assert found["token"]["level"] == "fail", "this token may not write a note"
    assert "api" in found["token"]["fix"], "and which scope it lacks"
