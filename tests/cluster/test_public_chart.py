"""A chart that somebody else wrote and published, with its app: podinfo, of which nothing is changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.images import podinfo
from tests.cluster.support.bases import base_up
from tests.cluster.support.cluster import Cluster, local
from tests.cluster.support.stacks import Base, Branches
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
    local("podinfo")
    yield from base_up(_Podinfo, cluster, workdir)


def test_a_published_chart_is_an_environment_beside_another_of_the_same(
    base: Base, branches: Branches, workdir: Path
) -> None:
    gateway = base.gateway

    def file(name: str, message: str) -> str:
        values = {"resources": _RESOURCES, "ui": {"message": message}}
        path = workdir / f"{name}.yaml"
        path.write_text(yaml.safe_dump({"chart": {"path": str(podinfo.chart()), "values": values}}))
        return str(path)

    first, second = branches("feature/public"), branches("feature/public-too")
    first.up(environment=file("first", "one"), image=podinfo.NAME)
    second.up(environment=file("second", "two"), image=podinfo.NAME)
    assert gateway.until_status(second.host).json["message"] == "two", "its own app answers"
    messages = {gateway.until_status(first.host).json["message"] for _ in range(10)}
    assert messages == {"one"}, "of several ports that for HTTP, and none of the other branch's pods"
    (pod,) = first.pods()
    assert pod["spec"]["serviceAccountName"] == base.app, "the chart names no account: the app's it is"

    unchanged = first.up(environment=file("first", "one"), image=podinfo.NAME).output
    assert "updated" not in unchanged, f"an unchanged push changes nothing:\n{unchanged}"
    first.up(environment=file("first", "three"), image=podinfo.NAME)
    until(lambda: gateway.get(first.host).json["message"] == "three", what="a second push rolls its pods")

    first.destroy("--remove").ok()
    first.until_nothing_is_left()
    assert gateway.get(second.host).json["message"] == "two", "and the other branch answers"
