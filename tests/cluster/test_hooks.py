"""A chart's hooks: run as Helm would, each a resource of the branch."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from branchenv.model.errors import ExitCode
from tests.cluster.support.branchenv import Branchenv
from tests.cluster.support.cluster import REPOSITORY
from tests.cluster.support.gateway import Gateway, Requests
from tests.cluster.support.pulumi import Result
from tests.cluster.support.stacks import FIRST, SECOND, Base, Branch, Branches
from tests.cluster.support.waiting import until

_FAULT = "column price holds text"
_PRE, _POST = "pre-install,pre-upgrade", "post-install,post-upgrade"


def _hook(kind: str, name: str, events: str, weight: int, **more: Any) -> str:
    annotations = {"helm.sh/hook": events, "helm.sh/hook-weight": str(weight)}
    metadata = {"name": f"{{{{ .Release.Name }}}}--{name}", "annotations": annotations}
    version = "batch/v1" if kind == "Job" else "v1"
    return yaml.safe_dump({"apiVersion": version, "kind": kind, "metadata": metadata, **more})


def _job(name: str, events: str, weight: int) -> str:
    settings = {"name": "{{ .Release.Name }}--settings", "key": "branch"}
    container = {
        "name": name,
        "image": "{{ .Values.image }}",
        "args": "ARGS" if name == "migrate" else ["migrate"],
        "env": [{"name": "BRANCH", "valueFrom": {"configMapKeyRef": settings}}],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "1", "memory": "64Mi"}},
    }
    pod = {
        "serviceAccountName": "{{ .Values.serviceAccount }}",
        "restartPolicy": "Never",
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532},
        "containers": [container],
    }
    spec = {"backoffLimit": 0, "ttlSecondsAfterFinished": 0, "template": {"spec": pod}}
    return _hook("Job", name, events, weight, spec=spec)


@pytest.fixture
def file(base: Base, workdir: Path) -> Path:
    """Write a chart with hooks, and the environment file that names it."""
    chart = workdir / "chart"
    shutil.copytree(REPOSITORY / "examples/shop/chart", chart)
    hooks = [
        _hook("ConfigMap", "settings", _PRE, -5, data={"branch": "{{ .Values.branch }}"}),
        _job("migrate", _PRE, 0),
        _job("seed", "pre-install", 1),
        _job("convert", "pre-upgrade", 1),
        _job("warm", _POST, 0),
        _job("goodbye", "pre-delete", 0),
        _hook("Pod", "test", "test", 0, spec={"containers": [{"name": "test", "image": FIRST}]}),
    ]
    args = "[migrate{{ with .Values.fault }}, {{ . | quote }}{{ end }}]"
    (chart / "templates/hooks.yaml").write_text("---\n".join(hooks).replace("ARGS", args))
    found = workdir / "environment.yaml"
    values = {"serviceAccount": base.app, "gateway": f"istio-system/{base.app}"}
    found.write_text(yaml.safe_dump({"chart": {"path": "chart", "values": values, "valuePaths": {"branch": "branch"}}}))
    return found


def jobs(branch: Branch) -> dict[str, Mapping[str, Any]]:
    """Return the Jobs of a branch, by what they are called behind the release's name."""
    found = branch.base.cluster.get("jobs", f"--namespace={branch.base.namespace}", f"--selector={branch.selector}")
    return {each["metadata"]["name"].removeprefix(f"{branch.object_name()}--"): each for each in found["items"]}


def uids(branch: Branch) -> dict[str, str]:
    """Return the UID of each of them: another run has another."""
    return {name: each["metadata"]["uid"] for name, each in jobs(branch).items()}


def test_hooks_run_in_helms_order_and_only_when_something_is_deployed(
    branches: Branches, gateway: Gateway, file: Path
) -> None:
    branch = branches("feature/hooks")
    printed = branch.up(environment=str(file), image=FIRST).output
    assert f"Job {branch.object_name('goodbye')}" in printed, "what has no moment is named"
    found = jobs(branch)
    assert sorted(found) == ["migrate", "seed", "warm"], "of an install; nothing of an upgrade, a deletion, a test"
    deployment = branch.base.cluster.get("deployment", branch.object_name(), f"--namespace={branch.base.namespace}")
    made = deployment["metadata"]["creationTimestamp"]
    ended = found["migrate"]["status"]["completionTime"]
    assert ended <= found["seed"]["metadata"]["creationTimestamp"], "by weight, one after another"
    assert found["seed"]["status"]["completionTime"] <= made, "before the chart's other objects"
    assert found["warm"]["metadata"]["creationTimestamp"] >= made, "and after them"
    (owner,) = found["migrate"]["metadata"]["ownerReferences"]
    assert owner["name"] == branch.object_name(), "a hook belongs to the environment"

    first = uids(branch)
    branch.up(environment=str(file), image=FIRST)
    assert uids(branch) == first, "an unchanged push runs nothing"

    branch.up(environment=str(file), image=SECOND)
    until(lambda: gateway.get(branch.host).json["version"] == "2.0", what="another image goes through")
    second = uids(branch)
    assert sorted(second) == ["convert", "migrate", "seed", "warm"], "now what is for upgrades runs as well"
    changed = {name for name in first if second[name] != first[name]}
    assert changed == {"migrate", "warm"}, "and again all but what is for an install alone"

    branch.destroy().ok()
    branch.until_nothing_is_left()


def test_a_hook_that_fails_stops_the_push_with_its_log_and_the_running_version_answers(
    branches: Branches, gateway: Gateway, file: Path, workdir: Path
) -> None:
    branch = branches("feature/hook-fails")
    branchenv = Branchenv(branch=branch, folder=workdir, env=branch.base.deployer_env)
    content = yaml.safe_load(file.read_text())

    def up(image: str, fault: str = "") -> Result:
        content["chart"]["values"]["fault"] = fault
        file.write_text(yaml.safe_dump(content))
        return branchenv.run("up", "--environment", str(file), "--image", image)

    up(FIRST).ok()
    gateway.until_status(branch.host)
    with Requests(gateway, branch.host) as requests:
        failed = up(SECOND, _FAULT)
        failed.refused("migrate: its container crashes with exit code 1", f"| {_FAULT}")
        assert failed.code == ExitCode.NOT_READY, f"a script tells it apart:\n{failed.output}"
    assert not requests.failures, "the running version goes on answering"
    assert gateway.get(branch.host).json["version"] == "1.0", "and it is the old one"

    up(SECOND).ok()
    until(lambda: gateway.get(branch.host).json["version"] == "2.0", what="the corrected push goes through")
    branchenv.run("why").ok()
