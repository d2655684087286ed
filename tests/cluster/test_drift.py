"""What is deleted or edited by hand: told by `branchenv diff`, brought back by the next push, in the way of nobody."""

import json
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.support.branchenv import Branchenv
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.gateway import Gateway
from tests.cluster.support.pulumi import Pulumi
from tests.cluster.support.sleeping import until_asleep
from tests.cluster.support.slots import slot
from tests.cluster.support.stacks import FIRST, SECOND, Base, Branch, Branches, copy_program
from tests.cluster.support.waiting import until

_BROUGHT_BACK = "was changed since its deploy, and is restored"


def _by_hand(branch: Branch, folder: Path, **env: str) -> Branchenv:
    """The command line with the deployer's rights and no others, unless told otherwise."""
    own = env or {"KUBECONFIG": branch.base.deployer_env["KUBECONFIG"]}
    return Branchenv(branch=branch, folder=folder, env=own)


def _diff(env: Branchenv) -> dict[str, Any]:
    output = env.run("diff", "--output", "json").ok().output
    found: dict[str, Any] = json.loads(output[output.index("{") :])
    return found


def _kubectl(branch: Branch, *arguments: str) -> str:
    return branch.base.cluster.kubectl(*arguments, f"--namespace={branch.base.namespace}")


def _version(branch: Branch, gateway: Gateway) -> str:
    """Return what answers; nothing while the gateway has not heard of a route that was made anew."""
    answer = gateway.get(branch.host)
    return str(answer.json["version"]) if answer.status == 200 else ""


def _replicas(branch: Branch, name: str = "") -> int:
    return int(_kubectl(branch, "get", "deployment", name or branch.slug, "--output=jsonpath={.spec.replicas}"))


_DELETED = ("Deployment", "Service", "VirtualService")


def _delete(branch: Branch, *kinds: str) -> None:
    _kubectl(branch, "delete", *(f"{kind.lower()}/{branch.slug}" for kind in kinds))


def test_objects_that_were_deleted_by_hand_are_told_and_brought_back(
    branches: Branches, gateway: Gateway, workdir: Path
) -> None:
    branch = branches("feature/deleted")
    env = _by_hand(branch, workdir)
    env.run("up", "--image", FIRST).ok()
    assert _diff(env)["drift"] == [], "nothing was touched"
    # One alone, and then all of them.
    for kinds in (("Service",), _DELETED):
        _delete(branch, *kinds)
        found = _diff(env)["drift"]
        assert sorted((each["kind"], each["what"]) for each in found) == [(kind, "deleted") for kind in kinds], (
            "they, and nothing else"
        )
        told = env.run("diff").ok().output
        for kind in kinds:
            assert f"{kind} {branch.base.namespace}/{branch.slug}: deleted" in told, "for people"
        done = env.run("up", "--image", FIRST).ok()
        assert _BROUGHT_BACK in done.output, "a person wants to know"
        assert gateway.until_status(branch.host).json["version"] == "1.0", "the same push again brought them back"
    _delete(branch, *_DELETED)
    env.run("up", "--image", SECOND).ok()
    until(lambda: _version(branch, gateway) == "2.0", what="another push brings them back as well")

    # Kubernetes deletes with the anchor what belongs to it.
    _kubectl(branch, "delete", "configmap", branch.slug)
    env.run("up", "--image", SECOND).ok()
    until(lambda: _version(branch, gateway) == "2.0", what="all of it is there again")
    assert _diff(env)["drift"] == [], "and belongs to the new anchor"


def test_what_was_edited_by_hand_is_told_field_by_field_and_taken_back(
    branches: Branches, gateway: Gateway, workdir: Path
) -> None:
    branch = branches("feature/edited")
    env = _by_hand(branch, workdir)
    env.run("up", "--image", FIRST).ok()
    _kubectl(branch, "scale", "deployment", branch.slug, "--replicas=2")
    _kubectl(branch, "set", "image", f"deployment/{branch.slug}", f"*={SECOND}")
    fields = {each["path"]: (each["deployed"], each["now"]) for each in _diff(env)["drift"][0]["fields"]}
    container = "spec.template.spec.containers[app].image"
    assert fields == {"spec.replicas": (1, 2), container: (FIRST, SECOND)}, "both, and no default of Kubernetes'"
    swept = env.run("sweep", "--drift").ok().output
    assert f"{branch.stack} is not as it was deployed" in swept, "the sweep tells it as well"
    assert _replicas(branch) == 2, "looking changes nothing"
    done = env.run("up", "--image", FIRST).ok()
    assert "spec.replicas 1 -> 2" in done.output, "it says what was taken back"
    until(lambda: gateway.get(branch.host).json["version"] == "1.0", what="the image that was pushed runs again")
    assert _replicas(branch) == 1, "as many pods as it says"


def test_what_was_scaled_or_deleted_by_hand_is_pushed_sleeps_and_wakes(
    branches: Branches, gateway: Gateway, workdir: Path
) -> None:
    branch = branches("feature/scaled")
    env = _by_hand(branch, workdir)
    branch.up(image=FIRST)
    _kubectl(branch, "scale", "deployment", branch.slug, "--replicas=2")
    branch.up(image=SECOND)
    until(lambda: gateway.get(branch.host).json["version"] == "2.0", what="no conflict of fields stops a bare push")
    assert _replicas(branch) == 1, "its own number of pods is its own"

    _kubectl(branch, "scale", "deployment", branch.slug, "--replicas=2")
    env.run("sleep").ok()
    until_asleep(branch, gateway)
    _kubectl(branch, "delete", "deployment", branch.slug)
    env.run("wake").ok()
    assert gateway.until_status(branch.host).json["version"] == "2.0", "it is awake"
    _kubectl(branch, "delete", "deployment", branch.slug)
    env.run("sleep").ok()
    until_asleep(branch, gateway)


