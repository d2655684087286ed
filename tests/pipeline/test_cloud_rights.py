"""What AWS lets a branch's identity do, and CI with it: by denial, in a simulator of IAM.

The policies are those that the examples' base stacks and branch stacks make.
"""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from local.toolchain import node
from tests.cluster.support.cluster import local
from tests.pipeline.support.documented import aws_policies
from tests.pipeline.support.iam import ACCOUNT, Context, Iam, Policy, Who
from tests.unit.inventory import Example, examples, run_example
from tests.unit.recording import Recorder

BUCKET = "arn:aws:s3:::acme-shop-branches"
TABLE = f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/shop-branches"
CLUSTER = f"arn:aws:eks:eu-west-1:{ACCOUNT}:cluster/dev"
ASSOCIATION = f"arn:aws:eks:eu-west-1:{ACCOUNT}:podidentityassociation/dev/a-1"
ROLES = f"arn:aws:iam::{ACCOUNT}:role"
BRANCHES = f"{ROLES}/branch-environments/dev/shop/dev--shop--"
POLICIES = f"arn:aws:iam::{ACCOUNT}:policy/branch-environments/dev/shop/dev--shop--"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B716D3041E"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
APP, SLUG = "branch-environments/app", "branch-environments/slug"
# Names that begin or end as one another, and main's.
LOOK_ALIKES = [("a", "a-b"), ("a-b", "a"), ("b", "a-b"), ("a", "aa"), ("a", "shop"), ("b", "b--1")]


@pytest.fixture(scope="module")
def iam() -> Iterator[Iam]:
    """The simulator."""
    local("node")
    with Iam(node.folder()) as made:
        yield made


@cache
def made_by(name: str, stack: str = "") -> Recorder:
    """Run an example on mocks: a base stack, or a branch stack on it."""
    if not stack:
        return run_example(examples()[name])
    return run_example(Example(stack, {"image": "a:1"}, base=name))


def policy(made: Recorder, kind: str, name: str, key: str = "policy") -> Policy:
    """Return a policy document that a stack makes."""
    (found,) = [each for each in made.of_type(f":{kind}") if each.name == name]
    document: Policy = json.loads(found.inputs[key])
    return document


def policies(made: Recorder, prefix: str) -> list[Policy]:
    """Return the inline policies of a role."""
    return [json.loads(each.inputs["policy"]) for each in made.of_type(":RolePolicy") if each.name.startswith(prefix)]


def by_pod_identity(service_account: str) -> Who:
    """A pod whose credentials are EKS Pod Identity's."""
    made = made_by("base-eks-pod-identity-per-branch")
    tag = "aws:PrincipalTag/kubernetes-service-account"
    return Who(
        principal=f"arn:aws:sts::{ACCOUNT}:assumed-role/dev--shop/eks-dev",
        policies=policies(made, "shop-inline-"),
        context={tag: service_account} if service_account else {},
    )


def by_irsa(slug: str, **changes: Any) -> Who:
    """A pod whose credentials are those of its branch's own role."""
    usual: dict[str, Any] = {
        "principal": f"arn:aws:sts::{ACCOUNT}:assumed-role/dev--shop--{slug}/pod",
        "policies": policies(made_by("base-eks-irsa-per-branch", f"shop.{slug}"), f"{slug}-inline-"),
        "boundary": policy(made_by("base-eks-irsa-per-branch"), "Policy", "shop-boundary"),
        "context": {"aws:FederatedProvider": PROVIDER, "aws:ViaAWSService": "false"},
    }
    return Who(**{**usual, **changes})


def ci(base: str) -> Who:
    """The app's jobs, with what the base stack gives them and nothing else."""
    return Who(
        principal=f"arn:aws:sts::{ACCOUNT}:assumed-role/gitlab-shop/job",
        policies=[policy(made_by(base), "Policy", "shop-ci-policy")],
    )


