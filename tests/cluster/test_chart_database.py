"""A chart with a database inside: its claim, its random password, what it makes beside, and their end."""

import shutil
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.kinds import KEEPING, USUAL
from tests.cluster.support.bases import base_up
from tests.cluster.support.cluster import Cluster, local
from tests.cluster.support.stacks import FIRST, IMAGES, SECOND, Branches, BranchNamespaces
from tests.cluster.support.waiting import until

_CHART = Path(__file__).parent / "charts"
_RESOURCES = {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}}
_VALUES = {"service": {"port": 8080}, "resources": _RESOURCES, "notes": {"greeting": "good day"}}
_NAME = "webshop-db"
_QUERY = "PGPASSWORD=$POSTGRES_PASSWORD psql --host=127.0.0.1 --username=shop --csv --tuples-only --command"


@dataclass(frozen=True, kw_only=True)
class _Data(BranchNamespaces):
    """A base stack whose branches may keep data."""

    def config(self, **more: Any) -> dict[str, Any]:
        """Let them have the database's image."""
        config = super().config(**more)
        (app,) = config["branch-environments:apps"]
        app["isolation"] |= {
            "images": [*IMAGES, "guestbook.local"],
            "chartNames": True,
            "kinds": [*USUAL, *KEEPING],
            "secrets": [],
        }
        return config


@pytest.fixture
def base(cluster: Cluster, workdir: Path) -> Iterator[_Data]:
    """A base stack of this test's own, on a cluster that has volumes."""
    local("addons", "local-path")
    local("guestbook")
    yield from base_up(_Data, cluster, workdir)


def test_a_database_of_a_chart_keeps_password_and_data_until_its_branch_is_deleted(
    base: _Data, branches: Branches, workdir: Path
) -> None:
    chart, file = workdir / "chart", workdir / "environment.yaml"
    for part in ("created", "database"):
        shutil.copytree(_CHART / part, chart, dirs_exist_ok=True)
    with (chart / "Chart.yaml").open("a") as written:
        written.write("dependencies: [{name: notes, version: 0.1.0}]\n")
    file.write_text(yaml.safe_dump({"chart": {"path": str(chart), "values": _VALUES}}))
    branch = branches("feature/data")
    home = base.home(branch.slug)
    database, namespace = f"{branch.slug}-{_NAME}", f"--namespace={home}"

    def query(statement: str) -> str:
        command = ("exec", f"{database}-0", namespace, "--", "sh", "-c", f"{_QUERY} '{statement}'")
        return base.cluster.kubectl(*command).strip()

    def passwords() -> list[str]:
        data = base.cluster.get("secret", database, namespace)["data"]
        return [b64decode(data[key]).decode() for key in ("password", "looked-up")]

    def uid(kind: str, name: str) -> str:
        return str(base.cluster.get(kind, name, namespace)["metadata"]["uid"])

    branch.up(environment=str(file), image=FIRST)
    base.gateway.until_status(branch.host)
    first, server, job = passwords(), uid("pod", f"{database}-0"), uid("job", f"{branch.slug}-webshop-report")
    assert [len(each) for each in first] == [24, 24], "the template made them up"
    notes = base.cluster.get("configmap", f"{branch.slug}-notes", namespace)
    assert notes["data"] == {"greeting": "good day"}, "a dependency in charts/ is a part of it, with its values"
    query("CREATE TABLE orders AS SELECT 7 AS id")
    (claim,) = base.cluster.get("persistentvolumeclaims", namespace)["items"]
    volume = claim["spec"]["volumeName"]

    unchanged = branch.up(environment=str(file), image=FIRST).output
    for change in ("updated", "replaced"):
        assert change not in unchanged, f"an unchanged push changes nothing:\n{unchanged}"

    second = branch.up(environment=str(file), image=SECOND).output
    assert not [each for each in first if each in second], "nobody sees them"
    until(lambda: base.gateway.get(branch.host).json["version"] == "2.0", what="a second push rolls the app's pods")
    assert passwords() == first, (
        "rendered anew, they would be others: the first ones are kept, with `lookup` or without"
    )
    assert uid("pod", f"{database}-0") == server, "the database goes on"
    assert query("SELECT id FROM orders") == "7", "with its data, and lets in who has the password"
    assert uid("job", f"{branch.slug}-webshop-report") != job, "a Job whose image changes is made anew, not refused"
    (budget,) = base.cluster.get("poddisruptionbudgets", namespace)["items"]
    assert budget["spec"]["selector"]["matchLabels"]["branch-environments/slug"] == branch.slug, (
        "what selects by the app's name alone selects this branch's pods alone"
    )
    assert base.cluster.get("cronjobs", namespace)["items"], "a CronJob is among what a chart may bring"

    branch.up(environment=str(file), image=SECOND, asleep="true")
    until(
        lambda: not [each for each in branch.pods() if each["status"]["phase"] != "Succeeded"],
        what="asleep, neither the app nor its database has a pod; what is left is that of the Job, which has ended",
    )
    branch.up(environment=str(file), image=SECOND, asleep="false")
    base.gateway.until_status(branch.host)
    assert query("SELECT id FROM orders") == "7", "awake again, with the same data and the same password"

    branch.destroy("--remove").ok()
    branch.until_nothing_is_left()
    until(lambda: not _volume(base, volume), what="the claim's volume is deleted", seconds=60)


def _volume(base: _Data, name: str) -> str:
    return base.cluster.kubectl("get", "persistentvolume", name, "--ignore-not-found", "--output=name")
