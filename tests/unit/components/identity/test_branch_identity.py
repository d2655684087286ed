"""A branch's own identity: who gets one, what it is called, what waits for it, and what Google's half lets pass."""

import json
from functools import cache
from typing import Any

import cel
import pytest

from components.identity.aws_branch_iam import association_policy, role_policy
from components.identity.names import branch_path
from components.identity.placeholder import PLACEHOLDER, render
from core.names import object_name, slug
from tests.unit.inventory import examples, run_example
from tests.unit.recording import Recorder, run_program
from tests.unit.stacks.test_published_files import modules_after

CLOUDS = ["eks-irsa", "eks-pod-identity", "gke"]
CLOUD_TYPES = {
    "eks-irsa": {
        "aws:iam/role:Role",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    },
    "eks-pod-identity": {"aws:eks/podIdentityAssociation:PodIdentityAssociation"},
    "gke": {"gcp:storage/bucketIAMMember:BucketIAMMember"},
}


@cache
def base_stack(base: str) -> Recorder:
    """Run an example of a base stack once for all tests, which only read what came of it."""
    return run_example(examples()[base])


def on(base: str) -> dict[str, Any]:
    """Return what an example of a base stack publishes."""
    return base_stack(base).exports


def branch(base: str, stack: str, config: dict[str, Any] | None = None) -> Recorder:
    """Run a branch stack on an example of a base stack."""
    recorder = Recorder(contracts={base: on(base)})
    return run_program(stack, {"image": "a:1", "base": base, **(config or {})}, recorder)


