"""What AWS's half of an identity says: trust policies and names, as pure functions."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

POLICY_VERSION = "2012-10-17"
STS = "sts.amazonaws.com"
ROLE_ANNOTATION = "eks.amazonaws.com/role-arn"

_PROVIDER = re.compile(r"arn:(?P<partition>aws[a-z-]*):iam::(?P<account>\d{12}):oidc-provider/(?P<issuer>.+)")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::(?P<account>\d{12}):role/[\w+=,.@/-]+")


def partition_of(region: str) -> str:
    """Return the AWS partition of a region, which every ARN starts with."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def cluster_arn(cluster: str, *, region: str, account_id: str) -> str:
    """Return the ARN of an EKS cluster."""
    return f"arn:{partition_of(region)}:eks:{region}:{account_id}:cluster/{cluster}"


def oidc_provider_arn(given: str, *, region: str, account_id: str) -> str:
    """Return the ARN of the cluster's OIDC provider, from the ARN or from the issuer, as people copy either.

    Scheme and trailing slash go: IAM compares the issuer without them.
    """
    match = _PROVIDER.fullmatch(given.strip())
    issuer = match["issuer"] if match else given.strip()
    bare = re.sub(r"^https?://", "", issuer).rstrip("/")
    partition = match["partition"] if match else partition_of(region)
    owner = match["account"] if match else account_id
    return f"arn:{partition}:iam::{owner}:oidc-provider/{bare}"


def issuer_of(provider_arn: str) -> str:
    """Return the issuer as trust policies name it: host and path."""
    return provider_arn.partition(":oidc-provider/")[2]


def account_id_of(arn: str) -> str:
    """Return the account of a role's or OIDC provider's ARN, empty if it is neither."""
    match = _ROLE.fullmatch(arn) or _PROVIDER.fullmatch(arn)
    return match["account"] if match else ""


def web_identity_trust(provider_arn: str, condition: Mapping[str, Any]) -> dict[str, Any]:
    """Make the trust policy of a role for who comes with a token of an OIDC provider.

    Args:
        provider_arn: of IAM's OIDC provider.
        condition: on the token's claims.
    """
    return {
        "Version": POLICY_VERSION,
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Federated": provider_arn},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": dict(condition),
            }
        ],
    }


def irsa_trust(*, provider_arn: str, namespace: str, service_account: str) -> dict[str, Any]:
    """Make the trust policy of a role for one ServiceAccount: `sub` says which, `aud` that the token is for STS."""
    issuer = issuer_of(provider_arn)
    account = f"system:serviceaccount:{namespace}:{service_account}"
    return web_identity_trust(provider_arn, {"StringEquals": {f"{issuer}:aud": STS, f"{issuer}:sub": account}})


def pod_identity_trust(*, account_id: str, cluster_arn: str, namespaces: Sequence[str] = ()) -> dict[str, Any]:
    """Make the trust policy of a role for EKS Pod Identity; which ServiceAccount is said by the association.

    The conditions keep other accounts' and clusters' associations out, and those of other namespaces if any are named;
    in their names, `*` stands for any text.
    """
    within = {"StringLike": {"aws:RequestTag/kubernetes-namespace": list(namespaces)}} if namespaces else {}
    return {
        "Version": POLICY_VERSION,
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "pods.eks.amazonaws.com"},
                "Action": ["sts:AssumeRole", "sts:TagSession"],
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": account_id},
                    "ArnEquals": {"aws:SourceArn": cluster_arn},
                    **within,
                },
            }
        ],
    }


def external_dns_policy(*, partition: str, zones: Sequence[str]) -> dict[str, Any]:
    """Let external-dns write records in these hosted zones, and find them."""
    return {
        "Version": POLICY_VERSION,
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["route53:ChangeResourceRecordSets", "route53:ListResourceRecordSets"],
                "Resource": [f"arn:{partition}:route53:::hostedzone/{zone}" for zone in sorted(set(zones))],
            },
            # Listing has no narrower resource.
            {"Effect": "Allow", "Action": ["route53:ListHostedZones", "route53:ListTagsForResources"], "Resource": "*"},
        ],
    }


