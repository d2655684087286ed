"""What must be in a Google Cloud project before a base stack can be made, and before a job can deploy."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.bootstrap.jobs_rights import google_admission, google_reading, google_subject, google_writing
from components.identity.names import MAX_GOOGLE_SERVICE_ACCOUNT, MIN_GOOGLE_SERVICE_ACCOUNT, truncate_with_hash

_VERSIONS = 20


@dataclass(frozen=True, kw_only=True)
class GoogleBootstrapArgs:
    """What it needs to know."""

    project: str
    number: str
    location: str
    bucket: str
    gitlab: str
    """URL of GitLab, which signs the jobs' ID tokens."""
    audience: str
    projects: Mapping[str, str]
    """Path in GitLab by app."""

    def __post_init__(self) -> None:
        """Refuse accounts for nobody."""
        if not self.projects:
            raise ValueError("projects: somebody must deploy; give at least one app and its project in GitLab")


class GoogleBootstrap(pulumi.ComponentResource):
    """Backend, keys, a workload identity pool for GitLab, a service account per app.

    Type `branch-environments:bootstrap:Google`. Left out on purpose: the cluster, and the rights of who applies base
    stacks, which are an administrator's.
    """

    backend: pulumi.Output[str]
    """URL of Pulumi's backend."""
    secrets_providers: pulumi.Output[dict[str, str]]
    """Of base stacks (`platform`) and of branch stacks (`branches`): two keys, as no job has the first."""
    provider: pulumi.Output[str]
    """Name of the workload identity provider."""
    accounts: pulumi.Output[dict[str, str]]
    """Address by app."""

    def __init__(self, name: str, args: GoogleBootstrapArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:bootstrap:Google", name, None, opts)
        from pulumi_gcp import iam, kms

        child = pulumi.ResourceOptions(parent=self)
        kept = pulumi.ResourceOptions(parent=self, protect=True)
        bucket = self._bucket(name, args)
        ring = kms.KeyRing(
            f"{name}-keys",
            kms.KeyRingArgs(name="branch-environments", project=args.project, location=args.location),
            child,
        )
        keys = {
            purpose: kms.CryptoKey(
                f"{name}-{purpose}-key",
                kms.CryptoKeyArgs(name=purpose, key_ring=ring.id, rotation_period="7776000s"),
                kept,
            )
            for purpose in ("platform", "branches")
        }
        pool = iam.WorkloadIdentityPool(
            f"{name}-gitlab",
            iam.WorkloadIdentityPoolArgs(project=args.project, workload_identity_pool_id="gitlab"),
            child,
        )
        provider = iam.WorkloadIdentityPoolProvider(
            f"{name}-gitlab",
            iam.WorkloadIdentityPoolProviderArgs(
                project=args.project,
                workload_identity_pool_id=pool.workload_identity_pool_id,
                workload_identity_pool_provider_id="gitlab",
                attribute_mapping=google_subject(),
                attribute_condition=google_admission(list(args.projects.values())),
                oidc=iam.WorkloadIdentityPoolProviderOidcArgs(
                    issuer_uri=args.gitlab, allowed_audiences=[args.audience]
                ),
            ),
            child,
        )
        self.accounts = pulumi.Output.all(
            **{
                app: self._jobs(name, app, project, args, pool, keys["branches"])
                for app, project in args.projects.items()
            }
        )
        self.backend = bucket.apply(lambda made: f"gs://{made}")
        self.secrets_providers = pulumi.Output.all(**{purpose: key.id for purpose, key in keys.items()}).apply(
            lambda made: {purpose: f"gcpkms://{path}" for purpose, path in made.items()}
        )
        self.provider = provider.name
        self.register_outputs({"backend": self.backend, "accounts": self.accounts})

    def _bucket(self, name: str, args: GoogleBootstrapArgs) -> pulumi.Output[str]:
        from pulumi_gcp import storage

        bucket = storage.Bucket(
            f"{name}-backend",
            storage.BucketArgs(
                name=args.bucket,
                project=args.project,
                location=args.location,
                # Without it no binding can have a condition.
                uniform_bucket_level_access=True,
                public_access_prevention="enforced",
                versioning=storage.BucketVersioningArgs(enabled=True),
                lifecycle_rules=[
                    storage.BucketLifecycleRuleArgs(
                        action=storage.BucketLifecycleRuleActionArgs(type="Delete"),
                        condition=storage.BucketLifecycleRuleConditionArgs(num_newer_versions=_VERSIONS),
                    )
                ],
            ),
            pulumi.ResourceOptions(parent=self, protect=True),
        )
        return bucket.name

    def _jobs(
        self,
        name: str,
        app: str,
        project: str,
        args: GoogleBootstrapArgs,
        pool: pulumi.Resource,
        key: pulumi.CustomResource,
    ) -> pulumi.Output[str]:
        from pulumi_gcp import kms, serviceaccount, storage

        child = pulumi.ResourceOptions(parent=self, depends_on=[pool])
        account = serviceaccount.Account(
            f"{name}-{app}-jobs",
            serviceaccount.AccountArgs(
                project=args.project,
                account_id=truncate_with_hash(
                    f"gitlab-{app}", shortest=MIN_GOOGLE_SERVICE_ACCOUNT, longest=MAX_GOOGLE_SERVICE_ACCOUNT
                ),
                display_name=f"Jobs of {app}",
            ),
            pulumi.ResourceOptions(parent=self),
        )
        member = account.email.apply(lambda email: f"serviceAccount:{email}")
        principals = f"projects/{args.number}/locations/global/workloadIdentityPools/gitlab/attribute.project_path"
        serviceaccount.IAMMember(
            f"{name}-{app}-jobs-are-gitlabs",
            serviceaccount.IAMMemberArgs(
                service_account_id=account.name,
                role="roles/iam.workloadIdentityUser",
                member=f"principalSet://iam.googleapis.com/{principals}/{project}",
            ),
            child,
        )
        for what, role, condition in (
            ("read", "roles/storage.objectViewer", google_reading(args.bucket)),
            ("write", "roles/storage.objectUser", google_writing(args.bucket, app)),
        ):
            storage.BucketIAMMember(
                f"{name}-{app}-jobs-{what}",
                storage.BucketIAMMemberArgs(
                    bucket=args.bucket,
                    role=role,
                    member=member,
                    condition=storage.BucketIAMMemberConditionArgs(title=f"{what}-{app}", expression=condition),
                ),
                child,
            )
        kms.CryptoKeyIAMMember(
            f"{name}-{app}-jobs-key",
            kms.CryptoKeyIAMMemberArgs(
                crypto_key_id=key.id, role="roles/cloudkms.cryptoKeyEncrypterDecrypter", member=member
            ),
            child,
        )
        return account.email
