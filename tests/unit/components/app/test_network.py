"""The boundaries in the network, as manifests; that they are kept is shown on the cluster."""

from typing import Any

import pytest

from components.app.mesh import MeshArgs, mtls_spec
from stacks.settings.errors import SettingsError
from tests.unit.recording import Made, Recorder, run_program

APP = {"name": "shop", "domain": "shop.localhost"}
SLUG = "branch-environments/slug"


def base(network: dict[str, Any] | None = None, mesh: dict[str, Any] | None = None, **config: Any) -> Any:
    isolation = {"network": network or {}, "mesh": mesh or {}}
    return run_program("base-x", {"platform": "local", "apps": [{**APP, "isolation": isolation}], **config})


def policy(made: Any, whose: str) -> dict[str, Any]:
    (found,) = [each for each in made.of_type(":NetworkPolicy") if each.metadata["name"] == f"shop-{whose}"]
    spec: dict[str, Any] = found.inputs["spec"]
    return spec


def test_by_default_the_gateway_alone_reaches_a_branch() -> None:
    spec = policy(base(), "branches")
    assert spec["podSelector"] == {"matchExpressions": [{"key": SLUG, "operator": "Exists"}]}, "of every branch"
    assert spec["policyTypes"] == ["Ingress"], "whom pods reach is not limited unless somebody says so"
    (rule,) = spec["ingress"]
    gateway = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "istio-system"}},
        "podSelector": {"matchLabels": {"istio": "ingressgateway"}},
    }
    assert rule == {"from": [gateway]}, "both selectors in one peer: these pods of this namespace, and no others"


def test_main_is_not_reached_by_branches_unless_somebody_says_so() -> None:
    beside = policy(base(), "main")["ingress"][-1]["from"]
    assert beside == [{"podSelector": {"matchExpressions": [{"key": SLUG, "operator": "DoesNotExist"}]}}], "its own"
    opened = policy(base({"reachMain": True}), "main")["ingress"][-1]["from"]
    assert opened == [{"podSelector": {}}], "all pods of the namespace"


def test_others_are_let_in_and_out_as_the_platform_team_says() -> None:
    prometheus = {"namespace": "monitoring", "pods": {"app": "prometheus"}, "ports": [8080]}
    database = {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"], "ports": [5432]}
    spec = policy(base({"ingress": [prometheus], "egress": [database]}), "branches")
    assert spec["ingress"][1]["ports"] == [{"port": 8080, "protocol": "TCP"}], "Prometheus, on its port"
    assert spec["policyTypes"] == ["Ingress", "Egress"], "outbound is limited now"
    first, names = spec["egress"]
    assert first["to"] == [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}], "the database"
    assert {each["protocol"] for each in names["ports"]} == {"UDP", "TCP"}, "names are asked for by either"
    assert len(names["to"]) == 2, "the cluster's DNS, and a cache on the node"


@pytest.mark.parametrize(
    ("identity", "addresses"),
    [
        ({"kind": "none"}, set()),
        ({"kind": "pod-identity", "roleArn": "arn:aws:iam::123456789012:role/shop"}, {"169.254.170.23/32"}),
    ],
    ids=["none", "pod identity"],
)
def test_where_outbound_is_limited_pods_still_get_their_credentials_and_their_proxy_its_configuration(
    identity: dict[str, Any], addresses: set[str]
) -> None:
    eks = {"clusterName": "dev", "region": "eu-west-1", "accountId": "123456789012"}
    zones = [{"domain": "example.com", "zone": "Z1"}]
    app = {
        "name": "shop",
        "domain": "shop.example.com",
        "identity": identity,
        "isolation": {"network": {"egress": [{"namespace": "payments"}]}},
    }
    made = run_program("base-x", {"platform": "eks", "eks": eks, "ingress": {"zones": zones}, "apps": [app]})
    rules = policy(made, "branches")["egress"]
    peers = [peer for rule in rules[:-1] for peer in rule["to"]]
    assert {peer["ipBlock"]["cidr"] for peer in peers if "ipBlock" in peer} == addresses, "the agent on the node"
    assert any(rule.get("ports") == [{"port": 15012, "protocol": "TCP"}] for rule in rules), "istiod"


GKE = {"clusterName": "dev", "project": "my-project", "projectNumber": "123456789012"}


@pytest.mark.parametrize(
    ("dns", "asked"),
    [
        ({}, {"169.254.169.254/32", "169.254.20.10/32"}),
        ({"dns": [{"cidr": "10.0.0.10/32"}]}, {"10.0.0.10/32"}),
    ],
    ids=["by default", "as somebody says"],
)
def test_on_gke_pods_may_ask_cloud_dns_for_names(dns: dict[str, Any], asked: set[str]) -> None:
    network = {"egress": [{"namespace": "payments"}], **dns}
    app = {"name": "shop", "domain": "shop.example.com", "isolation": {"network": network}}
    ingress = {"zones": [{"domain": "example.com", "zone": "z"}], "acmeEmail": "a@example.com"}
    made = run_program("base-x", {"platform": "gke", "gke": GKE, "ingress": ingress, "apps": [app]})
    names = policy(made, "branches")["egress"][-1]
    found = {peer["ipBlock"]["cidr"] for peer in names["to"] if "ipBlock" in peer}
    assert found == asked, "no selector of pods finds a resolver that is none, and without it nothing works"
    assert {(each["port"], each["protocol"]) for each in names["ports"]} == {(53, "UDP"), (53, "TCP")}, "names alone"