@pytest.mark.parametrize(("mine", "theirs"), LOOK_ALIKES)
def test_a_branch_reaches_its_own_by_its_session_tag_and_nobody_elses(iam: Iam, mine: str, theirs: str) -> None:
    pod = by_pod_identity(mine)
    for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
        assert iam.allows(pod, action, f"{BUCKET}/{mine}/key"), f"{mine} has its own part of the bucket"
        assert not iam.allows(pod, action, f"{BUCKET}/{theirs}/key"), f"{mine} does not reach {theirs}"
    assert iam.allows(pod, "s3:ListBucket", BUCKET, {"s3:prefix": f"{mine}/"}), "it lists what is its own"
    for prefix in ({"s3:prefix": f"{theirs}/"}, {"s3:prefix": ""}, {"s3:prefix": mine}, {}):
        assert not iam.allows(pod, "s3:ListBucket", BUCKET, prefix), "and does not learn who else is there"
    key = "dynamodb:LeadingKeys"
    assert iam.allows(pod, "dynamodb:GetItem", TABLE, {key: [mine]}), "its own rows"
    assert not iam.allows(pod, "dynamodb:GetItem", TABLE, {key: [theirs]}), "and no others"
    assert not iam.allows(pod, "dynamodb:GetItem", TABLE, {key: [mine, theirs]}), "not in one request with its own"


def test_a_session_without_tags_reaches_nothing(iam: Iam) -> None:
    pod = by_pod_identity("")
    assert not iam.allows(pod, "s3:GetObject", f"{BUCKET}/a/key"), "an association may leave the tags out"
    assert not iam.allows(pod, "s3:GetObject", f"{BUCKET}//key"), "and no name is no name"


@pytest.mark.parametrize(
    ("change", "trusted"),
    [
        ({}, True),
        ({"aws:RequestTag/kubernetes-namespace": "search"}, False),
        ({"aws:RequestTag/kubernetes-namespace": ""}, False),
        ({"aws:SourceArn": CLUSTER.replace("dev", "prod")}, False),
        ({"aws:SourceAccount": "999999999999"}, False),
    ],
    ids=["the app's namespace", "another namespace", "no namespace", "another cluster", "another account"],
)
def test_the_shared_role_is_the_apps_namespaces_alone(iam: Iam, change: Context, trusted: bool) -> None:
    trust = policy(made_by("base-eks-pod-identity-per-branch"), "Role", "shop-role", "assumeRolePolicy")
    context = {
        "aws:RequestTag/kubernetes-namespace": "shop",
        "aws:SourceArn": CLUSTER,
        "aws:SourceAccount": ACCOUNT,
        **change,
    }
    eks = Who(principal="pods.eks.amazonaws.com")
    for action in ("sts:AssumeRole", "sts:TagSession"):
        made = iam.allows(eks, action, f"{ROLES}/dev--shop", context, trust=trust)
        assert made is trusted, "an association elsewhere would come with a branch's name"


TAGS = {f"aws:RequestTag/{APP}": "shop", f"aws:RequestTag/{SLUG}": "a"}
OWN = {f"aws:ResourceTag/{APP}": "shop", f"aws:ResourceTag/{SLUG}": "a"}
MAINS = {f"aws:ResourceTag/{APP}": "shop"}
ANOTHERS = {f"aws:ResourceTag/{APP}": "search", f"aws:ResourceTag/{SLUG}": "a"}
PASSED = "iam:PassedToService"


ASSOCIATING = [
    (True, "eks:CreatePodIdentityAssociation", CLUSTER, TAGS),
    (False, "eks:CreatePodIdentityAssociation", CLUSTER, {}),
    (False, "eks:CreatePodIdentityAssociation", CLUSTER, {**TAGS, f"aws:RequestTag/{APP}": "search"}),
    (False, "eks:CreatePodIdentityAssociation", CLUSTER.replace("dev", "prod"), TAGS),
    # EKS asks for it when an association is made with tags.
    (True, "eks:TagResource", ASSOCIATION, TAGS),
    (False, "eks:TagResource", ASSOCIATION, {**TAGS, f"aws:RequestTag/{APP}": "search"}),
    (False, "eks:TagResource", ASSOCIATION, {**TAGS, **MAINS}),
    (False, "eks:TagResource", ASSOCIATION, {**TAGS, **ANOTHERS}),
    (False, "eks:TagResource", CLUSTER, TAGS),
    (True, "eks:DescribePodIdentityAssociation", ASSOCIATION, OWN),
    (True, "eks:UpdatePodIdentityAssociation", ASSOCIATION, OWN),
    (True, "eks:DeletePodIdentityAssociation", ASSOCIATION, OWN),
    (False, "eks:DeletePodIdentityAssociation", ASSOCIATION, MAINS),
    (False, "eks:DeletePodIdentityAssociation", ASSOCIATION, ANOTHERS),
    (False, "eks:DeletePodIdentityAssociation", ASSOCIATION, {}),
    (False, "eks:UpdatePodIdentityAssociation", ASSOCIATION, MAINS),
    (False, "eks:DeletePodIdentityAssociation", ASSOCIATION.replace("dev", "prod"), OWN),
    (False, "eks:UntagResource", ASSOCIATION, OWN),
    (False, "eks:DeleteCluster", CLUSTER, {}),
    (True, "iam:GetRole", f"{ROLES}/dev--shop", {}),
    (False, "iam:GetRole", f"{ROLES}/dev--search", {}),
    (True, "iam:PassRole", f"{ROLES}/dev--shop", {PASSED: "pods.eks.amazonaws.com"}),
    (False, "iam:PassRole", f"{ROLES}/dev--shop", {PASSED: "lambda.amazonaws.com"}),
    (False, "iam:PassRole", f"{ROLES}/dev--shop", {PASSED: "ec2.amazonaws.com"}),
    (False, "iam:PassRole", f"{ROLES}/dev--shop", {}),
    (False, "iam:PassRole", f"{ROLES}/dev--shop-admin", {PASSED: "pods.eks.amazonaws.com"}),
    (False, "iam:PassRole", f"{ROLES}/dev--search", {PASSED: "pods.eks.amazonaws.com"}),
    (False, "iam:PutRolePolicy", f"{ROLES}/dev--shop", {}),
    (False, "iam:CreateRole", f"{BRANCHES}a", {}),
    (False, "s3:GetObject", f"{BUCKET}/a/key", {}),
]


