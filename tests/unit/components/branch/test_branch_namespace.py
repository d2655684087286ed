"""A namespace per branch, as manifests and settings; that the rules hold is shown on the cluster."""

import json
from typing import Any

import pytest

from components.admission.policy import literal
from components.app.deployer import DeployerArgs, branch_role_name, needed_grants, user_name
from core.names import MAX_APP_NAMESPACE, MAX_OBJECT, MAX_SLUG, namespace_name
from stacks.settings.errors import SettingsError
from tests.unit.recording import Recorder, run_program

OWN = {"identity": {"perBranch": True}, "isolation": {"namespacePerBranch": True}}
APP = {"name": "shop", "domain": "shop.localhost", **OWN}


def base(*apps: dict[str, Any], **config: Any) -> Recorder:
    return run_program("base-x", {"platform": "local", "apps": list(apps) or [APP], **config})


def branch(made: Recorder, stack: str = "shop.x") -> Recorder:
    recorder = Recorder(contracts={"base-x": made.exports})
    return run_program(stack, {"image": "a:1", "base": "base-x"}, recorder)


def test_everything_of_a_branch_is_in_its_own_namespace_and_waits_for_its_guards() -> None:
    made = branch(base())
    objects = [
        each for each in made.made if each.type.startswith("kubernetes:") and not each.type.endswith("Namespace")
    ]
    assert {each.metadata["namespace"] for each in objects} == {"shop--x"}, "nothing of it is main's neighbour"
    (anchor,) = made.of_type(":ConfigMap")
    waits = {urn.split("::")[-1] for urn in anchor.depends_on}
    assert {"x-role-binding", "x-quota", "x-networkpolicy"} <= waits, "no pod is there before its guards"
    assert made.exports["namespace"] == "shop--x", "and whoever looks for it is told"


def test_its_quota_is_that_of_one_environment_and_counts_its_network_policy() -> None:
    app = {**APP, "isolation": {**OWN["isolation"], "environment": {"cpu": "500m", "memory": "1Gi", "pods": 4}}}
    (quota,) = branch(base(app, lifecycle={"maxEnvironments": 20})).of_type(":ResourceQuota")
    hard = quota.inputs["spec"]["hard"]
    assert (hard["requests.cpu"], hard["pods"]) == ("500m", "4"), "not of twenty"
    assert hard["count/networkpolicies.networking.k8s.io"] == "1", "by which the rule for pods sees that it is there"


def test_the_apps_namespace_is_then_mains_alone() -> None:
    made = base(APP, lifecycle={"maxEnvironments": 20})
    (quota,) = made.of_type(":ResourceQuota")
    assert "pods" not in quota.inputs["spec"]["hard"], "main is not limited by the number of branches"
    rights = [each for each in made.of_type("v1:Role") if each.metadata["namespace"] == "shop"]
    assert not rights, "the deployer has no rights in there"
    names = {each.metadata["name"] for each in made.of_type(":ValidatingAdmissionPolicy")}
    assert "shop.room" not in names, "nor is a branch refused for want of room in there"


def test_rights_in_the_cluster_are_for_namespaces_and_one_role() -> None:
    made = base()
    roles = {each.metadata["name"]: each.inputs["rules"] for each in made.of_type(":ClusterRole")}
    anywhere = roles["branch-environments:shop:deployer"]
    assert {(*rule["resources"], *rule.get("resourceNames", ())) for rule in anywhere} == {
        ("namespaces",),
        ("rolebindings",),
        ("clusterroles", branch_role_name("shop")),
    }, "what is in them is for the RoleBinding of each to give"
    guards = [
        grant
        for grant in needed_grants(
            DeployerArgs(app="shop", namespace="shop", network_policies=True, sidecars=True, branch_namespaces=True)
        )
        if set(grant.resources) & {"resourcequotas", "networkpolicies", "sidecars", "peerauthentications"}
    ]
    assert len(guards) == 4, "each kind of guard"
    assert not any("delete" in grant.verbs for grant in guards), "they go with the namespace, and no sooner"


def test_rules_for_what_is_possible_everywhere_hold_everywhere() -> None:
    made = {each.metadata["name"]: each.inputs["spec"] for each in base().of_type(":ValidatingAdmissionPolicy")}
    for name in ("shop.namespaces", "shop.role-bindings"):
        constraints = made[name]["matchConstraints"]
        assert "namespaceSelector" not in constraints, f"{name}: a namespace without the label is the one to guard"
        (condition,) = made[name]["matchConditions"]
        assert user_name("shop", "shop") in condition["expression"], f"{name} is for the deployer, and skips nothing"
    adoption = " ".join(each["expression"] for each in made["shop.namespace-adoption"]["matchConditions"])
    assert '== "shop"' in adoption, "namespaces of other apps' branches are for the policies of those apps"
    selector = made["shop.ownership"]["matchConstraints"]["namespaceSelector"]
    assert selector == {"matchLabels": {"branch-environments/app": "shop"}}, "the others hold in all its namespaces"


