"""What a chart may be made of is the program's to say, to an administrator as well."""

import shutil
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.cluster.support.bases import branches_on
from tests.cluster.support.cluster import REPOSITORY
from tests.cluster.support.stacks import FIRST, Base, Branches

_GROUP = "example.com"


@dataclass(frozen=True, kw_only=True)
class _Administered(Base):
    """A base stack whose branches are deployed by somebody whom no rule holds."""

    @property
    def deployer_env(self) -> dict[str, str]:
        """An administrator's."""
        return self.env


@pytest.fixture
def branches(base: Base) -> Iterator[Branches]:
    """Makes branches that an administrator deploys."""
    yield from branches_on(_Administered(cluster=base.cluster, app=base.app, folder=base.folder, env=base.env))


@pytest.fixture
def apart(branch_namespaces: Base) -> Iterator[Branches]:
    """Makes branches that have a namespace each; removes them after the test."""
    yield from branches_on(branch_namespaces)


def chart(base: Base, workdir: Path, *templates: str, crd: str = "") -> str:
    """Write the sample app's chart with more in it, and a file that names it; return the file's path."""
    folder = workdir / "chart"
    shutil.copytree(REPOSITORY / "examples/shop/chart", folder)
    for index, template in enumerate(templates):
        (folder / "templates" / f"more-{index}.yaml").write_text(template)
    if crd:
        (folder / "crds").mkdir()
        (folder / "crds" / "crd.yaml").write_text(crd)
    values = {"gateway": f"istio-system/{base.app}", "image": FIRST}
    paths = {"branch": "branch", "serviceAccount": "serviceAccount"}
    file = workdir / "environment.yaml"
    file.write_text(yaml.safe_dump({"chart": {"path": str(folder), "values": values, "valuePaths": paths}}))
    return str(file)


def test_a_secret_of_a_chart_is_deployed(apart: Branches, workdir: Path) -> None:
    secret = (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: '{{ .Release.Name }}--auth'}\n"
        "stringData: {password: not-so-secret}\n"
    )
    base = apart.base
    file = chart(base, workdir, secret)
    branch = apart("feature/secret")
    assert "not-so-secret" not in branch.preview(environment=file).ok().output, "a secret is not printed"
    assert "not-so-secret" not in branch.up(environment=file).output, "by `up` neither"
    base.gateway.until_status(branch.host)
    home = base.home(branch.slug)
    found = base.cluster.get("secret", f"{branch.object_name()}--auth", f"--namespace={home}")
    assert b64decode(found["data"]["password"]) == b"not-so-secret", "the app gets it"
    assert found["metadata"]["labels"]["branch-environments/slug"] == branch.slug, "and it goes with its branch"
    branch.destroy().ok()
    branch.until_nothing_is_left()


def test_a_kind_of_the_whole_cluster_outlives_every_branch(base: Base, branches: Branches, workdir: Path) -> None:
    kind, plural = f"{base.app}thing".replace("-", "").title(), f"{base.app}things".replace("-", "")
    crd = yaml.safe_dump(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.{_GROUP}"},
            "spec": {
                "group": _GROUP,
                "scope": "Namespaced",
                "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
                "versions": [
                    {
                        "name": "v1",
                        "served": True,
                        "storage": True,
                        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
                    }
                ],
            },
        }
    )
    thing = f"apiVersion: {_GROUP}/v1\nkind: {kind}\nmetadata: {{name: '{{{{ .Release.Name }}}}'}}\nspec: {{size: 1}}\n"
    file = chart(base, workdir, thing, crd=crd)
    first, second = branches("feature/kind-a"), branches("feature/kind-b")

    refused = first.try_up(environment=file).refused(f"{plural}.{_GROUP}", "kubectl apply --server-side")
    assert "1 mistake" in refused.output, "the chart is right but for that"
    assert not first.objects(), "nothing was made"

    base.cluster.kubectl("apply", "--server-side", "--filename", str(workdir / "chart" / "crds"))
    try:
        base.cluster.until_established(f"{plural}.{_GROUP}")
        assert "left out" in first.up(environment=file).output, "the person is told"
        second.up(environment=file)
        first.destroy().ok()
        left = base.cluster.get(f"{plural}.{_GROUP}", f"--namespace={base.namespace}")["items"]
        assert [each["metadata"]["name"] for each in left] == [second.object_name()], (
            "the other branch has its own still"
        )
        second.destroy().ok()
    finally:
        base.cluster.kubectl("delete", "crd", f"{plural}.{_GROUP}")


def test_a_chart_that_would_mix_branches_is_refused_to_an_administrator_as_well(
    base: Base, branches: Branches, workdir: Path
) -> None:
    role = (
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: '{{ .Release.Name }}-reader'}\n"
    )
    fixed = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: webshop}\n"
    alike = (
        "apiVersion: v1\nkind: Service\nmetadata: {name: '{{ .Release.Name }}-all'}\n"
        "spec: {ports: [{port: 80}], selector: {app.kubernetes.io/instance: shop}}\n"
    )
    branch = branches("feature/mixed")
    printed = branch.try_up(environment=chart(base, workdir, role, fixed, alike)).refused("3 mistakes").output
    for text in ("ClusterRole", "webshop", "app.kubernetes.io/instance: {{ .Release.Name }}"):
        assert text in printed, "each with what to do"
    assert not branch.objects(), "nothing was made"