@pytest.mark.parametrize(("allowed", "action", "resource", "context"), ASSOCIATING)
def test_ci_associates_its_own_branches_and_no_more(
    iam: Iam, allowed: bool, action: str, resource: str, context: Context
) -> None:
    made = iam.allows(ci("base-eks-pod-identity-per-branch"), action, resource, context)
    assert made is allowed, "what a branch needs, and nothing that is another's"


@pytest.mark.parametrize(("mine", "theirs"), [("a", "a-b"), ("a-b", "a"), ("b", "a-b"), ("a", "shop")])
def test_a_branch_reaches_its_own_by_its_role_and_nobody_elses(iam: Iam, mine: str, theirs: str) -> None:
    pod = by_irsa(mine)
    assert iam.allows(pod, "s3:GetObject", f"{BUCKET}/{mine}/key"), f"{mine} has its own part of the bucket"
    assert not iam.allows(pod, "s3:GetObject", f"{BUCKET}/{theirs}/key"), f"{mine} does not reach {theirs}"


ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def test_whatever_ci_writes_into_a_role_it_goes_no_further_than_the_boundary(iam: Iam) -> None:
    pod = by_irsa("a", policies=[ALL])
    assert iam.allows(pod, "s3:GetObject", f"{BUCKET}/a/key"), "what some branch may do"
    for action, resource in (
        ("s3:GetObject", "arn:aws:s3:::acme-invoices/1"),
        ("s3:DeleteBucket", BUCKET),
        ("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/mallory"),
        ("sts:AssumeRole", f"{ROLES}/admin"),
    ):
        assert not iam.allows(pod, action, resource), f"no branch may ever do {action}"


@pytest.mark.parametrize(
    ("session", "allowed"),
    [
        ({"aws:FederatedProvider": PROVIDER, "aws:ViaAWSService": "false"}, True),
        # What a service does for a pod that was let through.
        ({"aws:ViaAWSService": "true"}, True),
        ({"aws:ViaAWSService": "false"}, False),
        ({"aws:FederatedProvider": f"{PROVIDER}0", "aws:ViaAWSService": "false"}, False),
        ({"aws:FederatedProvider": "cognito-identity.amazonaws.com", "aws:ViaAWSService": "false"}, False),
    ],
    ids=["the cluster's pods", "by way of a service", "another account's user", "another cluster", "Cognito"],
)
def test_a_role_that_ci_lets_somebody_else_assume_allows_nothing(iam: Iam, session: Context, allowed: bool) -> None:
    pod = by_irsa("a", context=session)
    assert iam.allows(pod, "s3:GetObject", f"{BUCKET}/a/key") is allowed, (
        "CI writes the trust policy, and can write any"
    )


WITHIN = {"iam:PermissionsBoundary": f"{POLICIES}boundary"}
WITH_ANOTHER = {"iam:PermissionsBoundary": ADMINISTRATOR}
XRAY = "arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess"