_CHART = {
    "Chart.yaml": "apiVersion: v2\nname: scaled\nversion: 0.1.0\n",
    "values.yaml": "image: ''\nhost: ''\ngateway: ''\n",
    "templates/all.yaml": """\
apiVersion: v1
kind: Service
metadata: {name: {{ .Release.Name }}}
spec:
  ports: [{name: http, port: 80, targetPort: 8080}]
  selector: {app.kubernetes.io/instance: {{ .Release.Name }}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  replicas: 1
  selector: {matchLabels: {app.kubernetes.io/instance: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app.kubernetes.io/instance: {{ .Release.Name }}}}
    spec:
      containers:
        - name: app
          image: {{ .Values.image }}
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
          ports: [{containerPort: 8080}]
          resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {cpu: 500m, memory: 64Mi}}
          readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 1}
      securityContext: {runAsNonRoot: true, runAsUser: 10001, seccompProfile: {type: RuntimeDefault}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: {{ .Release.Name }}}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ .Release.Name }}}
  minReplicas: 2
  maxReplicas: 3
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: {{ .Release.Name }}}
spec:
  hosts: [{{ .Values.host | quote }}]
  gateways: [{{ .Values.gateway | quote }}]
  http: [{route: [{destination: {host: {{ .Release.Name }}, port: {number: 80}}}]}]
""",
}


def test_replicas_are_left_to_an_autoscaler(base: Base, branches: Branches, gateway: Gateway, workdir: Path) -> None:
    for name, text in _CHART.items():
        file = workdir / "chart" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    values = {"gateway": f"istio-system/{base.app}"}
    source = {"path": "chart", "values": values, "valuePaths": {"host": "host", "image": "image"}}
    (workdir / "environment.yaml").write_text(yaml.safe_dump({"chart": source}))
    environment = ("--environment", str(workdir / "environment.yaml"))
    branch = branches("feature/hpa")
    # A deployer has no right to make autoscalers, unless the platform team gives it.
    env = _by_hand(branch, workdir, KUBECONFIG=base.env["KUBECONFIG"])
    env.run("up", *environment, "--image", FIRST).ok()
    try:
        until(lambda: _replicas(branch) == 2, what="the autoscaler asks for two pods", seconds=60)
        assert _diff(env)["drift"] == [], "that is no drift"
        env.run("up", *environment, "--image", SECOND).ok()
        until(lambda: gateway.get(branch.host).json["version"] == "2.0", what="a push goes through")
        assert _replicas(branch) == 2, "and leaves the number of pods to the autoscaler"
        env.run("sleep").ok()
        until_asleep(branch, gateway)
        env.run("wake").ok()
        gateway.until_status(branch.host)
        until(lambda: _replicas(branch) == 2, what="the autoscaler is at work again", seconds=60)
    finally:
        env.run("down", "--yes").ok()


def test_a_branchs_own_namespace_that_was_deleted_by_hand_is_brought_back(
    branch_namespaces: Base, workdir: Path
) -> None:
    made = Branches(branch_namespaces)
    branch = made("feature/home")
    try:
        env = _by_hand(branch, workdir)
        env.run("up", "--image", FIRST).ok()
        namespace = branch_namespaces.home(branch.slug)
        branch_namespaces.cluster.kubectl("delete", "namespace", namespace, "--wait=false")
        found = _diff(env)["drift"]
        assert "Namespace" in {each["kind"] for each in found}, "it is told, on its way out or gone"
        env.run("up", "--image", FIRST).ok()
        answer = branch_namespaces.gateway.until_status(branch.host)
        assert answer.json["version"] == "1.0", "its namespace and all in it are back"
    finally:
        made.remove()


def test_an_apps_namespace_that_was_deleted_by_hand_is_named_and_brought_back(cluster: Cluster, tmp_path: Path) -> None:
    with slot(cluster) as app:
        base = Base(cluster=cluster, app=app, folder=copy_program(tmp_path / "program"), env=cluster.env)
        base.up()
        made = Branches(base)
        branch = made("feature/homeless")
        # The deployer's own rights were in that namespace.
        env = _by_hand(branch, tmp_path, KUBECONFIG=base.env["KUBECONFIG"])
        env.run("up", "--image", FIRST).ok()
        cluster.kubectl("delete", "namespace", base.namespace)
        env.run("doctor").refused(f"the namespace {base.namespace} was deleted", "pulumi up --refresh")
        env.run("up").refused(f"the namespace {base.namespace} of {app} was deleted", "pulumi up --refresh")
        Pulumi(base.folder, base.env).run("up", "--yes", "--skip-preview", "--refresh", "--stack", base.stack).ok()
        env.run("up", "--image", FIRST).ok()
        assert base.gateway.until_status(branch.host).json["version"] == "1.0", "base and branch are back"
        made.remove()
        base.destroy().ok()
