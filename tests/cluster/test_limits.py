"""An app's share of the cluster: a branch that does not fit is told so before anything of it is made."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.support.cluster import Cluster
from tests.cluster.support.slots import slot
from tests.cluster.support.stacks import FIRST, Base, Branches, copy_program
from tests.cluster.support.waiting import until


@dataclass(frozen=True, kw_only=True)
class Small(Base):
    """A base stack whose app may have one environment beside main."""

    def config(self, **more: Any) -> dict[str, Any]:
        """Size the app's namespace for 200m of processor."""
        size = {"cpu": "100m", "memory": "256Mi", "pods": 4}
        app = {"name": self.app, "domain": self.domain, "isolation": {"environment": size}}
        return super().config(apps=[app], lifecycle={"maxEnvironments": 1}, **more)


@pytest.fixture
def small(cluster: Cluster, tmp_path: Path) -> Iterator[Base]:
    """A base stack of this test's own."""
    with slot(cluster) as app:
        made = Small(cluster=cluster, app=app, folder=copy_program(tmp_path / "program"), env=cluster.env)
        made.up()
        yield made
        made.destroy().ok()


def test_a_branch_that_does_not_fit_is_told_so_before_anything_is_made(small: Base, tmp_path: Path) -> None:
    branches = Branches(small)
    try:
        full = tmp_path / "environment.yaml"
        full.write_text(yaml.safe_dump({"image": FIRST, "replicas": 3}))
        first, second = branches("feature/full"), branches("feature/no-room")
        first.up(environment=str(full))
        used = "--output=jsonpath={.status.used.requests\\.cpu}"
        quota = ("get", "resourcequota", f"{small.app}-limits", f"--namespace={small.namespace}", used)
        until(lambda: small.cluster.kubectl(*quota) == "150m", what="the quota has counted the pods")
        refused = second.try_up(image=FIRST)
        refused.refused("rule room", "no room for another environment", "fix:", "requests.cpu 100m")
        assert not second.objects(), "not even its anchor was made"
        first.destroy().ok()
        until(lambda: small.cluster.kubectl(*quota) == "0", what="the pods have gone", seconds=30)
        second.up(image=FIRST)
    finally:
        branches.remove()
