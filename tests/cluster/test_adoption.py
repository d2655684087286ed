"""Objects that are there before a stack makes them: somebody else's stay theirs, one's own are gone on with."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.support.cluster import Cluster
from tests.cluster.support.pulumi import Pulumi, Result
from tests.cluster.support.slots import slot
from tests.cluster.support.stacks import FIRST, Base, Branches, copy_program, write_config


@pytest.fixture
def fresh(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Base]:
    """A base stack that has never been up; what is in its namespace is removed after the test."""
    with slot(cluster) as app:
        program = copy_program(tmp_path_factory.mktemp("adoption") / "program")
        made = Base(cluster=cluster, app=app, folder=program, env=cluster.env)
        write_config(made.folder, made.stack, made.config())
        Pulumi(made.folder, made.env).run("stack", "select", "--create", made.stack).ok()
        yield made
        made.destroy().ok()
        cluster.kubectl("delete", "namespace", app, "--ignore-not-found")


def up(base: Base, *command: str) -> Result:
    return Pulumi(base.folder, base.env).run(*(command or ("up", "--yes", "--skip-preview")), "--stack", base.stack)


def namespace(base: Base, **labels: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": base.namespace, "labels": labels}}


def test_a_namespace_of_somebody_elses_is_neither_taken_over_nor_deleted(fresh: Base) -> None:
    fresh.cluster.apply(namespace(fresh, team="another"))
    says = (f"Namespace {fresh.namespace} is there already", "fix: choose another name")
    up(fresh, "preview").refused(*says)
    up(fresh).refused(*says)
    fresh.destroy().ok()
    labels = fresh.cluster.get("namespace", fresh.namespace)["metadata"]["labels"]
    assert labels["team"] == "another", "it is there"
    assert "branch-environments/app" not in labels, "and as it was"


def test_what_a_killed_up_made_is_gone_on_with(fresh: Base) -> None:
    own = {"app.kubernetes.io/managed-by": "branch-environments", "branch-environments/app": fresh.app}
    fresh.cluster.apply(namespace(fresh, **own))
    up(fresh).ok()


def test_an_administrators_branch_does_not_take_over_what_is_in_its_way(base: Base, branches: Branches) -> None:
    branch = branches("in-the-way")
    theirs = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": branch.slug, "namespace": base.namespace, "labels": {"team": "another"}},
        "data": {"a": "b"},
    }
    base.cluster.apply(theirs)
    pulumi = Pulumi(branch.folder, base.env)
    branch.select()
    try:
        pulumi.run("up", "--yes", "--skip-preview", *branch.arguments(image=FIRST)).refused(
            "rule adoption", "no branch"
        )
        found = base.cluster.get("configmap", branch.slug, f"--namespace={base.namespace}")
        assert found["data"] == {"a": "b"}, f"it is as it was: {json.dumps(found)}"
    finally:
        base.cluster.kubectl("delete", "configmap", branch.slug, f"--namespace={base.namespace}")
    pulumi.run("up", "--yes", "--skip-preview", *branch.arguments(image=FIRST)).ok()
