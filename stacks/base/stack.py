"""A base stack, `base-<cluster>`: what all branches of a cluster share."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from typing import Any, get_args

import pulumi

from components.access.authorization import TOKEN_HEADER
from components.addons import Addons
from components.app.argocd_application import RELEASE, ArgoCdApplication, ArgoCdApplicationArgs, SyncWindow
from components.app.namespace import Namespace, NamespaceArgs
from components.app.service_account import ServiceAccount, ServiceAccountArgs
from components.branch.chart import chart_values
from components.contract import Contract, ContractArgs
from components.ingress.gateway import Gateway, GatewayArgs
from components.sweep import Sweep, SweepArgs
from core import publication
from core.contract import App, AppAccess, Base, Isolation, Lifecycle, Prices, public_url
from core.json_fields import camel, dump
from stacks import cluster_api
from stacks.base.access import place_access
from stacks.base.addons import GATEWAY, place_addons
from stacks.base.adoption import guard_against_adoption
from stacks.base.affected import warn_of_affected
from stacks.base.branch_identity import place_branch_identity, taken_slugs
from stacks.base.branch_namespaces import namespace_template
from stacks.base.config import base_settings
from stacks.base.gateway_api import check_gateway_api
from stacks.base.gitlab_tokens import place_gitlab_tokens
from stacks.base.identity import place_identity, providers
from stacks.base.ingress import place_ingress
from stacks.base.isolation import deployer_args, deployers, deploying_groups, place_isolation
from stacks.base.jobs_access import place_jobs_access
from stacks.base.network import callers
from stacks.base.no_environment import place_no_environment_pages
from stacks.base.protection import protected
from stacks.cluster_pin import NotedCluster, check_cluster
from stacks.config import given
from stacks.settings.access import AccessSettings
from stacks.settings.base import AppSettings, BaseSettings, access_of, lifecycle_of
from stacks.settings.errors import Problem, SettingsError
from stacks.settings.fields import duration
from stacks.settings.lifecycle import LifecycleSettings
from stacks.settings.sweep import SweepSettings

_KEYS = [camel(each.name) for each in fields(Base)]


def run() -> None:
    """Read the config, place the components, export the contract with branch stacks."""
    settings = base_settings(pulumi.get_project(), pulumi.get_stack())
    cluster = cluster_api.connect(pulumi.get_stack(), given("kubernetes"))
    identity = _identity(settings, cluster)
    cluster_api.check_version(pulumi.get_stack(), cluster)
    if settings.gateway_api:
        check_gateway_api(pulumi.get_stack(), cluster)
    warn_of_affected(settings, cluster)
    guard_against_adoption(cluster)
    cloud = pulumi.ResourceOptions(providers=providers(settings))
    addons = place_addons(settings, cloud)
    ingress = place_ingress(settings, addons, cloud)
    gateway = Gateway(
        "gateway",
        GatewayArgs(
            namespace=addons.once_up(settings.gateway.namespace, GATEWAY) if addons else settings.gateway.namespace,
            gateway=settings.gateway.name,
            domains=[app.domain for app in settings.apps],
            port=settings.gateway.port,
            https_port=settings.gateway.https_port,
            istio_label=settings.gateway.istio_label,
            secret=ingress.gateway_secret,
            public_port=settings.port,
            service=settings.gateway.service if settings.gateway_api else None,
        ),
        protected(settings, "no branch of any app could be reached"),
    )
    domains = place_access(settings, gateway)
    if not settings.gateway_api:
        # Gateway API has no answer without a Service.
        place_no_environment_pages(settings, gateway, domains)
    apps = {app.name: _app(settings, app, domains[app.name], addons, cloud) for app in settings.apps}
    made = pulumi.Output.all(gateway.gateway, pulumi.Output.all(**apps))
    promise = made.apply(lambda known: _promise(settings, identity, gateway=known[0], apps=known[1]))
    readers, groups = deployers(settings), deploying_groups(settings)
    Contract(
        "contract",
        ContractArgs(base=pulumi.get_stack(), contract=promise, readers=readers, groups=groups),
        protected(settings, "no branch of any app could be deployed"),
    )
    # For people, and for `_identity`; branches read what is published in the cluster.
    for key in _KEYS:
        pulumi.export(key, promise.apply(lambda known, key=key: dump(known).get(key)))  # type: ignore[misc]
    place_jobs_access(settings, apps, cloud)
    place_gitlab_tokens(settings, cloud)
    if settings.sweep:
        _sweep(settings, settings.sweep, {name: app.apply(lambda made: made.namespace) for name, app in apps.items()})
    for name, value in ingress.outputs.items():
        pulumi.export(name, value)


def _identity(settings: BaseSettings, cluster: cluster_api.ClusterApi) -> str:
    """Return the cluster's identity, if it is the stack's own cluster."""
    stack = pulumi.get_stack()
    if len(stack) > publication.MAX_BASE:
        rule = f"a base stack's name has at most {publication.MAX_BASE} characters: its namespace is called after it"
        fix = "choose a shorter one: pulumi stack rename base-<cluster>"
        raise SettingsError(stack, [Problem(field="stack", value=stack, rule=rule, fix=fix)])
    noted = settings.cluster or NotedCluster().uid()
    found = cluster_api.asked(stack, cluster, cluster.identity)
    steps = (f"config set cluster {found}", "refresh", "up")
    move = f"if it is to move here: {' && '.join(f'pulumi {step} -s {stack}' for step in steps)}"
    check_cluster(stack, found=found, noted=noted, where=cluster.where, move=move)
    return found


def _promise(settings: BaseSettings, identity: str, *, gateway: str, apps: Mapping[str, App]) -> Base:
    """Return the contract, once everything in it exists."""
    return Base(
        name=pulumi.get_stack(),
        cluster=identity,
        platform=settings.platform,
        gateway=gateway,
        gateway_api=settings.gateway_api,
        gateway_selector=f"istio={settings.gateway.istio_label}",
        gateway_metrics=settings.gateway.metrics,
        scheme=settings.scheme,
        port=settings.port,
        prices=Prices(**settings.prices.model_dump()) if settings.prices else None,
        apps=apps,
    )


def _app(
    settings: BaseSettings,
    app: AppSettings,
    domain: pulumi.Input[str],
    addons: Addons | None,
    cloud: pulumi.ResourceOptions,
) -> pulumi.Output[App]:
    """Place what one app's branches share, and return its part of the contract, known once all of it exists."""
    namespace = Namespace(
        app.name,
        NamespaceArgs(
            app=app.name,
            namespace=app.namespace,
            istio_revision=app.istio_revision,
            pod_security=app.pod_security,
        ),
        protected(settings, "every branch of the app lives in it, and so does main"),
    )
    identity = place_identity(settings, app, cloud)
    service_account = ServiceAccount(
        app.name,
        ServiceAccountArgs(
            app=app.name,
            service_account=app.service_account,
            namespace=namespace.namespace,
            identity_annotations=identity.annotations if identity else {},
            image_pull_secrets=app.identity.image_pull_secrets,
        ),
    )
    made = pulumi.Output.all(
        namespace=namespace.namespace,
        domain=domain,
        service_account=service_account.service_account,
        deployer=place_isolation(settings, app, namespace.namespace, addons),
        identity=identity.identity if identity else "",
        main_url=_main(settings, app, namespace.namespace, addons),
        branch_identity=place_branch_identity(settings, app, identity, cloud),
    )
    return made.apply(
        lambda known: App(
            default_branch=app.default_branch,
            reserved_slugs=tuple(taken_slugs(settings, app)),
            lifecycle=_lifecycle(lifecycle_of(settings, app)),
            isolation=_isolation(settings, app),
            kinds=app.isolation.kinds,
            secrets=app.isolation.secrets,
            access=_access(access_of(settings, app)),
            branch_namespace=namespace_template(settings, app),
            **known,
        )
    )


