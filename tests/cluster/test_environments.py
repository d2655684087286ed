"""What an environment file can say, as it comes out in the cluster."""

import base64
from collections import Counter
from pathlib import Path

import yaml

from tests.cluster.support.cluster import REPOSITORY
from tests.cluster.support.gateway import Gateway
from tests.cluster.support.stacks import FIRST, SECOND, Base, Branches
from tests.cluster.support.waiting import until

_REQUESTS = 400


def test_two_workloads_share_a_url_by_path_and_call_each_other_by_name(branches: Branches, gateway: Gateway) -> None:
    branch = branches("feature/several")
    branch.up(environment=str(REPOSITORY / "examples" / "shop" / "several-workloads.yaml"))

    assert gateway.until_status(branch.host).json["version"] == "1.0", "`/` goes to web"
    api = gateway.until_status(branch.host, path="/api/orders").json
    assert (api["version"], api["path"]) == ("2.0", "/orders"), "`/api` goes to api, which does not see the prefix"
    assert gateway.get(branch.host, "/apiary").json["version"] == "1.0", "a prefix takes whole segments"

    sibling = f"http://{branch.object_name('api')}"
    # kube-proxy hears of a Service's pods up to a second after they are ready.
    called = until(
        lambda: (answer := gateway.get(branch.host, f"/call?url={sibling}/inside").json)["status"] == 200 and answer,
        what="web reaches api by its name",
    )
    assert called["answer"]["version"] == "2.0", "it is api that answers"
    (web,) = (pod for pod in branch.pods() if pod["metadata"]["labels"]["app.kubernetes.io/name"] == "web")
    variables = {each["name"]: each.get("value") for each in web["spec"]["containers"][0]["env"]}
    assert variables["API_URL"] == sibling, "the container is told that name"

    beside = f"{branch.slug}--api.{branch.base.domain}"
    assert gateway.until_status(beside, path="/orders").json["version"] == "2.0", "and at a host of its own"
    assert variables["BRANCH_API_URL"].startswith(f"http://{beside}:"), "which apps make links from"

    origin = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "GET"}
    allowed = gateway.get(branch.host, "/api/orders", method="OPTIONS", headers=origin)
    assert allowed.headers.get("access-control-allow-origin") == origin["Origin"], "the route's CORS rule holds"


def test_a_second_image_takes_its_share_of_the_requests(branches: Branches, gateway: Gateway, workdir: Path) -> None:
    branch = branches("feature/weights")
    file = workdir / "weights.yaml"
    file.write_text(
        yaml.safe_dump({"image": FIRST, "probes": {"path": "/healthz"}, "canary": {"image": SECOND, "weight": 30}})
    )
    branch.up(environment=str(file))
    gateway.until_status(branch.host)
    # The gateway hears of the two Services' pods one after the other.
    until(lambda: gateway.get(branch.host).json["version"] == "2.0", what="the second image answers")
    shares = Counter(gateway.get(branch.host).json["version"] for _ in range(_REQUESTS))
    # 30 % of 400 with a standard deviation of 9: outside of six of them once in a billion runs.
    assert 65 < shares["2.0"] < 175, f"about 30 % of the requests go to the second image: {shares}"
    assert shares.total() == shares["1.0"] + shares["2.0"], "and the rest to the first"


def test_a_secret_that_the_base_stack_does_not_name_is_refused_before_anything_is_made(
    branches: Branches, workdir: Path
) -> None:
    branch = branches("feature/reads")
    file = workdir / "environment.yaml"
    env = {"PASSWORD": {"secretKeyRef": {"name": "production", "key": "password"}}}
    file.write_text(yaml.safe_dump({"image": FIRST, "env": env}))
    branch.try_up(environment=str(file)).refused("env.PASSWORD.secretKeyRef", "production", "isolation.secrets")
    assert not branch.objects(), "nothing was made"


def test_the_pod_is_what_the_file_says_and_otherwise_what_is_safe(
    base: Base, branches: Branches, gateway: Gateway, workdir: Path
) -> None:
    settings = {"namespace": base.namespace, "name": "settings", "labels": {"app": base.app}}
    base.cluster.apply(
        {"apiVersion": "v1", "kind": "Secret", "metadata": settings, "data": {"key": _base64("from-secret")}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": settings, "data": {"name": "from-config-map"}},
    )
    branch = branches("feature/pod")
    file = workdir / "pod.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "image": FIRST,
                "probes": {"path": "/healthz"},
                "replicas": 2,
                "env": {
                    # What the sample app shows of its environment: its version and its name.
                    "VERSION": {"secretKeyRef": {"name": "settings", "key": "key"}},
                    "NAME": {"configMapKeyRef": {"name": "settings", "key": "name"}},
                    "PORT": "8080",
                    "GREETING": "hello from $(BRANCH_SLUG)",
                },
            }
        )
    )
    branch.up(environment=str(file))

    answer = gateway.until_status(branch.host).json
    assert answer["version"] == "from-secret", "a Secret's key reaches the container"
    assert answer["app"] == "from-config-map", "and so does a ConfigMap's"
    assert answer["branch"] == branch.name, "and the branch's own name"
    pods = branch.pods()
    assert len(pods) == 2, "there are as many pods as the file says"
    spec = pods[0]["spec"]
    (container,) = spec["containers"]
    assert {"name": "GREETING", "value": "hello from $(BRANCH_SLUG)"} in container["env"], "a plain value as well"
    assert spec["serviceAccountName"] == base.app, "the app's identity, which the base stack made"
    assert spec["automountServiceAccountToken"] is False, "no way to the API server"
    pod_security = spec["securityContext"]
    assert pod_security["runAsNonRoot"] is True, "not as root"
    assert pod_security["runAsUser"] == 65532, "as a user without a name"
    assert pod_security["seccompProfile"] == {"type": "RuntimeDefault"}, "with system calls filtered"
    security = container["securityContext"]
    assert security["allowPrivilegeEscalation"] is False, "no setuid"
    assert security["capabilities"] == {"drop": ["ALL"]}, "no capability"
    assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), "the scheduler knows what it needs"
    assert {"cpu", "memory"} <= container["resources"]["limits"].keys(), "and it cannot take more than its share"
    assert container["readinessProbe"]["periodSeconds"] == 1, "it is ready within a second of being able to answer"
    assert spec["terminationGracePeriodSeconds"] == 5, "and gone soon"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_an_environment_may_be_the_apps_own_chart(
    base: Base, branches: Branches, gateway: Gateway, workdir: Path
) -> None:
    branch = branches("feature/chart")
    file = workdir / "chart.yaml"
    values = {"serviceAccount": base.app, "gateway": f"istio-system/{base.app}"}
    chart = REPOSITORY / "examples" / "shop" / "chart"
    file.write_text(
        yaml.safe_dump({"chart": {"path": str(chart), "values": values, "valuePaths": {"branch": "branch"}}})
    )
    branch.up(environment=str(file), image=SECOND)

    answer = gateway.until_status(branch.host).json
    assert (answer["branch"], answer["version"]) == (branch.name, "2.0"), (
        "the chart got host, name and image of the branch"
    )
    made = {line.split()[0] for line in branch.objects()}
    assert {"Deployment", "Service", "VirtualService", "Pod"} <= made, "everything in it carries the branch's label"

    branch.up(environment=str(file), image=FIRST)
    until(lambda: gateway.get(branch.host).json["version"] == "1.0", what="a second push rolls the chart's pods")
    branch.destroy("--remove").ok()
    branch.until_nothing_is_left()
