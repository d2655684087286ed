"""A live branch changes what it is made of: what stays in the cluster is never deleted, and the URL answers."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.names import namespace_name
from tests.cluster.support.cluster import REPOSITORY, Cluster
from tests.cluster.support.gateway import Gateway, Requests
from tests.cluster.support.slots import slot
from tests.cluster.support.stacks import FIRST, IMAGES, MISSING, SECOND, Base, Branch, Branches, copy_program
from tests.cluster.support.waiting import until

_PROBES = {"path": "/healthz"}
_FILES: Mapping[str, Mapping[str, Any]] = {
    "one": {"image": FIRST, "probes": _PROBES},
    "several": {
        "workloads": {
            "web": {"image": FIRST, "probes": _PROBES, "routes": [{"path": "/"}]},
            "api": {"image": SECOND, "probes": _PROBES, "routes": [{"path": "/api", "rewrite": "/"}]},
        }
    },
    "renamed": {
        "workloads": {
            "api": {"image": FIRST, "probes": _PROBES, "routes": [{"path": "/"}]},
            "web": {"image": SECOND, "probes": _PROBES, "routes": [{"path": "/api", "rewrite": "/"}]},
        }
    },
}
# As a file calls its objects: the only workload's, and one's of several.
_CHARTS = {"chart": "", "named-chart": "--web"}
SHAPES = [*_FILES, *_CHARTS]
_DEPLOYMENTS = {
    "one": [""],
    "several": ["--api", "--web"],
    "renamed": ["--api", "--web"],
    "chart": [""],
    "named-chart": ["--web"],
}


def tour(shapes: Sequence[str]) -> Iterator[str]:
    """Go from each shape to each other, every way once."""
    left = {shape: [other for other in shapes if other != shape] for shape in shapes}
    path, found = [shapes[0]], []
    while path:
        if left[path[-1]]:
            path.append(left[path[-1]].pop())
        else:
            found.append(path.pop())
    yield from reversed(found)


@pytest.fixture
def files(base: Base, workdir: Path) -> Mapping[str, str]:
    """Write an environment file for every shape; of the two charts, one has an older version of the route's API."""
    for name, content in _FILES.items():
        (workdir / f"{name}.yaml").write_text(yaml.safe_dump(dict(content)))
    for name, rest in _CHARTS.items():
        folder = workdir / "charts" / name
        shutil.copytree(REPOSITORY / "examples/shop/chart", folder)
        if rest:
            for template in (folder / "templates").iterdir():
                text = template.read_text().replace("networking.istio.io/v1\n", "networking.istio.io/v1beta1\n")
                if template.name != "virtual-service.yaml":
                    text = text.replace("  name: {{ .Release.Name }}\n", f"  name: {{{{ .Release.Name }}}}{rest}\n")
                template.write_text(text.replace("host: {{ .Release.Name }}", f"host: {{{{ .Release.Name }}}}{rest}"))
        values = {"serviceAccount": base.app, "gateway": f"istio-system/{base.app}", "image": FIRST}
        chart = {"path": str(folder), "values": values, "valuePaths": {"branch": "branch"}}
        (workdir / f"{name}.yaml").write_text(yaml.safe_dump({"chart": chart}))
    return {name: str(workdir / f"{name}.yaml") for name in SHAPES}


def uid(branch: Branch, kind: str) -> str:
    """Return the uid of the object of a kind that is called as the environment."""
    found = branch.base.cluster.get(kind, branch.object_name(), f"--namespace={branch.base.namespace}")
    return str(found["metadata"]["uid"])


def deployments(branch: Branch) -> list[str]:
    """Return what the environment's Deployments are called behind its own name."""
    found = branch.base.cluster.get(
        "deployments", f"--namespace={branch.base.namespace}", f"--selector={branch.selector}"
    )
    return sorted(each["metadata"]["name"].removeprefix(branch.object_name()) for each in found["items"])