def test_proxies_answer_those_whom_network_policies_let_in_by_the_namespace_of_their_certificate() -> None:
    isolation = {**OWN["isolation"], "network": {"ingress": [{"namespace": "monitoring"}, {"cidr": "10.0.0.0/8"}]}}
    made = base({**APP, "isolation": isolation}, dataPlane="sidecar")
    (policy,) = branch(made).of_type(":AuthorizationPolicy")
    (rule,) = policy.inputs["spec"]["rules"]
    assert rule == {"from": [{"source": {"namespaces": ["shop--x", "istio-system", "monitoring"]}}]}, (
        "its own pods, the gateway, and who was let in; an address shows no certificate"
    )
    (guard,) = [
        each
        for each in made.of_type(":ValidatingAdmissionPolicy")
        if each.metadata["name"] == "shop.authorizationpolicies"
    ]
    (validation,) = [each for each in guard.inputs["spec"]["validations"] if "ordered" in each["messageExpression"]]
    assert "dyn(object.metadata.namespace)" in validation["expression"], "each branch's names its own namespace"


@pytest.mark.parametrize(
    "isolation", [{"network": {"policies": False}}, {"mesh": {"mtls": "permissive"}}], ids=["open", "no certificates"]
)
def test_where_callers_are_not_limited_or_need_no_certificate_none_is_asked_for(isolation: dict[str, Any]) -> None:
    made = base({**APP, "isolation": {**OWN["isolation"], **isolation}}, dataPlane="sidecar")
    assert not branch(made).of_type(":AuthorizationPolicy"), "it would refuse whom the base stack lets in"


@pytest.mark.parametrize("reach", [True, False])
def test_branches_reach_main_from_their_namespaces_only_if_somebody_says_so(reach: bool) -> None:
    isolation = {**OWN["isolation"], "network": {"reachMain": reach}}
    policies = {each.metadata["name"]: each for each in base({**APP, "isolation": isolation}).of_type(":NetworkPolicy")}
    peers = policies["shop-main"].inputs["spec"]["ingress"][-1]["from"]
    beyond = [each for each in peers if "namespaceSelector" in each]
    expected = [{"namespaceSelector": {"matchLabels": {"branch-environments/app": "shop"}}}] if reach else []
    assert beyond == expected, "no other app's"


def test_the_sweep_may_do_in_them_what_the_deployer_may() -> None:
    sweep = {"image": "a:1", "gitlabUrl": "https://gitlab.com", "apply": True}
    made = base(sweep=sweep)
    (binding,) = made.of_type(":ClusterRoleBinding")
    assert {each["name"] for each in binding.inputs["subjects"]} == {"shop-deployer", "branchenv-sweep"}, (
        "it makes none"
    )
    (rights,) = branch(made).of_type(":RoleBinding")
    subjects = {(each["namespace"], each["name"]) for each in rights.inputs["subjects"]}
    assert subjects == {("shop", "shop-deployer"), ("branch-environments", "branchenv-sweep")}, "but removes them"


def test_a_shared_role_is_for_the_apps_namespaces_alone() -> None:
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "a/${branch}/*"}],
    }
    app = {
        **APP,
        "domain": "shop.example.com",
        "identity": {"kind": "pod-identity", "perBranch": True, "inlinePolicies": {"s3": policy}},
    }
    eks = {"clusterName": "dev", "region": "eu-west-1", "accountId": "123456789012"}
    zones = [{"domain": "example.com", "zone": "Z1"}]
    made = run_program("base-x", {"platform": "eks", "eks": eks, "ingress": {"zones": zones}, "apps": [app]})
    (role,) = made.of_type("iam/role:Role")
    (statement,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    within = statement["Condition"]["StringLike"]["aws:RequestTag/kubernetes-namespace"]
    assert within == ["shop", "shop--*"], "main's and its branches'"
    (association,) = branch(made).of_type(":PodIdentityAssociation")
    assert association.inputs["namespace"] == "shop--x", "the branch's ServiceAccount is in its own"


@pytest.mark.parametrize(
    ("apps", "field"),
    [
        ([{**APP, "identity": {}}], "apps[0].isolation.namespacePerBranch"),
        ([{**APP, "namespace": "n" * (MAX_APP_NAMESPACE + 1)}], "apps[0].namespace"),
        ([APP, {"name": "pay", "domain": "pay.localhost", "namespace": "shop--pay"}], "apps[1].namespace"),
        ([{**APP, "isolation": {**OWN["isolation"], "serviceAccounts": ["a"]}}], "apps[0].isolation.serviceAccounts"),
    ],
)
def test_what_would_not_work_in_namespaces_of_their_own_is_a_mistake(apps: list[Any], field: str) -> None:
    with pytest.raises(SettingsError) as caught:
        base(*apps)
    assert f"{field}\n" in str(caught.value), "the message names the key"


def test_the_longest_namespace_is_one() -> None:
    assert len(namespace_name("n" * MAX_APP_NAMESPACE, "s" * MAX_SLUG)) == MAX_OBJECT, "as Kubernetes limits it"


def test_a_literal_of_mixed_types_is_one_that_cel_compiles() -> None:
    assert literal({"a": [1, "b"]}) == 'dyn({"a": dyn([dyn(1), dyn("b")])})', "lists and maps of one type each"
