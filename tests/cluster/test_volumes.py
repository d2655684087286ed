"""Volumes of an environment file: what is in them stays as long as the branch, and no longer."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cluster.support.bases import branches_on
from tests.cluster.support.branchenv import Branchenv
from tests.cluster.support.cluster import local
from tests.cluster.support.gateway import Gateway
from tests.cluster.support.stacks import FIRST, SECOND, Base, Branch, Branches
from tests.cluster.support.waiting import until


@pytest.fixture
def apart(branch_namespaces: Base) -> Iterator[Branches]:
    """Makes branches that have a namespace each, on a cluster that has volumes."""
    local("addons", "local-path")
    yield from branches_on(branch_namespaces)


def environment(folder: Path) -> str:
    """Write an environment file of an app that keeps notes."""
    file = folder / "environment.yaml"
    notes = {
        "image": FIRST,
        "probes": {"path": "/healthz"},
        "env": {"NOTES": "/var/lib/shop/notes"},
        "volumes": {"notes": {"path": "/var/lib/shop", "size": "16Mi"}},
        "routes": [{"path": "/"}],
    }
    file.write_text(yaml.safe_dump({"workloads": {"web": notes}}))
    return str(file)


def note(branch: Branch, gateway: Gateway, text: str) -> None:
    """Let the app keep a line."""
    answer = gateway.get(branch.host, "/notes", method="POST", body=text)
    assert answer.status == 200, f"the container writes to its volume, though it is not root: {answer.body}"


def volumes(base: Base, namespace: str) -> list[str]:
    """Return the names of the volumes that a branch's claims have."""
    found = base.cluster.get("persistentvolumes")["items"]
    return sorted(
        each["metadata"]["name"] for each in found if each["spec"].get("claimRef", {}).get("namespace") == namespace
    )


def test_a_volume_is_kept_by_a_push_and_by_sleep_and_goes_with_a_reset_and_with_its_branch(
    apart: Branches, workdir: Path
) -> None:
    branch = apart("feature/keeps")
    base, gateway = branch.base, branch.base.gateway
    tool = Branchenv(branch=branch, folder=workdir, env=base.deployer_env)
    file = environment(workdir)
    tool.run("up", "--environment", file).ok()
    gateway.until_status(branch.host)
    note(branch, gateway, "first")
    before = volumes(base, base.home(branch.slug))
    assert len(before) == 1, f"one volume: {before}"

    tool.run("up", "--environment", file, "--image", SECOND).ok()
    until(lambda: gateway.runs(branch.host, "2.0"), what="a second push has its pod made anew")
    assert gateway.get(branch.host, "/notes").json == ["first"], "with the volume"
    tool.run("sleep").ok()
    tool.run("wake").ok()
    gateway.until_status(branch.host)
    note(branch, gateway, "second")
    assert gateway.get(branch.host, "/notes").json == ["first", "second"], "sleep keeps it as well"

    tool.run("reset-data").ok()
    assert gateway.until_status(branch.host, path="/notes").json == [], "fresh data are an empty volume"
    until(lambda: len(volumes(base, base.home(branch.slug))) == 1, what="the old one is deleted", seconds=60)
    assert volumes(base, base.home(branch.slug)) != before, "it is another"

    tool.run("down", "--yes").ok()
    until(lambda: not volumes(base, base.home(branch.slug)), what="nothing is left of them", seconds=60)


def test_where_branches_share_a_namespace_a_volume_is_refused_before_anything_is_made(
    branches: Branches, workdir: Path
) -> None:
    branch = branches("feature/keeps-nothing")
    refused = branch.try_up(environment=environment(workdir))
    refused.refused("volumes", "only where each has a namespace of its own", "isolation.namespacePerBranch")
    assert not branch.objects(), "nothing was made"