def test_a_live_branch_goes_from_every_shape_to_every_other(
    branches: Branches, gateway: Gateway, files: Mapping[str, str]
) -> None:
    branch = branches("feature/shapes")
    stays: dict[str, str] = {}
    before = ""
    for shape in tour(SHAPES):
        branch.up(environment=files[shape])
        where = f"{before} -> {shape}" if before else shape
        found = {kind: uid(branch, kind) for kind in ("configmap", "virtualservice")}
        stays = stays or found
        assert found == stays, f"{where}: anchor and route are the objects that they were"
        assert deployments(branch) == _DEPLOYMENTS[shape], f"{where}: all that the new shape has, and nothing else"
        until(lambda: gateway.runs(branch.host, "1.0"), what=f"{where}: the URL answers")
        before = shape
    assert branch.preview(environment=files[before]).ok().output.count("unchanged"), "and nothing is left to do"
    branch.destroy().ok()
    branch.until_nothing_is_left()


def test_a_switch_between_files_loses_no_request(
    branches: Branches, gateway: Gateway, files: Mapping[str, str]
) -> None:
    branch = branches("feature/shapes-asked")
    branch.up(environment=files["one"])
    gateway.until_status(branch.host)
    # A gateway that still leads to a Service that went answers 503 for about three milliseconds.
    with Requests(gateway, branch.host, pause=0.001) as requests:
        for shape in ("several", "renamed", "one"):
            branch.up(environment=files[shape])
            until(lambda: gateway.get(branch.host).status == 200, what="the URL answers")
    assert not requests.failures, "new pods answer before old ones go"

    branch.up(environment=files["several"])
    missing = Path(files["one"]).with_name("missing.yaml")
    missing.write_text(Path(files["one"]).read_text().replace(FIRST, MISSING))
    branch.try_up(environment=str(missing), readyTimeoutSeconds="5").refused("timed out waiting to be Ready")
    noted = branch.pulumi.json("stack", "output", "services", "--json", "--stack", branch.stack)
    assert noted == [branch.object_name(each) for each in ("api", "web")], "a push that failed took neither away"


@dataclass(frozen=True, kw_only=True)
class _Moving(Base):
    """A base stack whose app's branches get a namespace each, and share one again; the platform team deploys them."""

    apart: list[bool] = field(default_factory=lambda: [False])

    @property
    def deployer_env(self) -> dict[str, str]:
        """An administrator's: who deploys by the new rules has no rights in the old place."""
        return self.env

    def home(self, slug: str, /) -> str:
        """Namespace of a branch, by what the base stack says last."""
        return namespace_name(self.namespace, slug) if self.apart[-1] else self.namespace

    def config(self, **more: Any) -> dict[str, Any]:
        """Have what a namespace per branch needs, and switch it on and off."""
        isolation = {"images": IMAGES, "namespacePerBranch": self.apart[-1]}
        app = {"name": self.app, "domain": self.domain, "identity": {"perBranch": True}, "isolation": isolation}
        return super().config(apps=[app], **more)


def test_a_live_branch_moves_to_a_namespace_of_its_own_and_back(cluster: Cluster, workdir: Path) -> None:
    with slot(cluster) as app:
        base = _Moving(cluster=cluster, app=app, folder=copy_program(workdir / "program"), env=cluster.env)
        base.up()
        made = Branches(base)
        branch = made("feature/moves")
        branch.up(image=FIRST)
        base.gateway.until_status(branch.host)
        for apart in (True, False):
            base.apart.append(apart)
            base.up()
            branch.up(image=FIRST)
            assert base.gateway.until_status(branch.host).json["version"] == "1.0", "the URL answers from the new place"
            found = base.cluster.get("configmaps", "--all-namespaces", f"--selector={branch.selector}")["items"]
            places = {each["metadata"]["namespace"] for each in found if "deletionTimestamp" not in each["metadata"]}
            assert places == {base.home(branch.slug)}, "the environment is in one place, all of it"
        made.remove()
        base.destroy().ok()
