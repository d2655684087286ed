"""Branches whose pods have a real proxy each: Istio from its own charts, by the base stack, and all it is to guard."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from branchenv.model.errors import ExitCode
from components.access.authorization import TOKEN_HEADER
from local import istio
from tests.cluster.support.cluster import REPOSITORY
from tests.cluster.support.gateway import Gateway, Requests
from tests.cluster.support.meshed import (
    ASKED,
    Meshed,
    meshed,
    meshed_accounts,
    meshed_branches,
    meshed_namespaces,
)
from tests.cluster.support.pulumi import Pulumi
from tests.cluster.support.sleeping import until_asleep
from tests.cluster.support.stacks import FIRST, SECOND, Branch, Branches, at_once, write_config
from tests.cluster.support.tokens import ANOTHER_KEY, KEY, PEOPLE, public, token
from tests.cluster.support.waiting import until
from tests.cluster.test_attacks import MINE, PODS, create, denied, deployment, metadata, route
from tests.cluster.test_list import listed
from tests.cluster.test_network import address, call, pod, two_workloads, until_answered
from tests.cluster.test_protocols import PROTOCOLS, echoed, grpc
from tests.cluster.test_sleep import branchenv, wrong
from tests.cluster.test_why import Why

__all__ = ["meshed", "meshed_accounts", "meshed_branches", "meshed_namespaces"]

# One Istio is installed for all of the cluster, and puts its CNI plugin before every new pod.
pytestmark = pytest.mark.alone

_PROXY, _ISTIO = "istio-proxy", "istio-system"
_RESET = ("connection reset", "EOF")
"""What one without a certificate sees of a proxy that insists on one."""
_NOT_LED_THERE = ("connection refused", "context deadline exceeded")
"""What anybody sees of a Service that has no ready pod, and of one that the node does not know."""


@pytest.fixture
def gateway(meshed: Meshed) -> Gateway:
    """The way in: the gateway of Istio's chart."""
    return meshed.gateway


def environment(folder: Path, content: dict[str, Any]) -> str:
    """Write an environment file."""
    file = folder / "environment.yaml"
    file.write_text(yaml.safe_dump(content))
    return str(file)


def istioctl(branch: Branch, pod: dict[str, Any], kind: str) -> Any:
    """Ask a pod's proxy for what it has been told of a kind of its configuration."""
    answer = branch.base.cluster.kubectl(
        *("exec", pod["metadata"]["name"], f"--namespace={pod['metadata']['namespace']}", f"--container={_PROXY}"),
        *("--", "pilot-agent", "request", "GET", "config_dump"),
    )
    # The agent prints before it that its image trusts no authority.
    dump = json.loads(answer[answer.index("{") :])["configs"]
    (found,) = [each for each in dump if each["@type"].endswith(f".{kind}ConfigDump")]
    return found


def known(branch: Branch, pod: dict[str, Any]) -> set[str]:
    """Return the Services that a pod's proxy knows, beside those of Istio's own."""
    names = [each["cluster"]["name"] for each in istioctl(branch, pod, "Clusters")["dynamic_active_clusters"]]
    found = {name.split("|")[3].partition(".")[0] for name in names if name.startswith("outbound|")}
    return found - {f"istiod-{istio.REVISION}", istio.GATEWAY}


def test_a_pod_of_a_branch_has_a_proxy_and_no_right_to_redirect_and_its_url_answers(
    meshed: Meshed, meshed_branches: Branches, gateway: Gateway
) -> None:
    branch = meshed_branches("feature/meshed")
    branch.up(image=FIRST)
    assert gateway.until_status(branch.host).json["branch"] == branch.name, "through both proxies"
    (only,) = branch.pods()
    early = {each["name"]: each for each in only["spec"]["initContainers"]}
    assert early[_PROXY]["restartPolicy"] == "Always", "a native sidecar: there before the app, and until after it"
    every = [*only["spec"]["containers"], *early.values()]
    added = [each["securityContext"]["capabilities"].get("add", []) for each in every]
    assert not any(added), "the CNI plugin redirects, so Pod Security `restricted` admits the pod"
    certificate = gateway.get(branch.host, "/headers").json["X-Forwarded-Client-Cert"][0]
    assert f"/ns/istio-system/sa/{istio.GATEWAY}" in certificate, f"the gateway has shown who it is: {certificate}"
    assert f"/ns/{meshed.namespace}/sa/{meshed.app}" in certificate, "to a proxy with the app's identity"


