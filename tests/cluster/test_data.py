"""Data for every branch, with a real PostgreSQL: the examples of docs/data.md, deployed as they are shown."""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.support.bases import branches_on
from tests.cluster.support.branchenv import Branchenv
from tests.cluster.support.cluster import REPOSITORY, Cluster, local
from tests.cluster.support.gateway import Requests
from tests.cluster.support.slots import slot
from tests.cluster.support.stacks import Base, Branch, Branches, copy_program
from tests.cluster.support.waiting import until

_EXAMPLES = REPOSITORY / "examples" / "guestbook"
_SERVER = "deployment/guestbook-db"


class _Guestbook(Base):
    """A base stack whose app has the example's images."""

    def config(self, **more: Any) -> dict[str, Any]:
        """Let them in."""
        app = {"name": self.app, "domain": self.domain, "isolation": {"images": ["guestbook.local"]}}
        return super().config(apps=[app], **more)


@pytest.fixture(scope="module")
def guestbook(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Base]:
    """The base stack, up, with the shared server in its app's namespace."""
    local("guestbook")
    with slot(cluster) as app:
        folder = copy_program(tmp_path_factory.mktemp("guestbook") / "program")
        made = _Guestbook(cluster=cluster, app=app, folder=folder, env=cluster.env)
        made.up()
        cluster.kubectl("create", "namespace", f"{app}-data")
        try:
            for namespace in (app, f"{app}-data"):
                secret = ("generic", "guestbook-db", "--from-literal=password=example")
                cluster.kubectl("create", "secret", *secret, f"--namespace={namespace}")
            share(made)
            yield made
            made.destroy().ok()
        finally:
            cluster.kubectl("delete", "namespace", f"{app}-data", "--wait=false")


def share(guestbook: Base) -> None:
    """Make the shared server and what drops databases, or bring them back to what the example says."""
    guestbook.cluster.kubectl("apply", "--filename=-", stdin=_named("shared-server", guestbook))


def _named(example: str, guestbook: Base) -> str:
    """Return an example's text with the names of this test's app where it has its own."""
    text = (_EXAMPLES / f"{example}.yaml").read_text()
    text = text.replace("guestbook-data", f"{guestbook.app}-data").replace(
        "namespace: guestbook}", f"namespace: {guestbook.app}}}"
    )
    for name in ("APP", "NAMESPACE"):
        text = text.replace(f"{{name: {name}, value: guestbook}}", f"{{name: {name}, value: {guestbook.app}}}")
    return text


@pytest.fixture
def branches(guestbook: Base) -> Iterator[Branches]:
    """Makes branches of the example's app; destroys them after the test."""
    yield from branches_on(guestbook)


def environment(name: str, guestbook: Base, folder: Path, **changes: Any) -> str:
    """Return the path of an example's environment file, changed in parts: variables of a job by its name."""
    content = yaml.safe_load(_named(name, guestbook))
    for job, variables in changes.items():
        content["jobs"][job].setdefault("env", {}).update(variables)
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return str(file)


def answer(branch: Branch) -> Mapping[str, Any]:
    """Return what the guestbook says of itself, once it answers."""
    found: Mapping[str, Any] = json.loads(branch.base.gateway.until_status(branch.host).body)
    return found


def write(branch: Branch) -> None:
    """Write an entry."""
    reply = branch.base.gateway.get(branch.host, method="POST")
    assert reply.status == 201, f"the entry is written: {reply.body}"


def databases(base: Base) -> set[str]:
    """Return the databases on the shared server."""
    listed = ("psql", "--username=guestbook", "--dbname=postgres", "--csv", "--tuples-only", "--command")
    query = "SELECT datname FROM pg_database"
    return set(
        base.cluster.kubectl("exec", _SERVER, f"--namespace={base.namespace}-data", "--", *listed, query).split()
    )


def databases_of(branch: Branch) -> set[str]:
    """Return a branch's databases on the shared server."""
    return {each for each in databases(branch.base) if each.startswith(f"guestbook-{branch.slug}-")}


def drop(guestbook: Base, run: str) -> None:
    """Drop what no environment uses, now, and not when its schedule says."""
    cluster, namespace = guestbook.cluster, f"--namespace={guestbook.app}-data"
    cluster.kubectl("create", "job", f"drop-{run}", "--from=cronjob/drop-databases", namespace)
    cluster.kubectl("wait", f"job/drop-{run}", "--for=condition=Complete", "--timeout=60s", namespace)


def timed(what: str, started: float) -> None:
    """Show how long something took: pytest shows it with -s, or when the test fails."""
    print(f"{what}: {time.monotonic() - started:.1f} s")  # noqa: T201


