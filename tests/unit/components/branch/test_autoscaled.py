"""Replicas that an autoscaler sets are taken out of what a chart renders, and nothing else is touched."""

import io
import tarfile
from pathlib import Path

import pytest
import yaml

from components.branch.autoscaled import post_renderer, without_scaled_replicas

_WORKLOADS = """\
# Source: shop/templates/web.yaml
kind: Deployment
metadata: {name: "web"}
spec:
  replicas: 3 # as many as usual
  template: {answer: NO}
---
kind: Deployment
metadata: {name: worker}
spec: {replicas: 1}
---
kind: StatefulSet
metadata: {name: web}
spec: {replicas: 1, serviceName: web}
---
"""
_AUTOSCALER = "kind: HorizontalPodAutoscaler\nspec: {scaleTargetRef: {kind: %s, name: web}}\n"


@pytest.mark.parametrize(("kind", "number"), [("Deployment", 0), ("StatefulSet", 2)])
def test_the_workload_that_is_scaled_loses_its_replicas_and_no_other(kind: str, number: int) -> None:
    rendered = without_scaled_replicas(_WORKLOADS + _AUTOSCALER % kind)
    expected = [3, 1, 1]
    expected[number] = None  # type: ignore[call-overload]
    found = [each["spec"].get("replicas") for each in yaml.safe_load_all(rendered) if "replicas" in each["spec"]]
    assert found == expected, "the others' are the chart's to say"
    assert "template: {answer: NO}" in rendered, "what is not ours stays as it was written"


def test_kedas_autoscaler_scales_deployments_unless_it_says_otherwise() -> None:
    rendered = without_scaled_replicas(_WORKLOADS + "kind: ScaledObject\nspec: {scaleTargetRef: {name: web}}\n")
    assert "replicas: null # as many as usual" in rendered, "as KEDA has it"


def test_without_an_autoscaler_everything_stays() -> None:
    assert without_scaled_replicas(_WORKLOADS) == _WORKLOADS, "there is nobody else to set it"


def test_only_a_chart_that_names_an_autoscaler_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/web.yaml").write_text(_WORKLOADS)
    assert post_renderer(tmp_path) is None, "all others pay nothing for it"
    (tmp_path / "charts").mkdir()
    with tarfile.open(tmp_path / "charts/web-1.0.0.tgz", "w:gz") as packed:
        content = (_AUTOSCALER % "Deployment").encode()
        member = tarfile.TarInfo("web/templates/hpa.yaml")
        member.size = len(content)
        packed.addfile(member, io.BytesIO(content))
    found = post_renderer(tmp_path)
    assert found is not None, "a chart that it depends on may have one"
    assert Path(found.args[-1]).name == "autoscaled.py", "that file is run"
