"""A bootstrap stack, `bootstrap-<cloud>`: what a cloud must have before its first base stack."""

from collections.abc import Mapping

import pulumi

from components.bootstrap.aws import AwsBootstrap, AwsBootstrapArgs
from components.bootstrap.google import GoogleBootstrap, GoogleBootstrapArgs
from stacks.bootstrap.config import bootstrap_settings
from stacks.settings.bootstrap import AwsBootstrapSettings, BootstrapSettings, GoogleBootstrapSettings


def run() -> None:
    """Read the config, place what it asks for, export what people then set in GitLab."""
    settings = bootstrap_settings(pulumi.get_project(), pulumi.get_stack())
    projects = {app.name: app.project for app in settings.apps}
    if settings.aws:
        _aws(settings, settings.aws, projects)
    if settings.google:
        _google(settings, settings.google, projects)


def _aws(settings: BootstrapSettings, aws: AwsBootstrapSettings, projects: Mapping[str, str]) -> None:
    from pulumi_aws import Provider, ProviderArgs

    provider = Provider("aws", ProviderArgs(region=aws.region, allowed_account_ids=[aws.account_id]))
    made = AwsBootstrap(
        "bootstrap",
        AwsBootstrapArgs(
            region=aws.region,
            account=aws.account_id,
            bucket=aws.bucket,
            gitlab=settings.gitlab,
            audience=settings.audience or settings.gitlab,
            projects=projects,
            clusters=[each.name for each in aws.clusters],
            issuers=[each.oidc_issuer for each in aws.clusters if each.oidc_issuer],
            zones=aws.zones,
        ),
        pulumi.ResourceOptions(providers=[provider]),
    )
    _export(made.backend, made.secrets_providers)
    pulumi.export(
        "variables",
        pulumi.Output.all(made.backend, made.secrets_providers, made.roles).apply(
            lambda known: {
                app: {**_backend(known[0], known[1]), "AWS_ROLE_ARN": role, "AWS_REGION": aws.region}
                for app, role in known[2].items()
            }
        ),
    )
    if aws.zones:
        pulumi.export("nameServers", made.name_servers)


def _google(settings: BootstrapSettings, google: GoogleBootstrapSettings, projects: Mapping[str, str]) -> None:
    from pulumi_gcp import Provider, ProviderArgs

    made = GoogleBootstrap(
        "bootstrap",
        GoogleBootstrapArgs(
            project=google.project,
            number=google.project_number,
            location=google.location,
            bucket=google.bucket,
            gitlab=settings.gitlab,
            audience=settings.audience or settings.gitlab,
            projects=projects,
        ),
        pulumi.ResourceOptions(providers=[Provider("gcp", ProviderArgs(project=google.project))]),
    )
    _export(made.backend, made.secrets_providers)
    pulumi.export(
        "variables",
        pulumi.Output.all(made.backend, made.secrets_providers, made.accounts, made.provider).apply(
            lambda known: {
                app: {
                    **_backend(known[0], known[1]),
                    "GOOGLE_WORKLOAD_IDENTITY_PROVIDER": known[3],
                    "GOOGLE_SERVICE_ACCOUNT": account,
                }
                for app, account in known[2].items()
            }
        ),
    )


def _export(backend: pulumi.Output[str], secrets_providers: pulumi.Output[dict[str, str]]) -> None:
    pulumi.export("backend", backend)
    pulumi.export("baseSecretsProvider", secrets_providers.apply(lambda made: made["platform"]))


def _backend(backend: str, secrets_providers: Mapping[str, str]) -> dict[str, str]:
    return {"PULUMI_BACKEND_URL": backend, "BRANCHENV_SECRETS_PROVIDER": secrets_providers["branches"]}
