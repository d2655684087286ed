"""Places what each branch of an app makes its own identity with, where `identity.perBranch` is on."""

from collections.abc import Sequence
from typing import Any

import pulumi

from components.admission.policy import Policy
from components.admission.service_accounts import account_policy
from components.app.deployer import deployer_name
from components.identity.aws_branch_iam import SESSION_TAG, association_policy, boundary, role_policy
from components.identity.aws_iam import cluster_arn, oidc_provider_arn, partition_of
from components.identity.ci_access import AwsAccess, AwsPolicy, CiAccess, CiAccessArgs, GoogleAccess
from components.identity.names import branch_path, branch_role_prefix, custom_role_id, policy_name, role_name
from components.identity.placeholder import render
from components.identity.workload_identity import WorkloadIdentity
from core.contract import AwsIdentity, BranchIdentity, BucketGrant, GoogleIdentity, IrsaTemplate, PodIdentityTemplate
from core.names import is_slug
from stacks.settings.base import AppSettings, BaseSettings, reserved_slugs
from stacks.settings.cluster import EksSettings, GkeSettings

# In every namespace, for pods that name no other.
_DEFAULT_ACCOUNT = "default"


def taken_slugs(settings: BaseSettings, app: AppSettings) -> list[str]:
    """Return every slug that no branch may take, sorted: a branch's ServiceAccount is called so, and some are there."""
    if not app.identity.per_branch:
        return reserved_slugs(settings, app)
    accounts = {app.service_account, deployer_name(app.name), _DEFAULT_ACCOUNT, *app.isolation.service_accounts}
    return sorted({*reserved_slugs(settings, app), *filter(is_slug, accounts)})


def accounts_for_all(app: AppSettings) -> list[str]:
    """Return the ServiceAccounts that pods of every branch may use: not the app's own where each has its own."""
    shared = set() if app.identity.per_branch else {app.service_account}
    return sorted({*shared, *app.isolation.service_accounts})


def account_policies(settings: BaseSettings, app: AppSettings) -> Sequence[Policy]:
    """Return the policies for the branches' ServiceAccounts."""
    if not app.identity.per_branch:
        return ()
    irsa = settings.eks is not None and app.identity.kind == "irsa"
    prefix = _role_prefix_arn(settings.eks, app) if irsa and settings.eks else ""
    return (account_policy(role_prefix=prefix, image_pull_secrets=app.identity.image_pull_secrets),)


def own_policies(app: AppSettings) -> dict[str, dict[str, Any]]:
    """Return the policies of the app's own role: main counts as a branch, and with Pod Identity shares their role."""
    if not app.identity.per_branch:
        return app.identity.inline_policies
    name = SESSION_TAG if app.identity.kind == "pod-identity" else app.service_account
    return {key: render(document, name) for key, document in app.identity.inline_policies.items()}


def own_grants(app: AppSettings) -> list[BucketGrant]:
    """Return what main may do in the branches' buckets, as one more branch."""
    return [BucketGrant(**render(each.model_dump(), app.service_account)) for each in app.identity.grants]


def place_branch_identity(
    settings: BaseSettings, app: AppSettings, identity: WorkloadIdentity | None, cloud: pulumi.ResourceOptions
) -> pulumi.Output[BranchIdentity | None]:
    """Grant CI making the branches' identities, and return the contract's part about them; None where they are off.

    Args:
        settings: of the base stack.
        app: whose branches.
        identity: the app's own.
        cloud: with the provider.
    """
    if not app.identity.per_branch:
        return pulumi.Output.from_input(None)
    made = pulumi.Output.all(
        aws=_aws(settings.eks, app, identity, cloud) if settings.eks and identity else None,
        google=_principals(settings.gke, app, cloud) if settings.gke and identity else None,
    )
    secrets = app.identity.image_pull_secrets
    return made.apply(lambda known: BranchIdentity(image_pull_secrets=secrets, **known))


def _aws(
    eks: EksSettings, app: AppSettings, identity: WorkloadIdentity, cloud: pulumi.ResourceOptions
) -> pulumi.Output[AwsIdentity]:
    if app.identity.kind == "irsa":
        return _roles(eks, app, cloud)
    return _associations(eks, app, identity, cloud)


