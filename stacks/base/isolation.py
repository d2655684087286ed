"""What an app's branches may touch: CI's identity, the rules for it, and the namespace's limits."""

import pulumi

from components.addons import Addons
from components.admission.pods import PodLimits
from components.admission.rules import Admission, AdmissionArgs
from components.app.deployer import Deployer, DeployerArgs, deployer_name
from components.app.quota import Limits, LimitsArgs
from core.contract import Subject
from stacks.base.branch_identity import account_policies, accounts_for_all, taken_slugs
from stacks.base.branch_namespaces import namespace_policies, others
from stacks.base.gitlab_tokens import known_jobs
from stacks.base.network import callers, network_rules, place_network
from stacks.settings.base import AppSettings, BaseSettings, lifecycle_of


def place_isolation(
    settings: BaseSettings, app: AppSettings, namespace: pulumi.Output[str], addons: Addons | None
) -> pulumi.Output[str]:
    """Place one app's boundaries, and return the name of its deployer once all its rules exist."""
    isolation, size = app.isolation, app.isolation.environment
    apart = isolation.namespace_per_branch
    # In a namespace of its own, an environment has a quota of its own.
    jobs = known_jobs(settings, app)
    most = 0 if apart else lifecycle_of(settings, app).max_environments
    rules = Admission(
        app.name,
        AdmissionArgs(
            app=app.name,
            namespace=app.namespace,
            domain=app.domain,
            gateway=f"{settings.gateway.namespace}/{settings.gateway.name}",
            reserved_slugs=taken_slugs(settings, app),
            pods=PodLimits(
                service_accounts=accounts_for_all(app),
                branch_service_account=app.identity.per_branch,
                images=isolation.images,
                secrets=isolation.secrets,
                pull_secrets=app.identity.image_pull_secrets,
                run_as_root=isolation.run_as_root,
                max_replicas=isolation.max_replicas,
                max_cpu=isolation.max_cpu,
                max_memory=isolation.max_memory,
            ),
            chart_names=isolation.chart_names,
            room={"requests.cpu": size.cpu, "requests.memory": size.memory, "pods": str(size.pods)} if most else {},
            branch_namespaces=apart,
            jobs=jobs,
            kinds=isolation.kinds,
            gateway_api=settings.gateway_api,
            more=[
                *account_policies(settings, app),
                *network_rules(settings, app),
                *namespace_policies(settings, app),
            ],
        ),
    )
    Limits(
        app.name,
        LimitsArgs(
            app=app.name,
            namespace=namespace,
            environments=most,
            cpu=size.cpu,
            memory=size.memory,
            pods=size.pods,
        ),
    )
    place_network(settings, app, namespace, addons)
    # The identity comes last: there is no moment in which it exists without its rules.
    known = pulumi.Output.all(namespace, rules.policies).apply(lambda both: both[0])
    return Deployer(app.name, deployer_args(settings, app, known)).deployer


def deployer_args(settings: BaseSettings, app: AppSettings, namespace: pulumi.Input[str]) -> DeployerArgs:
    """Say what those who deploy an app's branches must be allowed.

    Args:
        settings: of the base stack.
        app: whose branches.
        namespace: of the app.
    """
    return DeployerArgs(
        app=app.name,
        namespace=namespace,
        network_policies=app.isolation.network.policies,
        sidecars=settings.has_sidecars,
        callers=bool(callers(settings, app)),
        branch_service_accounts=app.identity.per_branch,
        branch_namespaces=app.isolation.namespace_per_branch,
        kinds=app.isolation.kinds,
        gateway_api=settings.gateway_api,
        groups=[jobs.group] if (jobs := known_jobs(settings, app)) else [],
        others=others(settings),
    )


def deploying_groups(settings: BaseSettings) -> list[str]:
    """Return the groups of the jobs that the API server knows by GitLab's tokens, and that deploy as themselves."""
    return [jobs.group for app in settings.apps if (jobs := known_jobs(settings, app))]


def deployers(settings: BaseSettings) -> list[Subject]:
    """Return everybody who deploys, changes or removes branches."""
    apps = [Subject(name=deployer_name(app.name), namespace=app.namespace) for app in settings.apps]
    return [*apps, *others(settings)]
