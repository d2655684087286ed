"""A branch's own identity, from what its base stack promises: imported only where there is one."""

from dataclasses import asdict

import pulumi

from components.branch.service_account import BranchServiceAccount
from components.identity.aws_branch_iam import association_tags
from components.identity.aws_iam import cluster_arn
from components.identity.placeholder import render
from components.identity.workload_identity import (
    AwsRole,
    GooglePrincipal,
    Irsa,
    PodIdentity,
    WorkloadIdentity,
    WorkloadIdentityArgs,
)
from core.contract import AwsIdentity, BranchIdentity, BucketGrant, GoogleIdentity
from core.names import object_name


def place_branch_identity(promised: BranchIdentity, *, app: str, slug: str, namespace: str) -> BranchServiceAccount:
    """Make the cloud's half of a branch's identity, and give what its ServiceAccount is made with.

    Args:
        promised: by the base stack.
        app: of the branch.
        slug: of the branch.
        namespace: of the branch.
    """
    grant = _grant(promised, app, slug)
    if grant is None:
        return BranchServiceAccount(image_pull_secrets=promised.image_pull_secrets)
    identity = WorkloadIdentity(
        slug,
        WorkloadIdentityArgs(namespace=namespace, service_account=object_name(slug), grant=grant),
        pulumi.ResourceOptions(providers=[_provider(promised)]),
    )
    # Known once all of it exists, which the annotations alone may be before.
    bound = pulumi.Output.all(identity.annotations, identity.identity).apply(lambda known: dict(known[0]))
    return BranchServiceAccount(identity_annotations=bound, image_pull_secrets=promised.image_pull_secrets)


def _grant(promised: BranchIdentity, app: str, slug: str) -> Irsa | PodIdentity | GooglePrincipal | None:
    if promised.aws:
        return _aws(promised.aws, app, slug)
    return _google(promised.google, slug) if promised.google else None


def _provider(promised: BranchIdentity) -> pulumi.ProviderResource:
    """Make the provider of the cluster's cloud, which refuses the credentials of another account."""
    if promised.aws:
        import pulumi_aws as aws

        return aws.Provider(
            "aws", aws.ProviderArgs(region=promised.aws.region, allowed_account_ids=[promised.aws.account_id])
        )
    import pulumi_gcp as gcp

    return gcp.Provider("gcp", gcp.ProviderArgs(project=promised.google.project if promised.google else None))


def _aws(aws: AwsIdentity, app: str, slug: str) -> Irsa | PodIdentity | None:
    name = object_name(slug)
    if aws.irsa:
        role = AwsRole(
            name=f"{aws.irsa.role_prefix}{name}",
            path=aws.irsa.role_path,
            permissions_boundary=aws.irsa.permissions_boundary,
            managed_policies=aws.irsa.managed_policies,
            inline_policies=render(aws.irsa.inline_policies, name),
        )
        return Irsa(provider_arn=aws.irsa.oidc_provider, role=role)
    if aws.pod_identity:
        return PodIdentity(
            cluster=aws.pod_identity.cluster,
            cluster_arn=cluster_arn(aws.pod_identity.cluster, region=aws.region, account_id=aws.account_id),
            account_id=aws.account_id,
            role=aws.pod_identity.role,
            tags=association_tags(app, slug),
        )
    return None


def _google(google: GoogleIdentity, slug: str) -> GooglePrincipal:
    grants = [BucketGrant(**render(asdict(each), object_name(slug))) for each in google.grants]
    return GooglePrincipal(project=google.project, project_number=google.project_number, bucket_grants=grants)
