"""A sweep of fifty environments, and of one that nobody asks for.

The environments are real to every source: state in the backend, objects in the cluster, entries in GitLab. One is made
by `pulumi up`; the others are copies of its state and of its objects, as fifty `up`s would take minutes and show no
more. Each is then destroyed by a `pulumi destroy` of its own. They are asleep: pods would show nothing of a sweep.
"""

import copy
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from branchenv.clients.backend import open_backend
from branchenv.model.records import Tags
from local.cluster.network import NODE_ADDRESS
from tests.cluster.support.cluster import REPOSITORY
from tests.cluster.support.gateway import Gateway
from tests.cluster.support.pulumi import Pulumi
from tests.cluster.support.stacks import FIRST, PROJECT, Base, Branch, Branches, write_config
from tests.cluster.support.waiting import until
from tests.pipeline.support.gitlab_data import Project, Token
from tests.pipeline.support.gitlab_server import GitLabServer

MANY = 50
_LONG_AGO = datetime.now(UTC) - timedelta(days=3)
_GITLAB_PROJECT = "acme/shop"
_TOKEN = "sweep-token"
_OWNED = "deployments.apps,services,virtualservices.networking.istio.io"
_METRICS = f"http://{NODE_ADDRESS}:15090/stats/prometheus"


@pytest.fixture
def gitlab() -> Iterator[GitLabServer]:
    """A GitLab with one project, which has no branch but its default one."""
    with GitLabServer() as server:
        server.tokens[_TOKEN] = Token()
        server.add_project(_GITLAB_PROJECT)
        yield server