def _access(access: AccessSettings) -> AppAccess:
    """Return what those need who ask a URL without a person."""
    takes_tokens = access.kind == "jwt" or (access.kind == "external" and access.ci)
    return AppAccess(kind=access.kind, token_header=TOKEN_HEADER if takes_tokens else "")


def _isolation(settings: BaseSettings, app: AppSettings) -> Isolation:
    """Return the boundaries that a branch opens for itself."""
    network = app.isolation.network
    return Isolation(
        network_policies=network.policies,
        egress_limited=network.policies and network.egress is not None,
        sidecars=settings.has_sidecars,
        mesh_hosts=app.isolation.mesh.hosts,
        mesh_callers=tuple(callers(settings, app)),
    )


def _sweep(settings: BaseSettings, sweep: SweepSettings, namespaces: Mapping[str, pulumi.Input[str]]) -> None:
    """Place the sweep."""
    Sweep(
        "sweep",
        SweepArgs(
            base=pulumi.get_stack(),
            **sweep.model_dump(),
            apps=[deployer_args(settings, app, namespaces[app.name]) for app in settings.apps],
            gateway_namespace=settings.gateway.namespace,
        ),
    )


def _lifecycle(lifecycle: LifecycleSettings) -> Lifecycle:
    """Return what config says by the same keys: durations as such, and no limit as None."""
    given: dict[str, Any] = {}
    for each in fields(Lifecycle):
        value = getattr(lifecycle, each.name)
        is_duration = timedelta in (each.type, *get_args(each.type))
        given[each.name] = duration(value) if is_duration else value
    return Lifecycle(**{**given, "max_environments": lifecycle.max_environments or None})


def _main(
    settings: BaseSettings, app: AppSettings, namespace: pulumi.Output[str], addons: Addons | None
) -> pulumi.Input[str]:
    """Have Argo CD sync the app's default branch, and return its URL."""
    source = app.argocd
    if source is None:
        return ""
    host = f"{RELEASE}.{app.domain}"
    url = public_url(settings.scheme, host, settings.port)
    places = {path: value for path, value in ((source.url_value, url), (source.host_value, host)) if path}
    argocd = settings.argocd.namespace
    credentials = settings.repository_credentials.get(app.name)
    application = ArgoCdApplication(
        app.name,
        ArgoCdApplicationArgs(
            app=app.name,
            argocd_namespace=addons.once_up(argocd, "argo-cd") if addons else argocd,
            namespace=namespace,
            repository=source.repository,
            revision=source.revision,
            path=source.path,
            chart=source.chart or "",
            values=chart_values(source.values, places),
            credentials=credentials.data() if credentials else {},
            sync_windows=[SyncWindow(**window.model_dump()) for window in source.sync_windows],
            cascade=source.cascade,
        ),
    )
    return application.application.apply(lambda _: url)
