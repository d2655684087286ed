"""Jobs of an environment file: before a new version, after it, and never without a reason."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from branchenv.model.errors import ExitCode
from tests.cluster.support.branchenv import Branchenv
from tests.cluster.support.gateway import Gateway, Requests
from tests.cluster.support.stacks import FIRST, SECOND, Branch, Branches
from tests.cluster.support.waiting import until

_FAULT = "column price holds text"
_PROBES = {"path": "/healthz"}


def _file(image: str, **jobs: Mapping[str, Any]) -> dict[str, Any]:
    return {"image": image, "probes": _PROBES, "jobs": jobs}


_MIGRATE = {"args": ["migrate"]}
_FAILING = {"args": ["migrate", _FAULT]}


@pytest.fixture
def deploy(workdir: Path) -> Callable[..., Any]:
    """Deploys what an environment file says, with `pulumi` alone."""

    def up(branch: Branch, content: dict[str, Any], **config: str) -> Any:
        file = workdir / f"{branch.slug}.yaml"
        file.write_text(yaml.safe_dump(content, sort_keys=False))
        return branch.try_up(environment=str(file), **config)

    return up


def runs(branch: Branch) -> dict[str, str]:
    """Return the UID of each Job, by the job's name: another run has another."""
    home = branch.base.home(branch.slug)
    found = branch.base.cluster.get("jobs", f"--namespace={home}", f"--selector={branch.selector}")["items"]
    return {each["metadata"]["name"].rpartition("--")[2]: each["metadata"]["uid"] for each in found}


def live(branch: Branch, kind: str, name: str) -> dict[str, Any]:
    """Return an object as the API server has it."""
    found: dict[str, Any] = branch.base.cluster.get(kind, name, f"--namespace={branch.base.home(branch.slug)}")
    return found


