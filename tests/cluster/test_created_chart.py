"""What `helm create` writes, as it is (Helm 3.18.6), deployed with the rights of the app's deployer."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.support.cluster import Cluster, local
from tests.cluster.support.sleeping import until_asleep
from tests.cluster.support.slots import slot
from tests.cluster.support.stacks import FIRST, IMAGES, SECOND, Base, Branches, copy_program
from tests.cluster.support.waiting import until

_CHART = Path(__file__).parent / "charts" / "created"
# All that a branch needs said of it: the port, what the admission rules ask for, and not more pods than they allow.
_VALUES = {
    "service": {"port": 8080},
    # Any pod at all uses more than this of the memory that it requests.
    "autoscaling": {"enabled": True, "maxReplicas": 2, "targetMemoryUtilizationPercentage": 1},
    "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}},
}


@dataclass(frozen=True, kw_only=True)
class _ChartNames(Base):
    """A base stack whose branches may be called as Helm's usual helper calls them, `<slug>-<chart>`."""

    def config(self, **more: Any) -> dict[str, Any]:
        """Switch it on."""
        isolation = {"images": IMAGES, "chartNames": True}
        return super().config(apps=[{"name": self.app, "domain": self.domain, "isolation": isolation}], **more)


@pytest.fixture
def base(cluster: Cluster, workdir: Path) -> Iterator[Base]:
    """A base stack of this test's own, on a cluster that knows what pods use."""
    local("addons", "metrics-server")
    with slot(cluster) as app:
        made = _ChartNames(cluster=cluster, app=app, folder=copy_program(workdir / "program"), env=cluster.env)
        made.up()
        yield made
        made.destroy().ok()


def test_what_helm_create_writes_is_an_environment(base: Base, branches: Branches, workdir: Path) -> None:
    branch, gateway, file = branches("feature/created"), base.gateway, workdir / "environment.yaml"
    file.write_text(yaml.safe_dump({"chart": {"path": str(_CHART), "values": _VALUES}}))
    config = {"environment": str(file), "image": FIRST}

    branch.up(**config)
    assert gateway.until_status(branch.host).json["version"] == "1.0", "the branch's image answers at the branch's URL"
    route = base.cluster.get("virtualservice", branch.object_name(), f"--namespace={base.namespace}")
    (rule,) = route["spec"]["http"]
    assert rule["route"] == [{"destination": {"host": f"{branch.slug}-webshop", "port": {"number": 8080}}}], (
        "the environment makes the route, to the chart's Service and its port"
    )
    namespace, web = f"--namespace={base.namespace}", f"{branch.slug}-webshop"
    (pod,) = branch.pods()
    assert pod["spec"]["serviceAccountName"] == base.app, "its pods have the app's identity, and it makes none"
    assert not any("connection" in each for each in branch.objects()), "its test does not run"

    def replicas() -> int:
        return int(base.cluster.get("deployment", web, namespace)["spec"]["replicas"])

    until(lambda: replicas() == 2, what="the autoscaler sees what the pod uses, and makes a second one", seconds=90)
    assert "unchanged" in branch.up(**config).output, "an unchanged push goes through"
    assert replicas() == 2, "how many pods there are is left to the autoscaler"

    branch.up(**{**config, "image": SECOND})
    until(lambda: gateway.get(branch.host).json["version"] == "2.0", what="a second push rolls the chart's pods")

    branch.up(**{**config, "image": SECOND, "asleep": "true"})
    until_asleep(branch, gateway)
    branch.pulumi.run("config", "rm", "asleep", "--stack", branch.stack).ok()
    branch.up(**{**config, "image": SECOND})
    until(lambda: gateway.runs(branch.host, "2.0"), what="it wakes as it fell asleep")

    branch.destroy("--remove").ok()
    branch.until_nothing_is_left()
