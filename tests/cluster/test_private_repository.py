"""Main from elsewhere than a public repository: Argo CD reads it with the credentials of the base stack's config."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local.cluster.network import HOST_ADDRESS
from tests.cluster.support import cluster as clusters
from tests.cluster.support import git_server
from tests.cluster.support.cluster import REPOSITORY, Cluster
from tests.cluster.support.publishers import publishers
from tests.cluster.support.pulumi import Pulumi
from tests.cluster.support.repository import Repository
from tests.cluster.support.slots import slot
from tests.cluster.support.stacks import PROJECT, Base, copy_program, write_config
from tests.cluster.support.waiting import until

SECONDS = 60.0
USERNAME, PASSWORD = "deploy-token", "correct horse"


@contextmanager
def _synced(cluster: Cluster, folder: Path, app: str, source: Mapping[str, Any]) -> Iterator[Base]:
    """Give a base stack whose one app's main comes from somewhere; not up yet, and without credentials."""
    clusters.local("addons")
    base = Base(cluster=cluster, app=app, folder=copy_program(folder / "program"), env=cluster.env)
    values = {"serviceAccount": app, "gateway": f"istio-system/{app}"}
    argocd = {"values": values, "cascade": True, **source}
    _remove_leftovers(base)
    config = base.config(apps=[{"name": app, "domain": base.domain, "argocd": argocd}])
    write_config(base.folder, base.stack, config)
    Pulumi(base.folder, base.env).run("stack", "select", "--create", base.stack).ok()
    try:
        yield base
    finally:
        base.destroy().ok()
        _remove_leftovers(base)


@pytest.fixture
def private(cluster: Cluster, tmp_path: Path) -> Iterator[Base]:
    """A base stack whose one app has its chart in a private repository."""
    Repository(tmp_path / "git" / "shop").make()
    with (
        slot(cluster) as app,
        git_server.serve(tmp_path / "git", username=USERNAME, password=PASSWORD) as server,
        _synced(cluster, tmp_path, app, {"repository": f"{server}/shop/.git"}) as base,
    ):
        yield base


@pytest.fixture
def published(cluster: Cluster, tmp_path: Path) -> Iterator[Base]:
    """A base stack whose one app has its chart in a chart repository."""
    clusters.local("helm")
    clusters.local("registry")
    with slot(cluster) as app, publishers(tmp_path / "published", HOST_ADDRESS) as found:
        found.publish(REPOSITORY / "examples/shop/chart", "1.0.0")
        source = {"repository": found.repository, "chart": "shop", "revision": "1.0.0"}
        with _synced(cluster, tmp_path, app, source) as base:
            yield base


def _remove_leftovers(base: Base) -> None:
    for kind, name in (("application", base.app), ("appproject", base.app), ("secret", f"repository-{base.app}")):
        base.cluster.kubectl("delete", kind, name, "--namespace=argocd", "--ignore-not-found")


def _up(base: Base, password: str) -> None:
    pulumi = Pulumi(base.folder, base.env)
    for key, value in (("username", USERNAME), ("password", password)):
        path = f"{PROJECT}:repositoryCredentials.{base.app}.{key}"
        pulumi.run("config", "set", "--secret", "--path", path, value, "--stack", base.stack).ok()
    done = pulumi.run("up", "--yes", "--skip-preview", "--stack", base.stack).ok()
    assert password not in done.output, "a password is shown to nobody"


def _complaint(base: Base) -> str:
    """What Argo CD says is wrong with the Application."""
    found = base.cluster.get("application", base.app, "--namespace=argocd")
    return " ".join(each["message"] for each in found.get("status", {}).get("conditions", []))


def test_a_private_repository_is_read_with_the_right_password_and_with_no_other(private: Base) -> None:
    _up(private, "wrong battery")
    complaint = until(lambda: _complaint(private), what="the Application says what is wrong", seconds=SECONDS)
    assert "authentication" in complaint, f"it is the password: {complaint}"
    assert private.gateway.get(f"main.{private.domain}").status == 404, "nothing was synced"

    _up(private, PASSWORD)
    host = f"main.{private.domain}"
    until(lambda: private.gateway.get(host).status == 200, what="main's URL answers", seconds=SECONDS)
    until(lambda: not _complaint(private), what="the complaint is gone", seconds=SECONDS)

    exported = Pulumi(private.folder, private.env).run("stack", "export", "--stack", private.stack).ok().output
    config = (private.folder / f"Pulumi.{private.stack}.yaml").read_text()
    assert PASSWORD not in exported + config, "state and config have it encrypted only"


def test_main_comes_from_a_published_chart(published: Base) -> None:
    Pulumi(published.folder, published.env).run("up", "--yes", "--skip-preview", "--stack", published.stack).ok()
    host = f"main.{published.domain}"
    until(lambda: published.gateway.get(host).status == 200, what="main's URL answers", seconds=SECONDS)
    found = published.cluster.get("application", published.app, "--namespace=argocd")
    assert found["status"]["sync"]["revision"] == "1.0.0", "of the version that the base stack names"