def test_a_second_push_rolls_pods_with_proxies_without_a_failed_request(
    meshed_branches: Branches, gateway: Gateway
) -> None:
    branch = meshed_branches("feature/second-push")
    branch.up(image=FIRST)
    gateway.until_status(branch.host)
    (old,) = branch.pods()
    with Requests(gateway, branch.host) as requests:
        branch.up(image=SECOND)
        until(lambda: requests.values("version")[-1:] == ["2.0"], what="the new version answers")
        find_old = ("get", "pod", old["metadata"]["name"], f"--namespace={branch.base.namespace}", "--ignore-not-found")
        until(lambda: not branch.base.cluster.kubectl(*find_old), what="the old pod is gone", seconds=60)
    assert not requests.failures, f"of {len(requests.answers)} requests these failed: {requests.failures[:5]}"


@pytest.mark.parametrize("deployment", [f"istiod-{istio.REVISION}", istio.GATEWAY])
def test_a_new_pod_of_istios_own_costs_no_request(
    meshed: Meshed, meshed_branches: Branches, gateway: Gateway, deployment: str
) -> None:
    branch = meshed_branches("feature/asked")
    branch.up(image=FIRST)
    # The gateway may still be calling the istiod that was replaced: gRPC waits 20 s before it calls anew.
    gateway.until_status(branch.host, seconds=60)
    space = f"--namespace={_ISTIO}"

    def pods() -> list[str]:
        found = meshed.cluster.kubectl("get", "pods", space, "--output=name").split()
        return [each for each in found if each.startswith(f"pod/{deployment}-")]

    (old,) = pods()
    with Requests(gateway, branch.host) as requests:
        meshed.cluster.kubectl("rollout", "restart", f"deployment/{deployment}", space)
        until(lambda: len(found := pods()) == 1 and old not in found, what="a new pod has replaced it", seconds=120)
    assert not requests.failures, f"of {len(requests.answers)} requests these failed: {requests.failures[:5]}"


def test_sleep_and_wake_of_pods_with_proxies_lose_no_request_but_to_the_page(
    meshed_branches: Branches, gateway: Gateway
) -> None:
    branch = meshed_branches("feature/sleep")
    branch.up(image=FIRST)
    gateway.until_status(branch.host)
    with Requests(gateway, branch.host) as requests:
        branchenv(branch, "sleep", branch.name)
        until_asleep(branch, gateway)
        branchenv(branch, "wake", branch.name)
        until(lambda: requests.answers[-1].status == 200, what="the app answers again")
    assert not wrong(requests), "nobody met a gateway without pods, or a proxy without an app"


def test_a_job_ends_although_its_pod_has_a_proxy(meshed_branches: Branches, gateway: Gateway, workdir: Path) -> None:
    branch = meshed_branches("feature/migrates")
    job = {"args": ["migrate"]}
    content = {
        "image": FIRST,
        "probes": {"path": "/healthz"},
        "jobs": {"migrate": job, "warm": {**job, "when": "after"}},
    }
    branch.up(environment=environment(workdir, content))
    gateway.until_status(branch.host)
    jobs = branch.base.cluster.get("jobs", f"--namespace={branch.base.namespace}", f"--selector={branch.selector}")
    assert [each["status"].get("succeeded") for each in jobs["items"]] == [1, 1], "`up` has waited for both"
    pods = branch.base.cluster.get("pods", f"--namespace={branch.base.namespace}", f"--selector={branch.selector}")
    ended = [each for each in pods["items"] if each["status"]["phase"] == "Succeeded"]
    proxies = [_PROXY in str(each["spec"].get("initContainers")) for each in ended]
    assert proxies == [True, True], "with a proxy each"


