"""Places the apps' cloud identities, and the clouds' providers."""

import pulumi

from components.identity.aws_branch_iam import association_tags
from components.identity.aws_iam import cluster_arn, oidc_provider_arn
from components.identity.names import google_service_account_id, role_name
from components.identity.workload_identity import (
    AwsRole,
    GooglePrincipal,
    GoogleServiceAccount,
    Irsa,
    PodIdentity,
    WorkloadIdentity,
    WorkloadIdentityArgs,
)
from core.names import namespace_name
from stacks.base.branch_identity import own_grants, own_policies
from stacks.settings.base import AppSettings, BaseSettings
from stacks.settings.cluster import EksSettings, GkeSettings


def providers(settings: BaseSettings) -> list[pulumi.ProviderResource]:
    """Make the provider of the cluster's cloud, which refuses the credentials of another account. None on local."""
    if settings.eks:
        import pulumi_aws as aws

        return [
            aws.Provider(
                "aws",
                aws.ProviderArgs(region=settings.eks.region, allowed_account_ids=[settings.eks.account_id]),
            )
        ]
    if settings.gke:
        import pulumi_gcp as gcp

        return [gcp.Provider("gcp", gcp.ProviderArgs(project=settings.gke.project))]
    return []


def place_identity(settings: BaseSettings, app: AppSettings, cloud: pulumi.ResourceOptions) -> WorkloadIdentity | None:
    """Make an app's identity, if it has one."""
    grant: Irsa | PodIdentity | GoogleServiceAccount | GooglePrincipal | None = None
    identity = app.identity
    if settings.eks and identity.kind in {"irsa", "pod-identity"}:
        role = identity.role_arn or AwsRole(
            name=role_name(settings.eks.cluster_name, app.name),
            path=identity.role_path,
            permissions_boundary=identity.permissions_boundary,
            managed_policies=identity.managed_policies,
            inline_policies=own_policies(app),
        )
        grant = (
            irsa(settings.eks, role) if identity.kind == "irsa" else _pod_identity(settings, settings.eks, app, role)
        )
    elif settings.gke and identity.kind == "workload-identity":
        grant = _google(settings.gke, app)
    if grant is None:
        return None
    return WorkloadIdentity(
        app.name,
        WorkloadIdentityArgs(namespace=app.namespace, service_account=app.service_account, grant=grant),
        cloud,
    )


def irsa(eks: EksSettings, role: AwsRole | str) -> Irsa:
    """Return a trust policy for a role's pods by the cluster's OIDC provider."""
    arn = oidc_provider_arn(eks.oidc_provider or "", region=eks.region, account_id=eks.account_id)
    return Irsa(provider_arn=arn, role=role)


def _pod_identity(settings: BaseSettings, eks: EksSettings, app: AppSettings, role: AwsRole | str) -> PodIdentity:
    # Where some app's CI may end associations, it knows by the tags which ones.
    tagged = any(each.identity.per_branch and each.identity.kind == "pod-identity" for each in settings.apps)
    return PodIdentity(
        cluster=eks.cluster_name,
        cluster_arn=cluster_arn(eks.cluster_name, region=eks.region, account_id=eks.account_id),
        account_id=eks.account_id,
        role=role,
        namespaces=_namespaces(app),
        tags=association_tags(app.name) if tagged else {},
    )


def _namespaces(app: AppSettings) -> list[str]:
    """Return the namespaces of those who share the role: main, and the branches of which CI makes the associations."""
    if not app.identity.per_branch:
        return []
    return [app.namespace, *([namespace_name(app.namespace, "*")] if app.isolation.namespace_per_branch else [])]


def _google(gke: GkeSettings, app: AppSettings) -> GoogleServiceAccount | GooglePrincipal:
    identity = app.identity
    if identity.direct:
        roles = identity.project_roles
        return GooglePrincipal(
            project=gke.project,
            project_number=gke.project_number,
            project_roles=() if identity.per_branch else roles,
            namespace_roles=roles if identity.per_branch else (),
            bucket_grants=own_grants(app),
        )
    service_account = identity.account or google_service_account_id(gke.cluster_name, app.name)
    return GoogleServiceAccount(
        project=gke.project, service_account=service_account, project_roles=identity.project_roles
    )
