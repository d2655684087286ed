"""What must be in an AWS account before a base stack can be made, and before a job can deploy."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.bootstrap.jobs_rights import aws_jobs_boundary, aws_jobs_policy, gitlab_trust
from components.identity.aws_iam import partition_of

_VERSIONS_DAYS = 90
_KEY_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class AwsBootstrapArgs:
    """What it needs to know."""

    region: str
    account: str
    bucket: str
    gitlab: str
    """URL of GitLab, which signs the jobs' ID tokens."""
    audience: str
    projects: Mapping[str, str]
    """Path in GitLab by app."""
    clusters: Sequence[str] = ()
    """Names of the EKS clusters that the jobs deploy to."""
    issuers: Sequence[str] = ()
    """OIDC issuers of those whose pods have roles by IRSA."""
    zones: Sequence[str] = ()
    """Domains that Route 53 is to answer for."""

    def __post_init__(self) -> None:
        """Refuse roles for nobody."""
        if not self.projects:
            raise ValueError("projects: somebody must deploy; give at least one app and its project in GitLab")


class AwsBootstrap(pulumi.ComponentResource):
    """Backend, keys, GitLab's OIDC provider, a role per app; where asked for, the clusters' OIDC providers and zones.

    Type `branch-environments:bootstrap:Aws`. Left out on purpose: the cluster, and the rights of who applies base
    stacks, which are an administrator's.
    """

    backend: pulumi.Output[str]
    """URL of Pulumi's backend."""
    secrets_providers: pulumi.Output[dict[str, str]]
    """Of base stacks (`platform`) and of branch stacks (`branches`): two keys, as no job has the first."""
    roles: pulumi.Output[dict[str, str]]
    """ARN by app."""
    name_servers: pulumi.Output[dict[str, list[str]]]
    """Of each zone: whoever owns the domain above it delegates to them."""

    def __init__(self, name: str, args: AwsBootstrapArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:bootstrap:Aws", name, None, opts)
        from pulumi_aws import iam, route53

        child = pulumi.ResourceOptions(parent=self)
        partition = partition_of(args.region)
        bucket_arn = _bucket_arn(args)
        bucket = self._bucket(name, args.bucket)
        keys = {purpose: self._key(name, purpose) for purpose in ("platform", "branches")}
        gitlab = iam.OpenIdConnectProvider(
            f"{name}-gitlab", iam.OpenIdConnectProviderArgs(url=args.gitlab, client_id_lists=[args.audience]), child
        )
        for number, issuer in enumerate(args.issuers):
            iam.OpenIdConnectProvider(
                f"{name}-cluster-{number}",
                iam.OpenIdConnectProviderArgs(url=issuer, client_id_lists=["sts.amazonaws.com"]),
                child,
            )
        boundary = iam.Policy(
            f"{name}-jobs-boundary",
            iam.PolicyArgs(
                name="branch-environments-jobs",
                policy=keys["branches"].apply(
                    lambda key: json.dumps(
                        aws_jobs_boundary(partition=partition, account=args.account, bucket_arn=bucket_arn, key_arn=key)
                    )
                ),
            ),
            child,
        )
        roles = {
            app: self._role(name, app, args, gitlab.arn, boundary.arn, keys["branches"])
            for app in sorted(args.projects)
        }
        zones = {each: route53.Zone(f"{name}-zone-{each}", route53.ZoneArgs(name=each), child) for each in args.zones}
        self.backend = bucket.apply(lambda made: f"s3://{made}?region={args.region}")
        self.secrets_providers = pulumi.Output.all(**keys).apply(
            lambda made: {purpose: f"awskms:///{arn}?region={args.region}" for purpose, arn in made.items()}
        )
        self.roles = pulumi.Output.all(**roles)
        self.name_servers = pulumi.Output.all(**{each: zone.name_servers for each, zone in zones.items()})
        self.register_outputs({"backend": self.backend, "roles": self.roles})

    def _role(
        self,
        name: str,
        app: str,
        args: AwsBootstrapArgs,
        gitlab: pulumi.Output[str],
        boundary: pulumi.Output[str],
        key: pulumi.Output[str],
    ) -> pulumi.Output[str]:
        """Make the role of an app's jobs, and return its ARN.

        Args:
            name: logical name of the component.
            app: whose jobs.
            args: of the component.
            gitlab: ARN of GitLab's OIDC provider.
            boundary: ARN of the role's permissions boundary.
            key: ARN of the key of branch stacks' secrets.
        """
        from pulumi_aws import iam

        child = pulumi.ResourceOptions(parent=self)
        cluster = f"arn:{partition_of(args.region)}:eks:{args.region}:{args.account}:cluster"
        role = iam.Role(
            f"{name}-{app}-jobs",
            iam.RoleArgs(
                name=f"gitlab-{app}",
                assume_role_policy=gitlab.apply(
                    lambda arn: json.dumps(
                        gitlab_trust(provider_arn=arn, project=args.projects[app], audience=args.audience)
                    )
                ),
                permissions_boundary=boundary,
            ),
            child,
        )
        iam.RolePolicy(
            f"{name}-{app}-backend",
            iam.RolePolicyArgs(
                name="backend",
                role=role.name,
                policy=key.apply(
                    lambda arn: json.dumps(
                        aws_jobs_policy(
                            bucket_arn=_bucket_arn(args),
                            key_arn=arn,
                            app=app,
                            cluster_arns=[f"{cluster}/{each}" for each in args.clusters],
                        )
                    )
                ),
            ),
            child,
        )
        return role.arn

    def _bucket(self, name: str, bucket_name: str) -> pulumi.Output[str]:
        from pulumi_aws import s3

        child = pulumi.ResourceOptions(parent=self)
        bucket = s3.Bucket(
            f"{name}-backend", s3.BucketArgs(bucket=bucket_name), pulumi.ResourceOptions(parent=self, protect=True)
        )
        s3.BucketPublicAccessBlock(
            f"{name}-backend-is-private",
            s3.BucketPublicAccessBlockArgs(
                bucket=bucket.bucket,
                block_public_acls=True,
                block_public_policy=True,
                ignore_public_acls=True,
                restrict_public_buckets=True,
            ),
            child,
        )
        # By keywords: of these two kinds the SDK's Args are called as parts of a bucket are, and stand for those.
        versioning = s3.BucketVersioning(
            f"{name}-backend-versions",
            bucket=bucket.bucket,
            versioning_configuration=s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=child,
        )
        s3.BucketLifecycleConfiguration(
            f"{name}-backend-old-versions",
            # Not before there are versions.
            bucket=versioning.bucket,
            rules=[
                s3.BucketLifecycleConfigurationRuleArgs(
                    id="old-versions",
                    status="Enabled",
                    filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                    noncurrent_version_expiration=s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                        noncurrent_days=_VERSIONS_DAYS
                    ),
                )
            ],
            opts=child,
        )
        return bucket.bucket

    def _key(self, name: str, purpose: str) -> pulumi.Output[str]:
        from pulumi_aws import kms

        key = kms.Key(
            f"{name}-{purpose}-key",
            kms.KeyArgs(
                description=f"Secrets of branch-environments: {purpose}",
                enable_key_rotation=True,
                deletion_window_in_days=_KEY_DAYS,
            ),
            pulumi.ResourceOptions(parent=self, protect=True),
        )
        kms.Alias(
            f"{name}-{purpose}-key-alias",
            kms.AliasArgs(name=f"alias/branch-environments-{purpose}", target_key_id=key.key_id),
            pulumi.ResourceOptions(parent=self),
        )
        return key.arn


def _bucket_arn(args: AwsBootstrapArgs) -> str:
    return f"arn:{partition_of(args.region)}:s3:::{args.bucket}"