@pytest.mark.parametrize(
    "probes",
    [
        {"path": "/healthz"},
        {},
        {"liveness": {}, "startup": {}},
        {"readiness": {"command": ["/shop", "migrate"]}, "liveness": {"command": ["/shop", "migrate"]}},
    ],
    ids=["http", "tcp", "tcp_and_startup", "exec"],
)
def test_kubernetes_asks_the_app_through_its_proxy(
    meshed_branches: Branches, gateway: Gateway, workdir: Path, probes: dict[str, Any]
) -> None:
    branch = meshed_branches("feature/probed")
    branch.up(environment=environment(workdir, {"image": FIRST, "probes": probes}))
    gateway.until_status(branch.host)
    (only,) = branch.pods()
    assert all(each["restartCount"] == 0 for each in only["status"]["containerStatuses"]), "and believes what it says"


def test_an_app_that_listens_on_localhost_alone_is_told_so(meshed_branches: Branches, workdir: Path) -> None:
    asked = Why(meshed_branches("feature/localhost"), workdir)
    says = ("at an address that only the pod itself reaches", "let it listen on all addresses (0.0.0.0)")
    asked.fails({"image": FIRST, "env": {"HOST": "127.0.0.1"}}, ExitCode.NOT_READY, *says)


def test_workloads_reach_their_siblings_by_what_those_speak(
    meshed_branches: Branches, gateway: Gateway, workdir: Path
) -> None:
    branch = meshed_branches("feature/protocols")
    branch.up(environment=environment(workdir, {"workloads": PROTOCOLS}))
    assert gateway.until_status(branch.host, path="/h2").json["proto"] == "HTTP/2.0", "HTTP/2 to whoever asks for it"
    assert echoed(gateway, branch.host, ["one", "two"]) == ["one", "two"], "a WebSocket goes through both proxies"
    until(lambda: "grpc-status: 0" in grpc(gateway, branch.host), what="gRPC through the URL, with its trailers")
    for workload, port in (("h2", 8080), ("db", 5432)):
        answer = until_answered(gateway, branch, f"http://{branch.object_name(workload)}:{port}/")
        assert answer["branch"] == branch.name, f"web reaches {workload} by name, and it is its own"


def test_what_a_route_says_holds_through_both_proxies(
    meshed_branches: Branches, gateway: Gateway, workdir: Path
) -> None:
    branch = meshed_branches("feature/routed")
    origin = "http://localhost:3000"
    web = {
        "image": FIRST,
        "probes": {"path": "/healthz"},
        "canary": {"image": SECOND, "weight": 50},
        "routes": [
            {
                "path": "/api",
                "rewrite": "/",
                "timeout": "5s",
                "retries": {"attempts": 1},
                "cors": {"allowOrigins": [origin]},
            },
            {"path": "/"},
        ],
    }
    branch.up(environment=environment(workdir, {"workloads": {"web": web}}))
    gateway.until_status(branch.host)
    until(lambda: gateway.get(branch.host).json["version"] == "1.0", what="the first image has its share")
    until(lambda: gateway.get(branch.host).json["version"] == "2.0", what="and the second one")
    assert gateway.until_status(branch.host, path="/api/orders").json["path"] == "/orders", "the prefix is taken off"
    asked = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    allowed = gateway.get(branch.host, "/api/orders", method="OPTIONS", headers=asked)
    assert allowed.headers.get("access-control-allow-origin") == origin, "and the route's CORS rule answers"


def test_a_closed_app_lets_in_who_has_a_token_and_its_pods_learn_who_that_is(
    meshed: Meshed, meshed_branches: Branches, gateway: Gateway
) -> None:
    branch = meshed_branches("feature/closed")
    branch.up(image=FIRST)
    gateway.until_status(branch.host)
    people = {"issuer": PEOPLE, "audiences": ["branches"], "jwks": public(KEY), "headers": {"x-user-email": "email"}}
    config = meshed.config(access={"kind": "jwt", "jwt": people})
    write_config(meshed.folder, meshed.stack, config)
    try:
        Pulumi(meshed.folder, meshed.env).run(
            "up", "--yes", "--skip-preview", "--stack", meshed.stack, longest=meshed.longest
        ).ok()
        until(lambda: gateway.get(branch.host).status == 403, what="nobody gets in without a token")
        echoed = gateway.get(branch.host, "/headers", headers={TOKEN_HEADER: token()}).json
        assert echoed["X-User-Email"] == ["carol@example.com"], "the app learns through its proxy who it is"
        assert "X-Branch-Token" not in echoed, "and does not get hold of the token"
        assert gateway.get(branch.host, headers={TOKEN_HEADER: token(ANOTHER_KEY)}).status == 401, (
            "a forged one is none"
        )
    finally:
        meshed.up()
    gateway.until_status(branch.host)


