"""What `list`, `doctor` and `sweep` tell of environments whose base stack was changed since they were deployed."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from branchenv.clients.backend import open_backend
from branchenv.model.records import Tags
from tests.cluster.support.cluster import REPOSITORY
from tests.cluster.support.gateway import Gateway
from tests.cluster.support.pulumi import Pulumi
from tests.cluster.support.stacks import FIRST, IMAGES, Base, Branches, at_once, write_config

Change = Callable[[list[dict[str, Any]]], str]
_LONG_AGO = datetime.now(UTC) - timedelta(days=3)


@pytest.fixture
def change(base: Base) -> Iterator[Change]:
    """Change the base stack's apps and return what `pulumi up` printed; afterwards the stack is as it was."""

    def to(apps: list[dict[str, Any]]) -> str:
        write_config(base.folder, base.stack, base.config(apps=apps))
        return Pulumi(base.folder, base.env).run("up", "--yes", "--skip-preview", "--stack", base.stack).ok().output

    yield to
    base.up()


def app(name: str, domain: str) -> dict[str, Any]:
    """Return an app of a base stack."""
    return {"name": name, "domain": domain, "isolation": {"images": IMAGES}}


def json_of(base: Base, *arguments: str) -> Any:
    """Return what a command prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "branchenv", *arguments, "--json", "--base", base.stack],
        cwd=base.folder,
        env={**os.environ, **base.env, "PYTHONPATH": str(REPOSITORY), "BRANCHENV_PROGRAM": str(base.folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{arguments}:\n{done.stdout}{done.stderr}"
    return json.loads(done.stdout)


def test_another_domain_makes_environments_stale_until_their_next_push(
    base: Base, branches: Branches, gateway: Gateway, change: Change
) -> None:
    branch = branches("feature/moved")
    branch.up(image=FIRST)
    gateway.until_status(branch.host)
    domain = f"{base.app}-new.localhost"
    printed = change([app(base.app, domain)])
    for each in ("its URLs change", "do not answer until their next deploy", branch.name):
        assert each in printed, f"the base's `up` warns of the environments that it affects, with {each!r}:\n{printed}"

    (found,) = [
        each for each in json_of(base, "list", "--app", base.app)["environments"] if each["branch"] == branch.name
    ]
    now = branch.url.replace(base.domain, domain)
    assert (found["state"], found["url"], found["url_now"]) == ("stale", branch.url, now), "the old URL is not served"
    assert gateway.until_status(branch.host, 404), "which a request shows"
    checks = {each["check"]: each for each in json_of(base, "doctor", "--app", base.app)}
    assert branch.stack in checks["stale"]["said"], "and the doctor says"

    branch.up(image=FIRST)
    gateway.until_status(f"{branch.slug}.{domain}")
    (found,) = [
        each for each in json_of(base, "list", "--app", base.app)["environments"] if each["branch"] == branch.name
    ]
    assert (found["state"], found["url"], found["url_now"]) == ("ready", now, None), "a push moves it"


def test_what_a_branch_may_no_longer_make_it_may_still_remove(
    base: Base, change: Change, branches: Branches, workdir: Path
) -> None:
    file = workdir / "environment.yaml"
    file.write_text(yaml.safe_dump({"image": FIRST, "jobs": {"migrate": {"args": ["migrate"]}}}))
    pushed, closed = branches("feature/pushed"), branches("feature/closed")
    at_once([lambda: pushed.up(environment=str(file)), lambda: closed.up(environment=str(file))])
    narrower = app(base.app, base.domain)
    narrower["isolation"] |= {"kinds": [], "network": {"policies": False}}
    change([narrower])

    file.write_text(yaml.safe_dump({"image": FIRST}))
    pushed.up(environment=str(file))
    left = [each for each in pushed.objects(going=False) if each.startswith(("Job ", "NetworkPolicy "))]
    assert not left, "its next push takes away what it had from before, with the deployer's rights"
    closed.destroy("--remove").ok()
    closed.until_nothing_is_left()


def test_the_stacks_of_an_app_that_was_removed_are_swept(base: Base, change: Change, branches: Branches) -> None:
    # In a cluster that shows no environment at all a sweep deletes nothing: it may be the wrong one.
    branches("feature/stays").select().up(image=FIRST)
    name = f"{base.app}-two"
    change([app(base.app, base.domain), app(name, f"{name}.localhost")])
    stack = f"{name}.left"
    pulumi = Pulumi(base.folder, base.env)
    pulumi.run("stack", "select", "--create", stack).ok()
    values = [
        f"--config={key}={value}" for key, value in {"base": base.stack, "branch": "left", "image": FIRST}.items()
    ]
    pulumi.run("up", "--yes", "--skip-preview", "--stack", stack, *values).ok()
    backend = open_backend(base.env["PULUMI_BACKEND_URL"], base.env)
    backend.write_tags(stack, Tags(branch="left", app=name, created=_LONG_AGO, updated=_LONG_AGO))
    base.up()

    (found,) = json_of(base, "list", "--app", name)["environments"]
    assert (found["state"], found["why"]) == ("orphan", f"{base.stack} no longer has app {name}"), "nobody can need it"
    checks = {each["check"]: each for each in json_of(base, "doctor")}
    assert stack in checks["removed apps"]["said"], "the doctor names it"
    sweep = ("sweep", "--all-apps", "--grace=0")
    dry = [each for each in json_of(base, *sweep)["actions"] if each["environment"] == stack]
    assert [(each["action"], each["rule"]) for each in dry] == [("destroy", "the base stack no longer has its app")], (
        "the sweep sees it, for the reason that the list gives"
    )
    json_of(base, *sweep, "--apply")
    assert backend.stack(stack) is None, "and removes it, whose namespace went with the app"
