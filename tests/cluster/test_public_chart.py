"""A chart that somebody else wrote and published, with its app: podinfo, of which only the version is changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.images import podinfo
from tests.cluster.support.bases import base_up
from tests.cluster.support.cluster import Cluster, local
from tests.cluster.support.publishers import publishers
from tests.cluster.support.sleeping import until_asleep
from tests.cluster.support.stacks import Base, Branch, Branches
from tests.cluster.support.waiting import until

_RESOURCES = {"requests": {"cpu": "50m", "memory": "32Mi"}, "limits": {"cpu": "1", "memory": "128Mi"}}


@dataclass(frozen=True, kw_only=True)
class _Podinfo(Base):
    """A base stack whose branches may be called as the chart calls them."""

    def config(self, **more: Any) -> dict[str, Any]:
        """Let the image in."""
        isolation = {"images": ["podinfo.local"], "chartNames": True}
        return super().config(apps=[{"name": self.app, "domain": self.domain, "isolation": isolation}], **more)


@pytest.fixture
def base(cluster: Cluster, workdir: Path) -> Iterator[Base]:
    """A base stack of this test's own."""
    for each in ("podinfo", "helm", "registry"):
        local(each)
    yield from base_up(_Podinfo, cluster, workdir)


def test_a_published_chart_is_an_environment_beside_another_of_the_same(
    base: Base, branches: Branches, workdir: Path
) -> None:
    gateway = base.gateway
    base.env["XDG_CACHE_HOME"] = str(workdir / "cache")

    def file(branch: Branch, where: str, message: str, version: str = "6.9.2") -> str:
        values = {"resources": _RESOURCES, "ui": {"message": message}}
        path = workdir / f"{branch.slug}.yaml"
        chart = {"repository": where, "name": "podinfo", "version": version, "values": values}
        path.write_text(yaml.safe_dump({"chart": chart}))
        return str(path)

    def made_of(branch: Branch) -> str:
        (deployment,) = base.cluster.get(
            "deployments", f"--namespace={base.home(branch.slug)}", f"--selector={branch.selector}"
        )["items"]
        return str(deployment["metadata"]["labels"]["helm.sh/chart"])

    first, second = branches("feature/public"), branches("feature/public-too")
    with publishers(workdir / "published") as published:
        published.publish(podinfo.chart(), "6.9.2")
        said = first.up(environment=file(first, published.repository, "one"), image=podinfo.NAME).output
        assert "downloaded the chart podinfo 6.9.2" in said, "whoever wants to pin it reads its digest"
        second.up(environment=file(second, published.registry, "two"), image=podinfo.NAME)
        assert gateway.until_status(second.host).json["message"] == "two", "its own app answers"
        messages = {gateway.until_status(first.host).json["message"] for _ in range(10)}
        assert messages == {"one"}, "of several ports that for HTTP, and none of the other branch's pods"
        (pod,) = first.pods()
        assert pod["spec"]["serviceAccountName"] == base.app, "the chart names no account: the app's it is"

        published.publish(podinfo.chart(), "6.10.0")
        refused = first.try_up(environment=file(first, published.repository, "one", "6.9.9"), image=podinfo.NAME)
        refused.refused("chart.version", "near: 6.9.2", "the newest: 6.10.0")
        first.up(environment=file(first, published.repository, "three", "6.10.0"), image=podinfo.NAME)
        until(lambda: gateway.get(first.host).json["message"] == "three", what="a second push rolls its pods")
        assert made_of(first) == "podinfo-6.10.0", "made of another version of the chart"
        base.env["XDG_CACHE_HOME"] = str(workdir / "another machine")
        unchanged = first.up(environment=file(first, published.repository, "three", "6.10.0"), image=podinfo.NAME)
        assert "updated" not in unchanged.output, f"an unchanged push changes nothing:\n{unchanged.output}"

    asleep = first.up(environment=file(first, published.repository, "three", "6.10.0"), asleep="true").output
    assert "downloaded" not in asleep, "nobody publishes any more: what has come is enough"
    until_asleep(first, gateway)
    first.up(asleep="false")
    until(lambda: gateway.get(first.host).status == 200, what="it is awake")
    first.destroy("--remove").ok()
    first.until_nothing_is_left()
    assert gateway.get(second.host).json["message"] == "two", "and the other branch answers"