def load_balancer_policy(*, partition: str, cluster: str) -> dict[str, Any]:
    """Let the AWS Load Balancer Controller make the ALB of an Ingress, and touch only what carries its cluster's tag.

    Left out on purpose, as no Ingress of this project asks for them: Network Load Balancers, Cognito, Shield.
    """
    tag = "elbv2.k8s.aws/cluster"
    ours, asked = {f"aws:ResourceTag/{tag}": cluster}, {f"aws:RequestTag/{tag}": cluster}
    vpcs, groups = f"arn:{partition}:ec2:*:*:vpc/*", f"arn:{partition}:ec2:*:*:security-group/*"
    certificates = f"arn:{partition}:acm:*:*:certificate/*"
    linked = f"arn:{partition}:iam::*:role/aws-service-role/elasticloadbalancing.amazonaws.com/*"
    balancer = f"arn:{partition}:elasticloadbalancing:*:*:"
    made = [f"{balancer}loadbalancer/app/*/*", f"{balancer}targetgroup/*/*"]
    # An action on listeners names both families, or it names none that IAM knows.
    parts = [f"{balancer}listener/{kind}/*/*/*" for kind in ("app", "net")]
    rules = [f"{balancer}listener-rule/{kind}/*/*/*/*" for kind in ("app", "net")]
    firewalled = [f"arn:{partition}:wafv2:*:*:regional/webacl/*/*", made[0]]
    return {
        "Version": POLICY_VERSION,
        "Statement": [
            # Nothing narrower can be named for these.
            allow(
                [
                    *(f"ec2:Describe{kind}" for kind in _DESCRIBED),
                    "elasticloadbalancing:Describe*",
                    "elasticloadbalancing:SetWebAcl",
                    "acm:ListCertificates",
                ],
                "*",
            ),
            allow(["ec2:GetSecurityGroupsForVpc"], vpcs),
            allow(["acm:DescribeCertificate"], certificates),
            allow([f"wafv2:{action}" for action in _WAF], firewalled),
            allow(
                ["iam:CreateServiceLinkedRole"],
                linked,
                {"StringEquals": {"iam:AWSServiceName": "elasticloadbalancing.amazonaws.com"}},
            ),
            # A security group is made in a VPC, which carries no tag of the cluster's.
            allow(["ec2:CreateSecurityGroup"], vpcs),
            allow(["ec2:CreateSecurityGroup"], groups, {"StringEquals": asked}),
            allow(["ec2:CreateTags"], groups, {"StringEquals": {"ec2:CreateAction": "CreateSecurityGroup", **asked}}),
            allow(["ec2:CreateTags", "ec2:DeleteTags", "ec2:DeleteSecurityGroup"], groups, {"StringEquals": ours}),
            # Also on the nodes' groups, which let the load balancer in and are tagged by nobody.
            allow(["ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"], groups),
            allow(
                ["elasticloadbalancing:CreateLoadBalancer", "elasticloadbalancing:CreateTargetGroup"],
                made,
                {"StringEquals": asked},
            ),
            allow(
                ["elasticloadbalancing:AddTags"],
                made,
                {"StringEquals": {"elasticloadbalancing:CreateAction": ["CreateLoadBalancer", "CreateTargetGroup"]}},
            ),
            allow([f"elasticloadbalancing:{action}" for action in _ON_OURS], made, {"StringEquals": ours}),
            allow([f"elasticloadbalancing:{action}" for action in _ON_PARTS], [*made, *parts, *rules]),
            # Not on what was made: a tag would make anybody's load balancer ours.
            allow(["elasticloadbalancing:AddTags", "elasticloadbalancing:RemoveTags"], [*parts, *rules]),
        ],
    }


_DESCRIBED = (
    "AccountAttributes",
    "Addresses",
    "AvailabilityZones",
    "CoipPools",
    "Instances",
    "InternetGateways",
    "NetworkInterfaces",
    "RouteTables",
    "SecurityGroups",
    "Subnets",
    "Tags",
    "VpcPeeringConnections",
    "Vpcs",
)
_WAF = ("AssociateWebACL", "DisassociateWebACL", "GetWebACL", "GetWebACLForResource")
_ON_OURS = (
    "AddTags",
    "DeleteLoadBalancer",
    "DeleteTargetGroup",
    "DeregisterTargets",
    "ModifyLoadBalancerAttributes",
    "ModifyTargetGroup",
    "ModifyTargetGroupAttributes",
    "RegisterTargets",
    "RemoveTags",
    "SetIpAddressType",
    "SetSecurityGroups",
    "SetSubnets",
)
# Listeners and rules get their tags after they are made, so none can be asked of them.
_ON_PARTS = (
    "AddListenerCertificates",
    "CreateListener",
    "CreateRule",
    "DeleteListener",
    "DeleteRule",
    "ModifyListener",
    "ModifyListenerAttributes",
    "ModifyRule",
    "RemoveListenerCertificates",
    "SetRulePriorities",
)


def allow(
    actions: Sequence[str], resources: str | Sequence[str], condition: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Make a statement that allows."""
    return {
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": resources if isinstance(resources, str) else list(resources),
        **({"Condition": dict(condition)} if condition else {}),
    }