@pytest.mark.parametrize("stack", ["shop.x", "shop.123-fix"])
def test_a_branch_has_an_account_called_as_its_other_objects(stack: str) -> None:
    made = branch("base-local-own-accounts", stack)
    name = object_name(stack.partition(".")[2])
    (account,) = made.of_type(":ServiceAccount")
    assert account.metadata["name"] == name, "the admission rules know a branch's objects by their name"
    (deployment,) = made.of_type(":Deployment")
    pod = deployment.inputs["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == name, "pods run as their branch"
    (container,) = pod["containers"]
    assert {"name": "BRANCH_IDENTITY", "value": name} in container["env"], "the app knows its own prefix"


def test_a_branch_of_a_base_stack_that_knows_of_no_such_thing_shares_the_apps_account() -> None:
    made = run_program("shop.x", {"image": "a:1"})
    assert not made.of_type(":ServiceAccount"), "the base stack made one for all"
    (deployment,) = made.of_type(":Deployment")
    pod = deployment.inputs["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "shop", "the app's"
    assert "BRANCH_IDENTITY" not in str(pod), "nothing changes for who leaves it off"


def test_a_workload_may_name_another_account(tmp_path: Any) -> None:
    file = tmp_path / "environment.yaml"
    file.write_text("image: a:1\nserviceAccount: shared\n")
    made = branch("base-local-own-accounts", "shop.x", {"environment": str(file)})
    (deployment,) = made.of_type(":Deployment")
    assert deployment.inputs["spec"]["template"]["spec"]["serviceAccountName"] == "shared", (
        "whether it may is the admission rules' to say"
    )


def test_a_chart_is_given_the_accounts_name_where_it_asks_for_it(tmp_path: Any) -> None:
    (tmp_path / "Chart.yaml").write_text("name: x\nversion: 1.0.0\n")
    (tmp_path / "values.yaml").write_text("image: a:1\n")
    file = tmp_path / "environment.yaml"
    file.write_text("chart:\n  path: .\n  valuePaths: {serviceAccount: serviceAccount.name}\n")
    config = {"environment": str(file)}
    for made, name in (
        (branch("base-local-own-accounts", "shop.x", config), "x"),
        (run_program("shop.x", {"image": "a:1", **config}), "shop"),
    ):
        (chart,) = made.of_type(":Chart")
        assert chart.inputs["values"]["serviceAccount"] == {"name": name}, "its pods run as whom they should"
    (own,) = [each for each in branch("base-local-own-accounts", "shop.x", config).made if each.type.endswith(":Chart")]
    assert any(urn.endswith("::x-service-account") for urn in own.depends_on), "its pods do not come before it"


@pytest.mark.parametrize("name", ["shop", "shop-deployer", "default"])
def test_no_branch_takes_the_name_of_an_account_that_is_there(name: str) -> None:
    reserved = on("base-local-own-accounts")["apps"]["shop"]["reservedSlugs"]
    assert name in reserved, "it would be that account"
    assert slug(name, reserved) != name, "the branch is called otherwise"
    assert name not in on("base-local")["apps"]["shop"]["reservedSlugs"], "nothing changes for who leaves it off"


def test_the_apps_own_account_is_mains_alone() -> None:
    made = base_stack("base-local-own-accounts")
    (pods,) = [each for each in made.of_type(":ValidatingAdmissionPolicy") if each.metadata["name"] == "shop.pods"]
    (rule,) = [
        each["expression"]
        for each in pods.inputs["spec"]["validations"]
        if each["messageExpression"].startswith('"rule service-account')
    ]
    (accounts,) = [each["expression"] for each in pods.inputs["spec"]["variables"] if each["name"] == "accounts"]
    assert rule == "variables.account in variables.accounts", "by their list"
    assert accounts == "[variables.stem]", "who runs as main's account has main's cloud identity"


@cache
def own(cloud: str) -> Recorder:
    """Run a branch stack whose identity is of some kind."""
    return branch(f"base-{cloud}-per-branch", "shop.x")


@pytest.mark.parametrize("cloud", CLOUDS)
def test_pods_wait_for_all_of_their_identity(cloud: str) -> None:
    made = own(cloud)
    found = {each.type: each.name for each in made.made if each.type.startswith(("aws:", "gcp:"))}
    assert found.keys() == CLOUD_TYPES[cloud], "what the branch needs in the cloud, and nothing else"
    (account,) = made.of_type(":ServiceAccount")
    waits = {urn.split("::")[-1] for urn in account.depends_on}
    assert set(found.values()) <= waits, (
        "the account comes last: credentials are given to a pod when it starts, or never"
    )
    (deployment,) = made.of_type(":Deployment")
    assert {urn.split("::")[-1] for urn in deployment.depends_on} >= {account.name}, "and its pods after it"


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_branchs_identity_is_made_with_the_clusters_credentials_alone(cloud: str) -> None:
    (provider,) = [each for each in own(cloud).made if each.type.startswith("pulumi:providers:")]
    expected = {"project": "my-project"} if cloud == "gke" else {"region": "eu-west-1"}
    assert expected.items() <= provider.inputs.items(), "not wherever the shell's settings lead"
    if cloud != "gke":
        assert json.loads(provider.inputs["allowedAccountIds"]) == ["123456789012"], "another account's are refused"


def test_an_account_is_bound_to_its_branchs_role_as_the_admission_rule_knows_it() -> None:
    made = own("eks-irsa")
    (account,) = made.of_type(":ServiceAccount")
    role = account.metadata["annotations"]["eks.amazonaws.com/role-arn"]
    base = base_stack("base-eks-irsa-per-branch")
    (rules,) = [each for each in base.of_type(":ValidatingAdmissionPolicy") if each.metadata["name"] == "shop.accounts"]
    expressions = [each["expression"] for each in rules.inputs["spec"]["validations"]]
    assert role.endswith("x"), "the role's name ends with the branch's"
    assert any(f'== "{role[:-1]}" + variables.stem' in each for each in expressions), (
        "no other branch's, and not main's"
    )
    for other in ("eks-pod-identity", "gke"):
        (account,) = own(other).of_type(":ServiceAccount")
        assert not [key for key in account.metadata["annotations"] if "amazonaws" in key or "gke" in key], (
            "the cloud keeps the binding"
        )


def test_an_association_says_whose_it_is() -> None:
    (made,) = own("eks-pod-identity").of_type(":PodIdentityAssociation")
    assert made.inputs["tags"] == {"branch-environments/app": "shop", "branch-environments/slug": "x"}, (
        "CI may end it by these"
    )
    base = base_stack("base-eks-pod-identity-per-branch")
    mains = {each.inputs["serviceAccount"]: each.inputs["tags"] for each in base.of_type(":PodIdentityAssociation")}
    assert mains == {app: {"branch-environments/app": app} for app in ("shop", "search")}, (
        "and those of main it may not"
    )
    off = base_stack("base-eks-pod-identity")
    assert not [each for each in off.of_type(":PodIdentityAssociation") if "tags" in each.inputs], "nothing changes"


def test_main_is_one_more_branch() -> None:
    irsa = base_stack("base-eks-irsa-per-branch")
    (files,) = [each for each in irsa.of_type(":RolePolicy") if each.name == "shop-inline-files"]
    assert "acme-shop-branches/shop/*" in files.inputs["policy"], "by its ServiceAccount's name, which no branch has"
    gke = base_stack("base-gke-per-branch")
    (grant,) = [each for each in gke.of_type(":BucketIAMMember") if "condition" in each.inputs]
    assert '/objects/shop/")' in grant.inputs["condition"]["expression"], "in Google Cloud as well"
    assert grant.inputs["member"].endswith("/subject/ns/shop/sa/shop"), "as the principal that it is"


def test_what_all_branches_may_do_is_given_to_the_namespace_once() -> None:
    gke = base_stack("base-gke-per-branch")
    (member,) = gke.of_type("projects/iAMMember:IAMMember")
    assert member.inputs["member"].startswith("principalSet://"), "no grant per branch is needed for it"
    assert member.inputs["member"].endswith("/my-project.svc.id.goog/namespace/shop"), "and no other namespace has it"


def test_ci_may_share_the_branches_buckets_and_nothing_else() -> None:
    gke = base_stack("base-gke-per-branch")
    (role,) = gke.of_type(":IAMCustomRole")
    assert role.inputs["permissions"] == ["storage.buckets.getIamPolicy", "storage.buckets.setIamPolicy"], "no object"
    (member,) = [each for each in gke.of_type(":BucketIAMMember") if "condition" not in each.inputs]
    assert (member.inputs["bucket"], member.inputs["role"]) == (
        "acme-shop-branches",
        "projects/my-project/roles/branchEnvironments.dev.shop",
    ), "in the bucket, not in the project"


@cache
def condition_of(name: str) -> str:
    """Return the condition of a branch's grant."""
    (grant,) = branch("base-gke-per-branch", f"shop.{name}").of_type(":BucketIAMMember")
    condition: str = grant.inputs["condition"]["expression"]
    return condition


def allowed(who: str, name: str, listed: str | None = None) -> bool:
    """Whether a branch's grant lets a request pass, by its condition: about an object, or a list of objects."""
    context = cel.Context()
    kind = "Object" if listed is None else "Bucket"
    context.add_variable("resource", {"name": name, "type": f"storage.googleapis.com/{kind}"})
    context.add_variable("api", {} if listed is None else {"storage.googleapis.com/objectListPrefix": listed})
    context.add_function("getAttribute", lambda api, key, default: api.get(key, default))
    return bool(cel.evaluate(condition_of(who), context))


@pytest.mark.parametrize(("mine", "theirs"), [("a", "a-b"), ("a-b", "a"), ("b", "a-b"), ("a", "aa"), ("a", "shop")])
def test_google_lets_a_branch_reach_its_own_objects_and_nobody_elses(mine: str, theirs: str) -> None:
    bucket = "projects/_/buckets/acme-shop-branches"
    assert allowed(mine, f"{bucket}/objects/{mine}/key"), "its own part of the bucket"
    for name in (f"{theirs}/key", "key", f"x/{mine}/key", mine):
        assert not allowed(mine, f"{bucket}/objects/{name}"), f"{mine} does not reach {name}"
    assert not allowed(mine, f"projects/_/buckets/acme-invoices/objects/{mine}/key"), "nor another bucket"
    assert allowed(mine, bucket, listed=f"{mine}/"), "it lists what is its own"
    for prefix in (f"{theirs}/", mine, ""):
        assert not allowed(mine, bucket, listed=prefix), "and does not learn who else is there"


@pytest.mark.parametrize(
    ("base", "unwanted"),
    [
        ("local-own-accounts", ("pulumi_aws", "pulumi_gcp")),
        ("eks-irsa-per-branch", ("pulumi_gcp",)),
        ("gke-per-branch", ("pulumi_aws",)),
    ],
)
def test_a_branch_imports_its_own_cloud_alone(base: str, unwanted: tuple[str, ...]) -> None:
    modules = modules_after("shop.x", {"image": "a:1", "base": f"base-{base}"}, on(f"base-{base}"))
    found = sorted({name.partition(".")[0] for name in modules if name.startswith(unwanted)})
    assert not found, "a cloud's SDK is time that somebody waits for a URL"


def test_a_name_is_put_wherever_the_placeholder_stands_and_nothing_else_changes() -> None:
    document = {"b": [f"x/{PLACEHOLDER}/*", 3600.0, True], "a": {PLACEHOLDER: "${aws:userid}"}}
    made = render(document, "x")
    assert made == {"a": {PLACEHOLDER: "${aws:userid}"}, "b": ["x/x/*", 3600, True]}, "keys and AWS's variables stay"
    assert json.dumps(made).startswith('{"a"'), "in one order, so that nothing changes from one deploy to the next"
    assert "3600.0" not in json.dumps(made), "whole numbers travel as floats"


def test_the_sweep_may_remove_accounts_and_makes_none_where_branches_have_none() -> None:
    apps = [
        {"name": "shop", "domain": "shop.localhost"},
        {"name": "web", "domain": "web.localhost", "identity": {"perBranch": True}},
    ]
    made = run_program("base-local", {"platform": "local", "apps": apps, "sweep": {"image": "a:1"}})
    verbs = {
        each.metadata["namespace"]: {
            verb for rule in each.inputs["rules"] if "serviceaccounts" in rule["resources"] for verb in rule["verbs"]
        }
        for each in made.of_type(":Role")
        if each.name.startswith("sweep-app-")
    }
    assert "delete" in verbs["web"], "it destroys branches, accounts and all"
    assert verbs["shop"] == {"delete", "get", "list", "watch"}, "those of branches from before it was switched off"


def test_cis_policies_fit_whatever_the_names() -> None:
    arn = f"arn:aws-us-gov:iam::123456789012:role{branch_path('c' * 100, 'a' * 50)}{'x' * 64}"
    cluster = f"arn:aws-us-gov:eks:us-gov-west-1:123456789012:cluster/{'c' * 100}"
    for document in (
        role_policy(roles=arn, boundary_arn=arn, own_arn=arn, managed_policies=[arn] * 10),
        association_policy(app="a" * 50, cluster_arn=cluster, role_arn=arn),
    ):
        assert len(json.dumps(document, separators=(",", ":"))) <= 6144, "IAM takes no longer policy"