def _roles(eks: EksSettings, app: AppSettings, cloud: pulumi.ResourceOptions) -> pulumi.Output[AwsIdentity]:
    provider = oidc_provider_arn(eks.oidc_provider or "", region=eks.region, account_id=eks.account_id)
    limit = AwsPolicy(
        name=policy_name(eks.cluster_name, app.name, "boundary"),
        document=boundary(app.identity.permissions_boundary_policy or {}, provider_arn=provider),
    )
    ci = policy_name(eks.cluster_name, app.name, "ci")
    document = role_policy(
        roles=f"{_role_prefix_arn(eks, app)}*",
        boundary_arn=_policy_arn(eks, app, limit.name),
        own_arn=_policy_arn(eks, app, ci),
        managed_policies=app.identity.managed_policies,
    )
    made = _aws_access(eks, app, AwsPolicy(name=ci, document=document), limit, cloud)
    return pulumi.Output.all(made.policy, made.boundary).apply(
        lambda arns: AwsIdentity(
            region=eks.region,
            account_id=eks.account_id,
            ci_policy=arns[0],
            irsa=IrsaTemplate(
                oidc_provider=provider,
                role_path=branch_path(eks.cluster_name, app.name),
                role_prefix=branch_role_prefix(eks.cluster_name, app.name),
                permissions_boundary=arns[1],
                managed_policies=app.identity.managed_policies,
                inline_policies=app.identity.inline_policies,
            ),
        )
    )


def _associations(
    eks: EksSettings, app: AppSettings, identity: WorkloadIdentity, cloud: pulumi.ResourceOptions
) -> pulumi.Output[AwsIdentity]:
    role = f"{_iam(eks)}:role{app.identity.role_path}{role_name(eks.cluster_name, app.name)}"
    cluster = cluster_arn(eks.cluster_name, region=eks.region, account_id=eks.account_id)
    ci = AwsPolicy(
        name=policy_name(eks.cluster_name, app.name, "ci"),
        document=association_policy(app=app.name, cluster_arn=cluster, role_arn=role),
    )
    made = _aws_access(eks, app, ci, None, cloud)
    return pulumi.Output.all(made.policy, identity.identity).apply(
        lambda arns: AwsIdentity(
            region=eks.region,
            account_id=eks.account_id,
            ci_policy=arns[0],
            pod_identity=PodIdentityTemplate(cluster=eks.cluster_name, role=arns[1]),
        )
    )


def _principals(gke: GkeSettings, app: AppSettings, cloud: pulumi.ResourceOptions) -> GoogleIdentity:
    if app.identity.ci and app.identity.grants:
        CiAccess(
            app.name,
            CiAccessArgs(
                access=GoogleAccess(
                    project=gke.project,
                    role_id=custom_role_id(gke.cluster_name, app.name),
                    buckets=sorted({each.bucket for each in app.identity.grants}),
                    member=app.identity.ci,
                )
            ),
            cloud,
        )
    return GoogleIdentity(
        project=gke.project,
        project_number=gke.project_number,
        grants=tuple(BucketGrant(**each.model_dump()) for each in app.identity.grants),
    )


def _aws_access(
    eks: EksSettings, app: AppSettings, policy: AwsPolicy, limit: AwsPolicy | None, cloud: pulumi.ResourceOptions
) -> CiAccess:
    access = AwsAccess(
        path=branch_path(eks.cluster_name, app.name),
        policy=policy,
        boundary=limit,
        ci_role=(app.identity.ci or "").rpartition("/")[2],
    )
    return CiAccess(app.name, CiAccessArgs(access=access), cloud)


def _iam(eks: EksSettings) -> str:
    return f"arn:{partition_of(eks.region)}:iam::{eks.account_id}"


def _policy_arn(eks: EksSettings, app: AppSettings, name: str) -> str:
    return f"{_iam(eks)}:policy{branch_path(eks.cluster_name, app.name)}{name}"


def _role_prefix_arn(eks: EksSettings, app: AppSettings) -> str:
    path = branch_path(eks.cluster_name, app.name)
    return f"{_iam(eks)}:role{path}{branch_role_prefix(eks.cluster_name, app.name)}"