MAKING = [
    (True, "iam:CreateRole", f"{BRANCHES}a", WITHIN),
    (False, "iam:CreateRole", f"{BRANCHES}a", {}),
    (False, "iam:CreateRole", f"{BRANCHES}a", WITH_ANOTHER),
    (False, "iam:CreateRole", f"{ROLES}/dev--shop--a", WITHIN),
    (False, "iam:CreateRole", f"{ROLES}/branch-environments/dev/search/dev--search--a", WITHIN),
    (False, "iam:CreateRole", f"{ROLES}/branch-environments/dev/shop/admin", WITHIN),
    (True, "iam:PutRolePolicy", f"{BRANCHES}a", WITHIN),
    (False, "iam:PutRolePolicy", f"{BRANCHES}a", {}),
    (False, "iam:PutRolePolicy", f"{ROLES}/dev--shop", {}),
    (False, "iam:PutRolePolicy", f"{ROLES}/dev--shop", WITHIN),
    (False, "iam:PutRolePolicy", f"{ROLES}/gitlab-shop", {}),
    (True, "iam:DeleteRolePolicy", f"{BRANCHES}a", WITHIN),
    (True, "iam:AttachRolePolicy", f"{BRANCHES}a", {**WITHIN, "iam:PolicyARN": XRAY}),
    (True, "iam:DetachRolePolicy", f"{BRANCHES}a", {**WITHIN, "iam:PolicyARN": XRAY}),
    (False, "iam:AttachRolePolicy", f"{BRANCHES}a", {**WITHIN, "iam:PolicyARN": ADMINISTRATOR}),
    (False, "iam:AttachRolePolicy", f"{ROLES}/gitlab-shop", {"iam:PolicyARN": ADMINISTRATOR}),
    (False, "iam:AttachRolePolicy", f"{ROLES}/dev--shop", {**WITHIN, "iam:PolicyARN": XRAY}),
    (True, "iam:UpdateAssumeRolePolicy", f"{BRANCHES}a", {}),
    (False, "iam:UpdateAssumeRolePolicy", f"{ROLES}/dev--shop", {}),
    (True, "iam:GetRole", f"{BRANCHES}a", {}),
    (True, "iam:DeleteRole", f"{BRANCHES}a", {}),
    (False, "iam:DeleteRole", f"{ROLES}/dev--shop", {}),
    (False, "iam:DeleteRolePermissionsBoundary", f"{BRANCHES}a", WITHIN),
    (False, "iam:PutRolePermissionsBoundary", f"{BRANCHES}a", WITH_ANOTHER),
    (False, "iam:PutRolePermissionsBoundary", f"{BRANCHES}a", WITHIN),
    (False, "iam:CreatePolicyVersion", f"{POLICIES}boundary", {}),
    (False, "iam:SetDefaultPolicyVersion", f"{POLICIES}boundary", {}),
    (False, "iam:DeletePolicy", f"{POLICIES}boundary", {}),
    (False, "iam:CreatePolicyVersion", f"{POLICIES}ci", {}),
    (False, "iam:PassRole", f"{BRANCHES}a", {PASSED: "lambda.amazonaws.com"}),
    (False, "sts:AssumeRole", f"{BRANCHES}a", {}),
    (False, "s3:GetObject", f"{BUCKET}/a/key", {}),
]


@pytest.mark.parametrize(("allowed", "action", "resource", "context"), MAKING)
def test_ci_makes_its_branches_roles_within_the_boundary_and_no_others(
    iam: Iam, allowed: bool, action: str, resource: str, context: Context
) -> None:
    made = iam.allows(ci("base-eks-irsa-per-branch"), action, resource, context)
    assert made is allowed, "what a branch needs, and nothing that would let CI be more than it is"


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("iam:CreatePolicyVersion", f"{POLICIES}boundary"),
        ("iam:DeletePolicyVersion", f"{POLICIES}ci"),
        ("iam:DeleteRolePermissionsBoundary", f"{BRANCHES}a"),
        ("iam:PutRolePermissionsBoundary", f"{BRANCHES}a"),
    ],
)
def test_no_other_policy_of_cis_lifts_the_boundary(iam: Iam, action: str, resource: str) -> None:
    jobs = ci("base-eks-irsa-per-branch")
    mighty = Who(principal=jobs.principal, policies=[*jobs.policies, ALL])
    assert iam.allows(mighty, "iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/x"), "the other policy allows everything"
    assert not iam.allows(mighty, action, resource), "but for this, which is denied"