def test_a_chart_is_deployed_with_proxies(
    meshed: Meshed, meshed_branches: Branches, gateway: Gateway, workdir: Path
) -> None:
    branch, other = meshed_branches("feature/charted"), meshed_branches("feature/beside")
    other.up(image=FIRST)
    values = {"serviceAccount": meshed.app, "gateway": f"istio-system/{meshed.app}"}
    chart = {"path": str(REPOSITORY / "examples/shop/chart"), "values": values, "valuePaths": {"branch": "branch"}}
    branch.up(environment=environment(workdir, {"chart": chart}), image=FIRST)
    assert gateway.until_status(branch.host).json["branch"] == branch.name, "the chart's own route leads there"
    (only,) = branch.pods()
    assert _PROXY in str(only["spec"]["initContainers"]), "through a proxy"
    assert known(branch, only) == {branch.object_name()}, "which knows what the chart makes, and no other branch"


def test_what_the_rules_refuse_they_refuse_where_pods_have_proxies(meshed: Meshed) -> None:
    fine = deployment(meshed)
    fine["spec"]["template"]["metadata"]["annotations"] = {"service.istio.io/canonical-name": "shop"}
    until(lambda: create(meshed, fine).returncode == 0, what="a Deployment that breaks no rule is let through")
    for rule, change in PODS.values():
        attack = deployment(meshed)
        change(attack)
        denied(create(meshed, attack), f"rule {rule}")
    for host in ("*", f"main.{meshed.domain}", f"{MINE}-x.{meshed.domain}"):
        attack = route(meshed)
        attack["spec"]["hosts"] = [host]
        denied(create(meshed, attack), "rule host")


@pytest.fixture
def stranger(meshed: Meshed) -> Iterator[Gateway]:
    """A pod without a proxy in another namespace, whom NetworkPolicies let in; it can be told to ask."""
    space = f"--namespace={meshed.elsewhere}"
    meshed.cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": meshed.elsewhere}})
    meshed.cluster.apply(pod("stranger", {}, meshed.elsewhere))
    meshed.cluster.kubectl("wait", "pod", "stranger", space, "--for=condition=Ready", "--timeout=60s")
    yield Gateway(8080, address=meshed.cluster.get("pod", "stranger", space)["status"]["podIP"])
    meshed.cluster.kubectl("delete", "namespace", meshed.elsewhere)


def test_whom_network_policies_let_in_is_refused_without_a_certificate(
    meshed_branches: Branches, gateway: Gateway, stranger: Gateway
) -> None:
    mine, theirs = meshed_branches("feature/mine"), meshed_branches("feature/theirs")
    at_once([lambda: mine.up(image=FIRST), lambda: theirs.up(image=FIRST)])
    gateway.until_status(mine.host)
    gateway.until_status(theirs.host)
    own = until_answered(gateway, mine, f"http://{mine.object_name()}/")
    assert own["branch"] == mine.name, "its own Service, which its proxy knows, answers"

    ways = (f"http://{address(mine)}:8080/", f"http://{mine.object_name()}.{mine.base.namespace}.svc.cluster.local/")
    for url in ways:
        call_url = f"/call?url={quote(url, safe='')}"

        def answered(path: str = call_url) -> Any:
            # kube-proxy learns of a Service and of its ready pod up to a second after the deploy has seen them.
            answer = stranger.get("stranger", path).json
            return None if any(text in answer.get("error", "") for text in _NOT_LED_THERE) else answer

        asked = until(answered, what="the Service leads to its pod")
        assert any(word in asked.get("error", "") for word in _RESET), f"a pod without a proxy, {url}: {asked}"
        # Its proxy was told of its own branch alone, and so shows no certificate to any other.
        asked = call(gateway, theirs, url)
        assert "answer" not in asked or asked["status"] != 200, f"a pod of another branch, {url}: {asked}"