def test_a_migration_ends_before_the_pods_of_the_new_version_are_made(
    branches: Branches, gateway: Gateway, deploy: Callable[..., Any]
) -> None:
    branch = branches("feature/migrates")
    jobs: dict[str, Any] = {
        "migrate": _MIGRATE,
        "warm": {**_MIGRATE, "when": "after"},
        "seed": {**_MIGRATE, "once": True},
    }
    deploy(branch, _file(FIRST, **jobs)).ok()
    assert gateway.until_status(branch.host).json["version"] == "1.0", "the workload is up as well"
    migrate, warm = (live(branch, "job", branch.object_name(name)) for name in ("migrate", "warm"))
    deployment = live(branch, "deployment", branch.object_name())
    assert migrate["status"]["completionTime"] <= deployment["metadata"]["creationTimestamp"], "it has ended before"
    assert warm["metadata"]["creationTimestamp"] >= deployment["metadata"]["creationTimestamp"], (
        "and this one comes after"
    )
    (owner,) = migrate["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"]) == ("ConfigMap", branch.object_name()), "it belongs to the environment"

    first = runs(branch)
    deploy(branch, _file(FIRST, **jobs)).ok()
    assert runs(branch) == first, "an unchanged push runs nothing"

    deploy(branch, _file(SECOND, **jobs)).ok()
    second = runs(branch)
    assert second["migrate"] != first["migrate"], "a push of another image does"
    assert second["warm"] != first["warm"], "and after it as well"
    assert second["seed"] == first["seed"], "but not what runs once"
    image = live(branch, "job", branch.object_name("migrate"))["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == SECOND, "it runs the image that is deployed"

    branch.destroy().ok()
    branch.until_nothing_is_left()


def test_a_migration_that_fails_leaves_the_running_version_answering_and_says_why(
    branches: Branches, gateway: Gateway, workdir: Path
) -> None:
    branch = branches("feature/migration-fails")
    file = workdir / "environment.yaml"
    branchenv = Branchenv(branch=branch, folder=workdir, env=branch.base.deployer_env)

    def up(content: dict[str, Any]) -> Any:
        file.write_text(yaml.safe_dump(content))
        return branchenv.run("up", "--environment", str(file))

    up(_file(FIRST, migrate=_MIGRATE)).ok()
    gateway.until_status(branch.host)
    with Requests(gateway, branch.host) as requests:
        failed = up(_file(SECOND, migrate=_FAILING))
        failed.refused("migrate: its container crashes with exit code 1", f"| {_FAULT}")
        assert failed.code == ExitCode.NOT_READY, f"a script tells it apart:\n{failed.output}"
        branchenv.run("why").refused("migrate: its container crashes with exit code 1", f"| {_FAULT}")
    assert not requests.failures, "the running version goes on answering"
    assert gateway.get(branch.host).json["version"] == "1.0", "and it is the old one"

    again = runs(branch)
    up(_file(SECOND, migrate=_FAILING)).refused(_FAULT)
    assert runs(branch) != again, "what failed is tried again by the next push, even if nothing was changed"

    up(_file(SECOND, migrate=_MIGRATE)).ok()
    until(lambda: gateway.get(branch.host).json["version"] == "2.0", what="the corrected push goes through")


def test_a_migration_waits_for_the_database_that_is_a_sibling(
    branches: Branches, gateway: Gateway, deploy: Callable[..., Any]
) -> None:
    branch = branches("feature/needs")
    workloads = {
        "db": {"image": SECOND, "protocol": "tcp"},
        "web": {"image": FIRST, "probes": _PROBES, "routes": [{"path": "/"}]},
    }
    job = {"workload": "web", "needs": ["db"], "args": ["migrate"]}
    deploy(branch, {"workloads": workloads, "jobs": {"migrate": job}}).ok()
    gateway.until_status(branch.host)
    times = {
        name: live(branch, kind, branch.object_name(name))["metadata"]["creationTimestamp"]
        for name, kind in (("db", "deployment"), ("migrate", "job"), ("web", "deployment"))
    }
    assert times["db"] <= times["migrate"] <= times["web"], "first the database, then the job, then the rest"
    job_pod = next(each for each in branch.pods() if each["metadata"]["name"].startswith(branch.object_name("migrate")))
    env = {each["name"]: each.get("value") for each in job_pod["spec"]["containers"][0]["env"]}
    assert env["DB_HOST"] == branch.object_name("db"), "it finds the database as workloads do"


def test_a_push_that_was_killed_while_its_migration_ran_is_followed_by_another(
    branches: Branches, gateway: Gateway, workdir: Path
) -> None:
    branch = branches("feature/migration-killed")
    file = workdir / f"{branch.slug}.yaml"
    # It serves instead of ending, so that the kill comes while it runs.
    file.write_text(yaml.safe_dump(_file(FIRST, migrate={"env": {"PORT": 8081}})))
    running = branch.start_up(environment=str(file))
    running.read_until("-migrate-job creating")
    until(lambda: len(branch.pods()) == 1, what="the migration runs")
    running.kill()
    branch.cancel().ok()
    first = runs(branch)

    file.write_text(yaml.safe_dump(_file(SECOND, migrate=_MIGRATE)))
    branchenv = Branchenv(branch=branch, folder=workdir, env=branch.base.deployer_env)
    printed = branchenv.run("up", "--environment", str(file)).ok().output
    assert "is of the interrupted `pulumi up`, and is deleted" in printed, "what it cleared away is said"
    assert gateway.until_status(branch.host).json["version"] == "2.0", "the next push goes through"
    assert runs(branch) != first, "with a migration of its own"
    assert len([each for each in branch.pods() if "migrate" in each["metadata"]["name"]]) == 1, "and no other runs on"


def test_a_schedule_rests_while_the_environment_sleeps_and_jobs_do_not_run_again_when_it_wakes(
    branches: Branches, gateway: Gateway, deploy: Callable[..., Any]
) -> None:
    branch = branches("feature/nightly")
    content = _file(FIRST, migrate=_MIGRATE) | {"schedules": {"tidy": {"schedule": "0 3 * * *", **_MIGRATE}}}
    deploy(branch, content).ok()
    gateway.until_status(branch.host)
    tidy, home = branch.object_name("tidy"), f"--namespace={branch.base.home(branch.slug)}"
    first = runs(branch)
    assert sorted(first) == ["migrate"], "nothing runs before its time"

    branch.base.cluster.kubectl("create", "job", f"{tidy}-now", f"--from=cronjob/{tidy}", home)
    until(lambda: live(branch, "job", f"{tidy}-now")["status"].get("succeeded") == 1, what="it runs as it would then")
    branch.base.cluster.kubectl("delete", "job", f"{tidy}-now", home)

    deploy(branch, content, asleep="true").ok()
    assert live(branch, "cronjob", tidy)["spec"]["suspend"] is True, "nothing runs in an environment that sleeps"
    branch.pulumi.run("config", "rm", "asleep", "--stack", branch.stack).ok()
    deploy(branch, content).ok()
    assert live(branch, "cronjob", tidy)["spec"]["suspend"] is False, "it goes on"
    assert runs(branch) == first, "and a wake is no push: no migration runs again"