BACKEND = "arn:aws:s3:::acme-pulumi"
STATES, KEY = f"{BACKEND}/.pulumi", f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/k-1"
OWN_OBJECTS = [
    f"{STATES}/stacks/branch-environments/shop.feature-x.json",
    f"{STATES}/stacks/branch-environments/shop.feature-x.pulumi-tags",
    f"{STATES}/locks/organization/branch-environments/shop.feature-x/1234.json",
    f"{STATES}/history/branch-environments/shop.feature-x/shop.feature-x-1.history.json",
    f"{STATES}/backups/branch-environments/shop.feature-x/1.json",
]
OTHERS_OBJECTS = [
    f"{STATES}/stacks/branch-environments/base-eks-dev.json",
    f"{STATES}/stacks/branch-environments/search.feature-x.json",
    f"{STATES}/stacks/branch-environments/shop-admin.feature-x.json",
    f"{STATES}/locks/organization/branch-environments/base-eks-dev/1234.json",
    f"{STATES}/meta.yaml",
    "arn:aws:s3:::acme-other/.pulumi/stacks/branch-environments/shop.feature-x.json",
]


# AWS's default: what the account's policies allow is allowed.
KEY_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}
    ],
}


def documented_jobs() -> Who:
    """The app's jobs, with the rights that docs/gitlab.md gives them."""
    return Who(principal=f"arn:aws:sts::{ACCOUNT}:assumed-role/gitlab-shop/job", policies=[aws_policies()[1]])


@pytest.mark.parametrize("name", OWN_OBJECTS)
def test_jobs_write_the_stacks_of_their_own_app(iam: Iam, name: str) -> None:
    for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
        assert iam.allows(documented_jobs(), action, name), "a deploy writes state, lock, history and tags"


@pytest.mark.parametrize("name", OTHERS_OBJECTS)
def test_jobs_write_nobody_elses_stack(iam: Iam, name: str) -> None:
    for action in ("s3:PutObject", "s3:DeleteObject"):
        assert not iam.allows(documented_jobs(), action, name), "an administrator would apply what was written there"


def test_jobs_read_the_backend_and_use_the_key_and_no_other(iam: Iam) -> None:
    assert iam.allows(documented_jobs(), "s3:ListBucket", BACKEND), "which stacks there are"
    assert iam.allows(documented_jobs(), "s3:GetObject", OTHERS_OBJECTS[1]), "of other apps as well, encrypted"
    cluster = CLUSTER.replace("eu-west-1", "eu-central-1")
    assert iam.allows(documented_jobs(), "eks:DescribeCluster", cluster), "where it is"
    assert not iam.allows(documented_jobs(), "eks:CreateAccessEntry", cluster), "but not who may enter"
    assert iam.allows(documented_jobs(), "kms:Decrypt", KEY, trust=KEY_POLICY), "its own secrets"
    assert not iam.allows(documented_jobs(), "kms:Decrypt", KEY.replace("k-1", "k-2"), trust=KEY_POLICY), "no others"


KNOWN_ISSUER = "accounts.google.com"


def as_of_known_issuer(trust: Policy) -> Policy:
    """Let a trust be in an issuer of whose tokens the simulator knows the claims: it knows a few by name."""
    made: Policy = json.loads(json.dumps(trust).replace("gitlab.example.com", KNOWN_ISSUER))
    return made


@pytest.mark.parametrize(
    ("change", "trusted"),
    [
        ({}, True),
        ({"sub": "project_path:apps/shop:ref_type:branch:ref:feature/a"}, True),
        ({"sub": "project_path:apps/shop:ref_type:tag:ref:v1"}, False),
        ({"sub": "project_path:mallory/shop:ref_type:branch:ref:main"}, False),
        ({"sub": "project_path:apps/shop-admin:ref_type:branch:ref:main"}, False),
        ({"aud": "https://vault.example.com"}, False),
    ],
    ids=["a branch", "with a slash", "a tag", "a fork", "another project", "a token for somebody else"],
)
def test_the_jobs_role_is_its_own_projects_alone(iam: Iam, change: dict[str, str], trusted: bool) -> None:
    claims = {"aud": f"https://{KNOWN_ISSUER}", "sub": "project_path:apps/shop:ref_type:branch:ref:main", **change}
    job = Who(principal=f"arn:aws:iam::{ACCOUNT}:oidc-provider/{KNOWN_ISSUER}")
    context = {f"{KNOWN_ISSUER}:{name}": value for name, value in claims.items()}
    trust = as_of_known_issuer(aws_policies()[0])
    made = iam.allows(job, "sts:AssumeRoleWithWebIdentity", f"{ROLES}/gitlab-shop", context, trust=trust)
    assert made is trusted, "who can push a branch of this project, and nobody else"