@dataclass(frozen=True)
class Sweep:
    """`branchenv sweep`, as a scheduled pipeline runs it."""

    base: Base
    gitlab: GitLabServer

    @property
    def project(self) -> Project:
        """The app's project in GitLab."""
        return self.gitlab.projects[0]

    def __call__(self, *options: str, code: int = 0) -> dict[str, Any]:
        """Run it, and give what it prints as data."""
        done = subprocess.run(
            [sys.executable, "-m", "branchenv", "sweep", "--json", "--grace=0", *options],
            cwd=self.base.folder,
            env={
                **self.base.env,
                "PYTHONPATH": str(REPOSITORY),
                "BRANCHENV_APP": self.base.app,
                "BRANCHENV_BASE": self.base.stack,
                "BRANCHENV_PROJECT": _GITLAB_PROJECT,
                "BRANCHENV_GITLAB_URL": self.gitlab.url,
                "BRANCHENV_GITLAB_TOKEN": _TOKEN,
                "BRANCHENV_PROGRAM": str(self.base.folder),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, f"it should end with {code}, not {done.returncode}:\n{done.stdout}{done.stderr}"
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture
def sweep(base: Base, gitlab: GitLabServer) -> Sweep:
    """The command."""
    return Sweep(base, gitlab)


def _state(base: Base, stack: str) -> Path:
    folder = base.env["PULUMI_BACKEND_URL"].removeprefix("file://").partition("?")[0]
    return Path(folder) / ".pulumi" / "stacks" / PROJECT / f"{stack}.json"


def _tag(base: Base, branch: Branch, **more: Any) -> None:
    given = {
        "branch": branch.name,
        "app": base.app,
        "project": _GITLAB_PROJECT,
        "pipeline": "https://gitlab.example.com/1",
        "created": _LONG_AGO,
        "updated": _LONG_AGO,
    }
    backend = open_backend(base.env["PULUMI_BACKEND_URL"], base.env)
    backend.write_tags(branch.stack, Tags(**{**given, **more}))


def _bare(item: dict[str, Any]) -> dict[str, Any]:
    """Return an object as it could be applied."""
    made = copy.deepcopy(item)
    made.pop("status", None)
    kept = ("name", "namespace", "labels", "annotations", "ownerReferences")
    made["metadata"] = {key: value for key, value in made["metadata"].items() if key in kept}
    if made["kind"] == "Service":
        made["spec"] = {key: value for key, value in made["spec"].items() if not key.startswith("clusterIP")}
    return made


def _copies(first: Branch, others: list[Branch]) -> None:
    """Copy to other branches the state and the objects that `pulumi up` made for the first one."""
    base = first.base
    state = _state(base, first.stack).read_text()
    where = (f"--namespace={base.namespace}", f"--selector={first.selector}")
    anchor = _bare(base.cluster.get("configmaps", *where)["items"][0])
    owned = [_bare(item) for item in base.cluster.get(_OWNED, *where)["items"]]

    def renamed(item: dict[str, Any], other: Branch) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(json.dumps(item).replace(first.slug, other.slug))
        return found

    base.cluster.apply(*(renamed(anchor, other) for other in others))
    listed = base.cluster.get("configmaps", f"--namespace={base.namespace}")["items"]
    uids = {item["metadata"]["name"]: item["metadata"]["uid"] for item in listed}
    objects = []
    for other in others:
        _state(base, other.stack).write_text(state.replace(first.slug, other.slug))
        for item in (renamed(each, other) for each in owned):
            item["metadata"]["ownerReferences"][0]["uid"] = uids[other.slug]
            objects.append(item)
    base.cluster.apply(*objects)


def _left(base: Base) -> list[str]:
    kinds = f"configmaps,pods,{_OWNED}"
    found = base.cluster.get(kinds, f"--namespace={base.namespace}", "--selector=branch-environments/slug")["items"]
    return [f"{item['kind']} {item['metadata']['name']}" for item in found]


def test_fifty_environments_are_swept_and_nothing_is_left_of_them(base: Base, branches: Branches, sweep: Sweep) -> None:
    all_of_them = [branches(f"swept-{number:03}") for number in range(MANY)]
    first, stubborn = all_of_them[0], all_of_them[-1]
    first.up(image=FIRST, asleep="true")
    _copies(first, all_of_them[1:])
    for branch in all_of_them:
        _tag(base, branch)
        sweep.project.deployed(f"{base.app}/{branch.name}", branch.url)
    whole = _state(base, stubborn.stack).read_text()
    protected = json.loads(whole)
    protected["checkpoint"]["latest"]["resources"][-1]["protect"] = True
    _state(base, stubborn.stack).write_text(json.dumps(protected))

    dry = sweep()
    assert len({action["environment"] for action in dry["actions"]}) == MANY, "it finds every one of them"
    assert len(_left(base)) >= MANY, "and removes none unasked"

    swept = sweep("--apply", "--parallel=6", code=1)
    assert [each["environment"] for each in swept["failures"]] == [stubborn.stack], "one fails, and stops no other"
    backend = open_backend(base.env["PULUMI_BACKEND_URL"], base.env)
    theirs = {branch.stack for branch in all_of_them}
    there = [each.name for each in backend.stacks() if each.name in theirs]
    assert there == [stubborn.stack], "the backend has that one only"
    assert [each["name"] for each in sweep.project.environments.values()] == [f"{base.app}/{stubborn.name}"], (
        "so GitLab"
    )

    _state(base, stubborn.stack).write_text(whole)
    sweep("--apply")
    until(lambda: not _left(base), what="the cluster has nothing of them", seconds=60)
    assert not sweep.project.environments, "nor has GitLab"
    # Pulumi keeps a copy of every state that it removes.
    files = [
        each.name for each in _state(base, first.stack).parent.glob(f"{base.app}.swept-*") if each.suffix != ".bak"
    ]
    assert not files, "nor the backend, not even their tags"
    again = sweep("--apply")
    assert again["actions"] == again["left"] == again["failures"] == [], "a second run finds nothing"
    for branch in all_of_them:
        branches.forget(branch)


@pytest.fixture
def sleepy(base: Base) -> Iterator[None]:
    """The base stack, with environments that sleep as soon as nobody asks for them."""
    gateway = {
        "name": base.app,
        "port": int(os.environ.get("ISTIO_GATEWAY_PORT", "8080")),
        "metrics": [_METRICS],
    }
    config = base.config(lifecycle={"idleAfter": "1s"}, gateway=gateway)
    write_config(base.folder, base.stack, config)
    pulumi = Pulumi(base.folder, base.env)
    pulumi.run("up", "--yes", "--skip-preview", "--stack", base.stack).ok()
    yield
    base.up()


@pytest.mark.usefixtures("sleepy")
def test_what_nobody_asks_for_is_put_to_sleep_and_what_is_asked_for_is_not(
    base: Base, branches: Branches, gateway: Gateway, sweep: Sweep
) -> None:
    branch = branches("idle")
    branch.up(image=FIRST)
    _tag(base, branch)
    sweep.project.branches.add(branch.name)

    def verbs() -> list[str]:
        return [action["action"] for action in sweep("--apply")["actions"]]

    gateway.until_status(branch.host)
    until(lambda: "note use" in verbs(), what="the gateway has counted the request")
    gateway.until_status(branch.host)
    assert verbs() == ["note use"], "it was asked for since"
    assert branch.pods(), "so it stays awake"
    until(lambda: "sleep" in verbs(), what="nobody asks for it any more")
    until(lambda: not branch.pods(), what="it has no pods")
    assert gateway.until_status(branch.host, 503), "its URL says how to wake it"
    assert verbs() == [], "a second run finds nothing"
