"""What `branchenv list`, `logs` and `open` tell of environments that really run."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from branchenv.clients.kubernetes import Cluster
from branchenv.inventory.cluster_records import environments
from tests.cluster.support.cluster import REPOSITORY
from tests.cluster.support.stacks import FIRST, Base, Branches
from tests.cluster.support.waiting import until


def branchenv(base: Base, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a person would."""
    env = {**os.environ, **base.env, "BRANCHENV_BASE": base.stack, "BRANCHENV_APP": base.app}
    command = [sys.executable, "-m", "branchenv", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)


def listed(base: Base) -> dict[str, Any]:
    """Return the listed environments by branch."""
    done = branchenv(base, "list", "--json")
    assert done.returncode == 0, done.stderr
    return {each["branch"]: each for each in json.loads(done.stdout)["environments"]}


def test_a_running_environment_is_listed_ready_and_its_objects_alone_are_an_orphan(
    base: Base, branches: Branches, monkeypatch: pytest.MonkeyPatch
) -> None:
    branch = branches("feature/listed")
    branch.up(image=FIRST)
    found = listed(base)[branch.name]
    assert (found["state"], found["why"]) == ("ready", ""), "its pod is ready"
    assert (found["url"], found["namespace"]) == (branch.url, base.namespace), "where it is"

    opened = branchenv(base, "open", branch.name)
    assert opened.stdout.strip() == branch.url, opened.stderr
    logs = branchenv(base, "logs", branch.name, "--tail", "5")
    assert logs.returncode == 0, logs.stderr

    # State lost, objects left: what a sweep must find.
    branch.pulumi.run("stack", "rm", "--force", "--yes", branch.stack).ok()
    orphan = listed(base)[branch.name]
    assert (orphan["state"], orphan["why"]) == ("orphan", "leftover objects without a stack"), "nobody else would tell"
    monkeypatch.setenv("KUBECONFIG", base.env["KUBECONFIG"])
    cluster = Cluster.connect()
    (record,) = [each for each in environments(cluster, base.app) if each.slug == branch.slug]
    cluster.delete(record)
    until(lambda: not branch.objects(going=False), what="the anchor takes everything with it")