def test_a_proxy_knows_its_own_branch_alone(meshed_branches: Branches, gateway: Gateway, workdir: Path) -> None:
    mine, theirs = meshed_branches("feature/told"), meshed_branches("feature/next-door")
    at_once([lambda: mine.up(environment=two_workloads(workdir)), lambda: theirs.up(image=FIRST)])
    gateway.until_status(mine.host)
    gateway.until_status(theirs.host)
    (web,) = [each for each in mine.pods() if each["metadata"]["name"].startswith(f"{mine.object_name('web')}-")]
    assert known(mine, web) == {mine.object_name("web"), mine.object_name("api")}, (
        "whatever others deploy, its configuration stays as small as this"
    )


def test_what_a_proxy_requests_counts_in_the_quota_and_in_the_list(
    meshed: Meshed, meshed_branches: Branches, gateway: Gateway
) -> None:
    branch = meshed_branches("feature/counted")
    branch.up(image=FIRST)
    gateway.until_status(branch.host)
    found = listed(meshed)[branch.name]
    assert (round(found["cpu"], 3), found["memory"]) == (0.15, (64 + 128) * 2**20), "the app's own, and its proxy's"
    quota = meshed.cluster.get("resourcequota", f"{meshed.app}-limits", f"--namespace={meshed.namespace}")
    assert quota["status"]["used"]["requests.cpu"] == "150m", "as the API server counts them"


def test_a_branch_in_a_namespace_of_its_own_that_reaches_nobody_else_has_a_proxy_that_works(
    meshed_namespaces: Meshed, workdir: Path
) -> None:
    made = Branches(meshed_namespaces)
    branch = made("feature/apart")
    branch.up(environment=two_workloads(workdir))
    assert meshed_namespaces.gateway.until_status(branch.host).json["branch"] == branch.name, (
        "it was told and certified"
    )
    answer = until_answered(meshed_namespaces.gateway, branch, f"http://{branch.object_name('api')}/")
    assert answer["branch"] == branch.name, "and reaches its sibling"
    assert all("istio-proxy" in str(each["spec"]["initContainers"]) for each in branch.pods()), "through proxies"
    made.remove()


@pytest.mark.parametrize("apart", ["meshed_namespaces", "meshed_accounts"])
def test_another_branch_that_shows_its_certificate_is_refused_by_who_it_is(
    request: pytest.FixtureRequest, apart: str
) -> None:
    base: Meshed = request.getfixturevalue(apart)
    made, gateway = Branches(base), base.gateway
    asked, asking = made(ASKED), made("asking")
    at_once([lambda: asked.up(image=FIRST), lambda: asking.up(image=FIRST)])
    for each in (asked, asking):
        gateway.until_status(each.host)
    url = f"http://{asked.object_name()}.{base.home(asked.slug)}/"
    assert until_answered(gateway, asked, url)["branch"] == asked.name, "its own pods are let in"

    def answered() -> Any:
        found = call(gateway, asking, url)
        return found if found.get("status") not in (None, 502, 503) else None

    refused = until(answered, what="the other branch's proxy knows the Service, and leads there")
    assert refused["status"] == 403, f"another branch's certificate lets nobody in: {refused}"
    made.remove()


@pytest.mark.parametrize(
    "spec",
    [{"rules": [{}]}, {"selector": {"matchLabels": {"app.kubernetes.io/instance": "main"}}, "action": "DENY"}],
    ids=["of everybody", "of main"],
)
def test_a_branch_says_of_its_own_pods_alone_whom_they_answer(meshed_accounts: Meshed, spec: dict[str, Any]) -> None:
    own = {"selector": {"matchLabels": {"branch-environments/slug": MINE}}}
    policy = {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": metadata(meshed_accounts, MINE),
        "spec": own,
    }
    until(lambda: create(meshed_accounts, policy).returncode == 0, what="the deployer may make one")
    denied(create(meshed_accounts, {**policy, "spec": spec}), "rule authorization-policy", "fix:")