def test_a_server_per_branch_has_its_tables_and_data_before_the_app_answers(
    branches: Branches, guestbook: Base, workdir: Path
) -> None:
    branch = branches("feature/own-server")
    started = time.monotonic()
    branch.up(environment=environment("server-per-branch", guestbook, workdir))
    assert answer(branch) == {"branch": branch.name, "tables": 2, "entries": 3}, "migrated and seeded"
    timed("a server per branch, first push", started)
    write(branch)

    with Requests(branch.base.gateway, branch.host) as requests:
        broken = environment("server-per-branch", guestbook, workdir, migrate={"BREAK_MIGRATION": "yes"})
        branch.try_up(environment=broken).refused("migrate")
        assert answer(branch)["entries"] == 4, "the version before a failing migration answers, with its data"
        started = time.monotonic()
        branch.up(environment=environment("server-per-branch", guestbook, workdir, migrate={"NOTE": "harmless"}))
        timed("a server per branch, second push", started)
    assert not requests.failures, "the server stays, and no request fails"
    assert answer(branch)["entries"] == 4, "what was written is kept between pushes"
    Branchenv(branch=branch, folder=workdir).run("reset-data").ok()
    assert answer(branch) == {"branch": branch.name, "tables": 2, "entries": 3}, "until they are reset: as at first"
    branch.destroy("--remove").ok()
    branch.until_nothing_is_left()


def test_a_database_per_branch_is_copied_from_the_template_and_dropped_when_the_branch_is_gone(
    branches: Branches, guestbook: Base, workdir: Path
) -> None:
    cluster, namespace = guestbook.cluster, f"--namespace={guestbook.app}-data"
    cluster.kubectl("rollout", "status", _SERVER, "--timeout=120s", namespace)
    first, second = branches("feature/one-database"), branches("feature/another-database")
    file = environment("database-per-branch", guestbook, workdir)
    started = time.monotonic()
    first.up(environment=file)
    assert answer(first) == {"branch": first.name, "tables": 2, "entries": 0}, "a copy of the template, migrated"
    timed("a database per branch, first push", started)
    second.up(environment=file)
    answer(second)
    write(second)
    assert (answer(first)["entries"], answer(second)["entries"]) == (0, 1), "each has its own data"
    going, staying = (f"guestbook-{each.slug}-0" for each in (first, second))
    assert {going, staying} <= databases(guestbook), "on one server"

    # From state alone, as a stop job or the sweep does it: nothing of the app's is asked.
    first.destroy("--remove").ok()
    first.until_nothing_is_left()
    drop(guestbook, "first")
    assert going not in databases(guestbook), "a database without an environment is dropped"
    assert staying in databases(guestbook), "that of a live one is not"
    assert answer(second)["entries"] == 1, "and goes on answering"


def test_a_branch_whose_data_are_reset_gets_a_new_database_and_loses_the_old_one_with_its_next_push(
    branches: Branches, guestbook: Base, workdir: Path
) -> None:
    branch = branches("feature/reset")
    tool = Branchenv(branch=branch, folder=workdir)
    file = environment("database-per-branch", guestbook, workdir)
    tool.run("up", "--environment", file).ok()
    write(branch)
    before = databases_of(branch)
    assert len(before) == 1, f"one database: {before}"

    with Requests(branch.base.gateway, branch.host) as requests:
        started = time.monotonic()
        tool.run("reset-data").ok()
        timed("data reset, a database per branch", started)
    assert not requests.failures, "the old pods answer with the old data until the new ones are ready"
    assert answer(branch) == {"branch": branch.name, "tables": 2, "entries": 0}, "fresh, and migrated"
    drop(guestbook, "reset")
    assert databases_of(branch) > before, "the old one is there until a push is through that does not know it"

    write(branch)
    tool.run("up", "--environment", file).ok()
    drop(guestbook, "pushed")
    assert answer(branch)["entries"] == 1, "a push keeps what was written since"
    assert len(after := databases_of(branch)) == 1, f"one database again: {after}"
    assert not after & before, "the new one"
    tool.run("down", "--yes").ok()


def test_no_database_is_dropped_if_the_environments_cannot_be_listed(guestbook: Base) -> None:
    cluster, namespace = guestbook.cluster, f"--namespace={guestbook.app}-data"
    cluster.kubectl("rollout", "status", _SERVER, "--timeout=120s", namespace)
    create = ("psql", "--username=guestbook", "--dbname=postgres", "--command", 'CREATE DATABASE "guestbook-kept"')
    cluster.kubectl("exec", _SERVER, namespace, "--", *create)
    cluster.kubectl("delete", "rolebinding", "drop-databases", f"--namespace={guestbook.namespace}")
    cluster.kubectl("create", "job", "drop-refused", "--from=cronjob/drop-databases", namespace)
    cluster.kubectl("wait", "job/drop-refused", "--for=condition=Failed", "--timeout=60s", namespace)
    assert "guestbook-kept" in databases(guestbook), "what cannot be seen is not taken for gone"

    share(guestbook)
    cluster.kubectl("create", "job", "drop-allowed", "--from=cronjob/drop-databases", namespace)
    until(lambda: "guestbook-kept" not in databases(guestbook), what="the database of no environment is dropped")
