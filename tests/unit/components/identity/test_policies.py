"""What AWS lets an identity do, by a linter and a simulated IAM, and what external-dns is told to do with it."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import parliament
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core import set_initial_no_auth_action_count

from components.addons import external_dns_values
from components.identity.aws_branch_iam import SESSION_TAG
from components.identity.aws_iam import (
    external_dns_policy,
    irsa_trust,
    issuer_of,
    load_balancer_policy,
    oidc_provider_arn,
    partition_of,
    pod_identity_trust,
)
from core.names import is_slug
from tests.unit.inventory import examples, run_example

ISSUER = "oidc.eks.eu-west-1.amazonaws.com/id/ABC"
PROVIDER = f"arn:aws:iam::123456789012:oidc-provider/{ISSUER}"
EKS = [
    name
    for name, example in examples().items()
    if example.config.get("platform") == "eks" or example.base.startswith("base-eks")
]
# What the linter says and AWS does otherwise.
NOT_SO = (
    # Newer than its list: the condition is in AWS's service authorization reference.
    "Unknown condition elasticloadbalancing:CreateAction",
    # AWS asks for the VPC and for the group, each in a statement of its own: only the group has tags to ask for.
    "'action': 'ec2:CreateSecurityGroup'",
)


def filled_tag(policy: dict[str, Any]) -> Any:
    return json.loads(json.dumps(policy).replace(SESSION_TAG, "a"))


def findings(policy: dict[str, Any]) -> list[str]:
    # It takes the slash of a variable for one of the ARN.
    analyzed = parliament.analyze_policy_string(json.dumps(filled_tag(policy)))
    issues = [f"{each.issue}: {each.detail}" for each in analyzed.findings]
    return [each for each in issues if not any(known in each for known in NOT_SO)]


def made_policies() -> dict[str, dict[str, Any]]:
    made = {}
    for name in EKS:
        recorder = run_example(examples()[name])
        for each in (*recorder.of_type(":RolePolicy"), *recorder.of_type(":Policy")):
            made[f"{name}: {each.inputs['name']}"] = json.loads(each.inputs["policy"])
    return dict(sorted(made.items()))


POLICIES = made_policies()


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES.keys())
def test_the_linter_finds_nothing_in_a_policy_of_an_example(policy: dict[str, Any]) -> None:
    assert not findings(policy), "an action that does not exist, or does not go with its resource, allows nothing"


def test_the_linter_would_find_something() -> None:
    wrong = external_dns_policy(partition="aws", zones=["Z1"])
    wrong["Statement"][0]["Action"] = ["route53:ChangeRecords"]
    assert findings(wrong), "a linter that finds nothing anywhere is no check"


def test_a_trust_for_irsa_names_both_the_service_account_and_sts() -> None:
    trust = irsa_trust(provider_arn=PROVIDER, namespace="shop", service_account="web")
    (statement,) = trust["Statement"]
    assert statement["Principal"] == {"Federated": PROVIDER}, "the cluster's provider vouches, no other"
    assert statement["Condition"] == {
        "StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com", f"{ISSUER}:sub": "system:serviceaccount:shop:web"}
    }, "without `aud` a token meant for somebody else would do, without `sub` any pod of the cluster"


def test_a_trust_for_pod_identity_is_for_one_cluster() -> None:
    cluster = "arn:aws:eks:eu-west-1:123456789012:cluster/dev"
    (statement,) = pod_identity_trust(account_id="123456789012", cluster_arn=cluster)["Statement"]
    assert statement["Action"] == ["sts:AssumeRole", "sts:TagSession"], "EKS needs both"
    assert statement["Principal"] == {"Service": "pods.eks.amazonaws.com"}, "EKS, nobody else"
    assert statement["Condition"]["ArnEquals"] == {"aws:SourceArn": cluster}, "no other cluster's associations"


@pytest.mark.parametrize(
    "given",
    [PROVIDER, f"{PROVIDER}/", PROVIDER.replace("provider/", "provider/https://"), ISSUER, f"https://{ISSUER}/"],
)
def test_an_issuer_is_normalised_however_it_was_copied(given: str) -> None:
    arn = oidc_provider_arn(given, region="eu-west-1", account_id="123456789012")
    assert arn == PROVIDER, "IAM knows the provider by host and path alone"
    assert issuer_of(arn) == ISSUER, "and its conditions too"


@pytest.mark.parametrize(
    ("region", "partition"), [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_arns_are_of_the_regions_partition(region: str, partition: str) -> None:
    assert partition_of(region) == partition, "an ARN of another partition names nothing"


@pytest.fixture
def iam(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        yield boto3.client("iam")


@pytest.mark.parametrize(
    "trust",
    [
        irsa_trust(provider_arn=PROVIDER, namespace="shop", service_account="web"),
        pod_identity_trust(account_id="123456789012", cluster_arn="arn:aws:eks:eu-west-1:123456789012:cluster/dev"),
    ],
    ids=["irsa", "pod identity"],
)
def test_a_simulated_iam_takes_trust_and_policies(iam: Any, trust: dict[str, Any]) -> None:
    iam.create_role(RoleName="dev--shop", AssumeRolePolicyDocument=json.dumps(trust))
    for number, policy in enumerate(POLICIES.values()):
        iam.put_role_policy(RoleName="dev--shop", PolicyName=f"p{number}", PolicyDocument=json.dumps(policy))
    read = iam.get_role(RoleName="dev--shop")["Role"]["AssumeRolePolicyDocument"]
    assert read == trust, "what IAM keeps is what was meant"
    kept = iam.list_role_policies(RoleName="dev--shop")["PolicyNames"]
    assert len(kept) == len(POLICIES), "all of them are documents that IAM takes"


def test_a_simulated_iam_refuses_a_policy_that_is_none(iam: Any) -> None:
    iam.create_role(
        RoleName="x",
        AssumeRolePolicyDocument=json.dumps(irsa_trust(provider_arn=PROVIDER, namespace="a", service_account="b")),
    )
    with pytest.raises(iam.exceptions.MalformedPolicyDocumentException):
        iam.put_role_policy(RoleName="x", PolicyName="p", PolicyDocument='{"Statement": [{"Effect": "Perhaps"}]}')


def test_the_load_balancer_controller_touches_only_its_own() -> None:
    tag = "elbv2.k8s.aws/cluster"
    for statement in load_balancer_policy(partition="aws", cluster="dev")["Statement"]:
        if any(action.partition(":")[2].startswith("Delete") for action in statement["Action"]):
            named = json.dumps(statement.get("Condition", {}))
            parts = {"elasticloadbalancing:DeleteListener", "elasticloadbalancing:DeleteRule"}
            assert tag in named or parts & set(statement["Action"]), "it could delete another cluster's load balancer"


def test_the_load_balancer_controller_tags_listeners_but_makes_no_other_load_balancer_its_own() -> None:
    free = [
        statement["Resource"]
        for statement in load_balancer_policy(partition="aws", cluster="dev")["Statement"]
        if "elasticloadbalancing:AddTags" in statement["Action"] and "Condition" not in statement
    ]
    (resources,) = free
    assert any(":listener/app/" in each for each in resources), "AWS makes no tagged listener for who may not tag it"
    assert not any("loadbalancer" in each.split(":")[-1] for each in resources), "a tag would make it the cluster's own"


def test_external_dns_looks_at_the_zones_themselves_and_its_own_records_hide_no_branch() -> None:
    values = external_dns_values(owner="dev", zones={"dev.example.com": "Z1"})
    assert values["domainFilters"] == ["dev.example.com"], "a filter below the zone would leave the zone out"
    assert "--zone-id-filter=Z1" in values["extraArgs"], "and no other zone of that name is touched"
    assert not is_slug(values["txtPrefix"] + "a-wildcard"), "a branch of its record's name would not be found"


def client_of(policy: dict[str, Any], service: str, iam: Any) -> Any:
    """Return a client that may do what this policy allows, and nothing else."""
    iam.create_user(UserName="it")
    iam.put_user_policy(UserName="it", PolicyName="p", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="it")["AccessKey"]
    return boto3.client(service, aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])


def refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except ClientError as e:
        return e.response["Error"]["Code"] in {"AccessDenied", "UnauthorizedOperation"}
    return False


# Of Route 53's actions the simulation asks no policy, so external-dns' is left to the linter.
@set_initial_no_auth_action_count(3)
def test_a_simulated_iam_lets_the_load_balancer_controller_look_but_not_start_machines(iam: Any) -> None:
    ec2 = client_of(load_balancer_policy(partition="aws", cluster="dev"), "ec2", iam)
    assert not refused(ec2.describe_subnets), "it looks for subnets"
    assert refused(lambda: ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1)), "machines are not its work"
