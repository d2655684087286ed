"""Who reaches whom, by trying: the local cluster keeps NetworkPolicies, and istiod says what it would tell proxies."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from tests.cluster.support.app_proxy import app_proxy
from tests.cluster.support.gateway import Gateway
from tests.cluster.support.stacks import FIRST, Base, Branch, Branches, at_once
from tests.cluster.support.waiting import until

REFUSED = "deadline exceeded"
"""What the one who asks sees of a policy: nothing comes back, until the sample app gives up."""


def two_workloads(folder: Path) -> str:
    """Write an environment file of two workloads, the second without a route."""
    file = folder / "environment.yaml"
    probes = {"path": "/healthz"}
    web = {"image": FIRST, "probes": probes, "routes": [{"path": "/"}]}
    file.write_text(yaml.safe_dump({"workloads": {"web": web, "api": {"image": FIRST, "probes": probes}}}))
    return str(file)


def call(gateway: Gateway, branch: Branch, url: str) -> dict[str, Any]:
    """Let a branch's pod ask for a URL, and give what came of it."""
    answer: dict[str, Any] = gateway.get(branch.host, f"/call?url={quote(url, safe='')}").json
    return answer


def address(branch: Branch, workload: str = "") -> str:
    """Return the address of one of a branch's pods."""
    (pod,) = [pod for pod in branch.pods() if pod["metadata"]["name"].startswith(f"{branch.object_name(workload)}-")]
    return str(pod["status"]["podIP"])


def until_refused(gateway: Gateway, branch: Branch, url: str) -> None:
    """Ask until nothing comes back: whoever judges learns of pods and policies a moment after the API server."""

    def refused() -> bool:
        return REFUSED in call(gateway, branch, url).get("error", "")

    until(refused, what=f"{branch.name} does not reach {url}")


def until_answered(gateway: Gateway, branch: Branch, url: str) -> Any:
    """Ask until it answers, as a Service's address leads to its pods a second after they are ready."""
    return until(lambda: call(gateway, branch, url).get("answer"), what=f"{branch.name} reaches {url}")


def test_the_pods_of_one_branch_reach_each_other_and_those_of_another_do_not(
    branches: Branches, gateway: Gateway, tmp_path: Path
) -> None:
    mine, theirs = branches("feature/mine"), branches("feature/theirs")
    at_once([lambda: mine.up(environment=two_workloads(tmp_path)), lambda: theirs.up(image=FIRST)])
    gateway.until_status(mine.host)
    gateway.until_status(theirs.host)

    until_refused(gateway, mine, f"http://{address(theirs)}:8080/")
    until_refused(gateway, mine, f"http://{theirs.object_name()}/")
    until_refused(gateway, theirs, f"http://{address(mine, 'api')}:8080/")

    answer = until_answered(gateway, mine, f"http://{mine.object_name('api')}/")
    assert answer["branch"] == mine.name, "a workload reaches its sibling by name, and not somebody else's"
    assert gateway.get(theirs.host).status == 200, "the gateway reaches every branch"


def pod(name: str, labels: dict[str, str], namespace: str) -> dict[str, Any]:
    """Write a pod of the sample app."""
    amounts = {"cpu": "10m", "memory": "16Mi"}
    container = {
        "name": "app",
        "image": FIRST,
        "resources": {"requests": amounts, "limits": {"cpu": "1", "memory": "64Mi"}},
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
    }


@pytest.fixture
def others(base: Base) -> Iterator[dict[str, str]]:
    """Return the addresses of a pod of main and of one in another namespace."""
    elsewhere = f"{base.namespace}-elsewhere"
    places = {"main": base.namespace, "stranger": elsewhere}
    base.cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": elsewhere}})
    base.cluster.apply(*(pod(name, {"app.kubernetes.io/instance": name}, place) for name, place in places.items()))
    for name, place in places.items():
        base.cluster.kubectl("wait", "pod", name, f"--namespace={place}", "--for=condition=Ready", "--timeout=30s")
    yield {
        name: base.cluster.get("pod", name, f"--namespace={place}")["status"]["podIP"] for name, place in places.items()
    }
    base.cluster.kubectl("delete", "pod", "main", f"--namespace={base.namespace}", "--now")
    base.cluster.kubectl("delete", "namespace", elsewhere)


def test_a_branch_does_not_reach_mains_pods_and_a_stranger_reaches_neither(
    branches: Branches, gateway: Gateway, others: dict[str, str]
) -> None:
    branch = branches("feature/guarded")
    branch.up(image=FIRST)
    gateway.until_status(branch.host)

    until_refused(gateway, branch, f"http://{others['main']}:8080/")
    answer = call(gateway, branch, f"http://{others['stranger']}:8080/")
    assert answer["status"] == 200, f"whom a branch may reach is not limited by default: {answer}"

    # Pods that no policy selects are reached from this machine, so the stranger can be told to ask.
    stranger = Gateway(8080, address=others["stranger"])
    for name, whose in (("main", others["main"]), ("the branch", address(branch))):
        asked = stranger.get("stranger", f"/call?url={quote(f'http://{whose}:8080/', safe='')}").json
        assert REFUSED in asked.get("error", ""), f"a pod of another namespace does not reach {name}: {asked}"


def test_where_outbound_is_limited_a_branch_reaches_itself_and_its_names_alone(
    closed: Base, closed_branches: Branches, gateway: Gateway, tmp_path: Path
) -> None:
    branch = closed_branches("feature/inside")
    branch.up(environment=two_workloads(tmp_path))
    gateway.until_status(branch.host)
    until_refused(gateway, branch, "https://198.19.0.1/")
    until_refused(gateway, branch, f"http://{_node(closed)}:8080/")
    answer = until_answered(gateway, branch, f"http://{branch.object_name('api')}/")
    assert answer["branch"] == branch.name, "names are found, and the sibling is reached"


def _node(base: Base) -> str:
    (node,) = base.cluster.get("nodes")["items"]
    return str(next(each["address"] for each in node["status"]["addresses"] if each["type"] == "InternalIP"))


def test_a_branchs_proxy_knows_its_own_branch_alone_and_lets_nobody_in_without_a_certificate(
    closed: Base, closed_branches: Branches, tmp_path: Path
) -> None:
    mine, theirs = closed_branches("feature/meshed"), closed_branches("feature/next-door")
    at_once([lambda: mine.up(environment=two_workloads(tmp_path)), lambda: theirs.up(image=FIRST)])
    (pod,) = [pod for pod in mine.pods() if pod["metadata"]["name"].startswith(mine.object_name("web"))]
    folder = tmp_path / "proxy"
    folder.mkdir()
    with app_proxy(closed, pod, folder) as proxy:
        # The control plane's namespace, with the gateway's own Service, is what every proxy is told of.
        outbound = {
            name
            for name in proxy.clusters
            if name.startswith("outbound|") and not name.endswith(".istio-system.svc.cluster.local")
        }
        own = {mine.object_name(workload) for workload in ("web", "api")}
        assert outbound == {f"outbound|80||{name}.{closed.namespace}.svc.cluster.local" for name in own}, (
            "whatever others deploy, its configuration stays as small as this"
        )
        assert proxy.insists_on_certificates, "PeerAuthentication STRICT"