def test_what_is_switched_off_is_not_made() -> None:
    made = base({"policies": False})
    assert not made.of_type(":NetworkPolicy"), "somebody else keeps the namespace"
    assert not [each for each in made.made if "Sidecar" in each.type], "nothing is injected in the local cluster"
    assert made.exports["apps"]["shop"]["isolation"]["networkPolicies"] is False, "and branches open nothing"
    (role,) = [each for each in made.of_type(":Role") if each.metadata["namespace"] == "shop"]
    verbs = [rule["verbs"] for rule in role.inputs["rules"] if "networkpolicies" in rule["resources"]]
    assert verbs == [["delete", "get", "list", "watch"]], "nor may they, but for removing what they have from before"


def custom(made: Any, kind: str) -> Made:
    (found,) = [each for each in made.made if each.inputs.get("kind") == kind]
    return found  # type: ignore[no-any-return]


def test_where_pods_have_sidecars_these_know_their_namespace_and_insist_on_certificates() -> None:
    made = base(mesh={"hosts": ["payments/*"]}, dataPlane="sidecar")
    hosts = custom(made, "Sidecar").inputs["spec"]["egress"][0]["hosts"]
    assert hosts == ["./*", "istio-system/*", "payments/*"], "and what the app calls elsewhere"
    assert custom(made, "PeerAuthentication").inputs["spec"] == {"mtls": {"mode": "STRICT"}}, "by default"
    assert mtls_spec(MeshArgs(app="a", namespace="a", mtls="permissive"))["mtls"]["mode"] == "PERMISSIVE", (
        "Istio's word"
    )


@pytest.mark.parametrize(
    ("network", "mesh", "field"),
    [
        ({"egress": [{}]}, {}, "network.egress[0]"),
        ({"egress": [{"namespace": "a", "cidr": "10.0.0.0/8"}]}, {}, "network.egress[0]"),
        ({"ingress": [{"cidr": "10.0.0.1/8"}]}, {}, "network.ingress[0].cidr"),
        ({"ingress": [{"cidr": "10.0.0.0/8", "pods": {"a": "b"}}]}, {}, "network.ingress[0].pods"),
        ({"egress": [{"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]}]}, {}, "network.egress[0].except"),
        ({"egress": [{"cidr": "10.0.0.0/8", "except": ["fd00::/64"]}]}, {}, "network.egress[0].except"),
        ({"dns": [{"namespace": "dns"}]}, {}, "network.dns"),
        ({"policies": False, "reachMain": True}, {}, "network.reachMain"),
        ({}, {"mtls": "permissive"}, "mesh.mtls"),
        ({}, {"hosts": ["payments"]}, "mesh.hosts[0]"),
    ],
)
def test_a_boundary_that_would_not_be_one_is_a_mistake(
    network: dict[str, Any], mesh: dict[str, Any], field: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        base(network, mesh)
    assert f"apps[0].isolation.{field}\n" in str(caught.value), "the message names the key"


def test_where_branches_have_an_identity_each_proxies_answer_their_own_the_gateways_and_who_was_let_in() -> None:
    isolation = {"network": {"ingress": [{"namespace": "monitoring"}]}, "serviceAccounts": ["shared"]}
    app = {**APP, "identity": {"perBranch": True}, "isolation": isolation}
    made = run_program("base-x", {"platform": "local", "dataPlane": "sidecar", "apps": [app]})
    recorder = Recorder(contracts={"base-x": made.exports})
    found = custom(run_program("shop.x", {"image": "a:1", "base": "base-x"}, recorder), "AuthorizationPolicy")
    assert found.inputs["spec"]["selector"]["matchLabels"][SLUG] == "x", "of its own pods"
    (rule,) = found.inputs["spec"]["rules"]
    assert rule["from"][0]["source"]["principals"] == [
        "cluster.local/ns/shop/sa/x",
        "cluster.local/ns/istio-system/*",
        "cluster.local/ns/monitoring/*",
        "cluster.local/ns/shop/sa/shared",
    ], "as their certificates say who they are"
    (role,) = [each for each in made.of_type(":Role") if each.metadata["namespace"] == "shop"]
    assert [each for each in role.inputs["rules"] if "authorizationpolicies" in each["resources"]], "CI may make it"


def test_where_branches_are_one_identity_no_proxy_asks_for_it() -> None:
    made = base(dataPlane="sidecar")
    recorder = Recorder(contracts={"base-x": made.exports})
    branch = run_program("shop.x", {"image": "a:1", "base": "base-x"}, recorder)
    assert not [each for each in branch.made if each.inputs.get("kind") == "AuthorizationPolicy"], (
        "it would prove nothing"
    )