def bootstrapped(*more: Policy) -> Who:
    """The app's jobs, with the role that a bootstrap stack makes, and what is given to it later."""
    made = made_by("bootstrap-aws")
    return Who(
        principal=f"arn:aws:sts::{ACCOUNT}:assumed-role/gitlab-shop/job",
        policies=[policy(made, "RolePolicy", "bootstrap-shop-backend"), *more],
        boundary=policy(made, "Policy", "bootstrap-jobs-boundary"),
    )


def test_a_bootstrapped_role_writes_the_stacks_of_its_own_app_alone(iam: Iam) -> None:
    for name in OWN_OBJECTS:
        for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
            assert iam.allows(bootstrapped(), action, name), f"{action} of {name}: a deploy does it"
    for name in OTHERS_OBJECTS:
        for action in ("s3:PutObject", "s3:DeleteObject"):
            assert not iam.allows(bootstrapped(), action, name), f"{action} of {name}: somebody else would apply it"


def test_a_bootstrapped_role_opens_no_secret_of_a_base_stack(iam: Iam) -> None:
    key = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key"
    for folder in ("stacks", "history", "backups"):
        name = f"{STATES}/{folder}/branch-environments/base-eks-dev.json"
        assert not iam.allows(bootstrapped(), "s3:GetObject", name), "its state is the platform team's"
    assert iam.allows(bootstrapped(), "kms:Decrypt", f"{key}/branches", trust=KEY_POLICY), "branches have a key"
    assert not iam.allows(bootstrapped(), "kms:Decrypt", f"{key}/platform", trust=KEY_POLICY), "and base stacks another"


@pytest.mark.parametrize(
    ("base", "cases"), [("base-eks-pod-identity-per-branch", ASSOCIATING), ("base-eks-irsa-per-branch", MAKING)]
)
def test_the_jobs_boundary_leaves_room_for_branches_identities(
    iam: Iam, base: str, cases: list[tuple[bool, str, str, Context]]
) -> None:
    given = bootstrapped(policy(made_by(base), "Policy", "shop-ci-policy"))
    for allowed, action, resource, context in cases:
        assert iam.allows(given, action, resource, context) is allowed, f"{action} of {resource} as without a boundary"


def test_whatever_the_jobs_role_is_given_it_goes_no_further_than_its_boundary(iam: Iam) -> None:
    mighty = bootstrapped(ALL)
    assert iam.allows(mighty, "s3:PutObject", OWN_OBJECTS[0]), "what a job needs"
    for action, resource in (
        ("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/mallory"),
        ("iam:PutRolePolicy", f"{ROLES}/gitlab-shop"),
        ("iam:AttachRolePolicy", f"{ROLES}/admin"),
        ("iam:CreatePolicyVersion", f"arn:aws:iam::{ACCOUNT}:policy/branch-environments-jobs"),
        ("sts:AssumeRole", f"{ROLES}/admin"),
        ("eks:CreateAccessEntry", CLUSTER),
        ("s3:GetObject", "arn:aws:s3:::acme-invoices/1"),
    ):
        assert not iam.allows(mighty, action, resource), f"no job may ever do {action}"


def test_a_bootstrapped_role_is_its_own_projects_alone(iam: Iam) -> None:
    trust = as_of_known_issuer(policy(made_by("bootstrap-aws"), "Role", "bootstrap-shop-jobs", "assumeRolePolicy"))
    job = Who(principal=f"arn:aws:iam::{ACCOUNT}:oidc-provider/{KNOWN_ISSUER}")
    for project, kind, trusted in (
        ("apps/shop", "branch", True),
        ("apps/shop", "tag", False),
        ("apps/search", "branch", False),
        ("mallory/shop", "branch", False),
    ):
        claims = {"aud": f"https://{KNOWN_ISSUER}", "sub": f"project_path:{project}:ref_type:{kind}:ref:x"}
        context = {f"{KNOWN_ISSUER}:{name}": value for name, value in claims.items()}
        made = iam.allows(job, "sts:AssumeRoleWithWebIdentity", f"{ROLES}/gitlab-shop", context, trust=trust)
        assert made is trusted, f"a {kind} of {project}"
