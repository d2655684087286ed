"""A base stack, `base-<cluster>`: what all branches of a cluster share."""

from collections.abc import Mapping
from typing import Any

import pulumi

from branchenv.model.base import public_url
from components.access.authorization import TOKEN_HEADER
from components.addons import Addons
from components.app.argocd_application import RELEASE, ArgoCdApplication, ArgoCdApplicationArgs, SyncWindow
from components.app.namespace import Namespace, NamespaceArgs
from components.app.service_account import ServiceAccount, ServiceAccountArgs
from components.branch.chart import chart_values
from components.ingress.gateway import Gateway, GatewayArgs
from components.sweep import Sweep, SweepArgs
from stacks import contract
from stacks.base import cluster_api
from stacks.base.access import place_access
from stacks.base.addons import GATEWAY, place_addons
from stacks.base.adoption import guard_against_adoption
from stacks.base.branch_identity import place_branch_identity, taken_slugs
from stacks.base.branch_namespaces import promised_namespace
from stacks.base.config import base_settings
from stacks.base.identity import place_identity, providers
from stacks.base.ingress import place_ingress
from stacks.base.isolation import deployer_args, place_isolation
from stacks.base.protection import protected
from stacks.config import given
from stacks.settings.access import AccessSettings
from stacks.settings.base import AppSettings, BaseSettings, access_of, lifecycle_of
from stacks.settings.fields import seconds
from stacks.settings.lifecycle import LifecycleSettings
from stacks.settings.sweep import SweepSettings


def run() -> None:
    """Read the config, place the components, export the contract with branch stacks."""
    settings = base_settings(pulumi.get_project(), pulumi.get_stack())
    cluster = cluster_api.connect(pulumi.get_stack(), given("kubernetes"))
    cluster_api.check_version(pulumi.get_stack(), cluster)
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
        ),
        protected(settings, "no branch of any app could be reached"),
    )
    pulumi.export("contract", contract.VERSION)
    pulumi.export("platform", settings.platform)
    pulumi.export("gateway", gateway.gateway)
    pulumi.export("gatewaySelector", f"istio={settings.gateway.istio_label}")
    pulumi.export("gatewayMetrics", list(settings.gateway.metrics))
    pulumi.export("scheme", settings.scheme)
    pulumi.export("port", settings.port)
    if settings.prices:
        pulumi.export("prices", settings.prices.model_dump(by_alias=True))
    domains = place_access(settings, gateway)
    apps = {app.name: _app(settings, app, domains[app.name], addons, cloud) for app in settings.apps}
    pulumi.export("apps", apps)
    if settings.sweep:
        _sweep(settings, settings.sweep, {name: app["namespace"] for name, app in apps.items()})
    for name, value in ingress.outputs.items():
        pulumi.export(name, value)


def _app(
    settings: BaseSettings,
    app: AppSettings,
    domain: pulumi.Input[str],
    addons: Addons | None,
    cloud: pulumi.ResourceOptions,
) -> dict[str, Any]:
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
        ),
    )
    return {
        "namespace": namespace.namespace,
        "domain": domain,
        "serviceAccount": service_account.service_account,
        "deployer": place_isolation(settings, app, namespace.namespace, addons),
        "defaultBranch": app.default_branch,
        "reservedSlugs": taken_slugs(settings, app),
        "identity": identity.identity if identity else "",
        "mainUrl": _main(settings, app, namespace.namespace, addons),
        "lifecycle": _lifecycle(lifecycle_of(settings, app)),
        "isolation": _isolation(settings, app),
        "access": _access(access_of(settings, app)),
        **place_branch_identity(settings, app, identity, cloud),
        **promised_namespace(settings, app),
    }


def _access(door: AccessSettings) -> dict[str, Any]:
    """Give what those need who ask a URL without a person."""
    takes_tokens = door.kind == "jwt" or (door.kind == "external" and door.ci)
    return {"kind": door.kind, "tokenHeader": TOKEN_HEADER if takes_tokens else ""}


def _isolation(settings: BaseSettings, app: AppSettings) -> dict[str, Any]:
    """Give the boundaries that a branch opens for itself."""
    network = app.isolation.network
    return {
        "networkPolicies": network.policies,
        "egressLimited": network.policies and network.egress is not None,
        "sidecars": settings.has_sidecars,
        "meshHosts": list(app.isolation.mesh.hosts),
    }


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


def _lifecycle(lifecycle: LifecycleSettings) -> dict[str, Any]:
    """Give what is limited; what is not is left out."""
    limits = {
        "lifetimeSeconds": seconds(lifecycle.lifetime),
        "longestSeconds": seconds(lifecycle.longest),
        "warnBeforeSeconds": seconds(lifecycle.warn_before),
        "idleAfterSeconds": seconds(lifecycle.idle_after),
        "most": lifecycle.most or None,
    }
    return {
        **{key: value for key, value in limits.items() if value is not None},
        "atCap": lifecycle.at_cap,
        "protected": list(lifecycle.protected),
    }


def _main(
    settings: BaseSettings, app: AppSettings, namespace: pulumi.Output[str], addons: Addons | None
) -> pulumi.Input[str]:
    """Let Argo CD sync the app's default branch, and give its URL."""
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
            values=chart_values(source.values, places),
            credentials=credentials.data() if credentials else {},
            sync_windows=[SyncWindow(**window.model_dump()) for window in source.sync_windows],
            cascade=source.cascade,
        ),
    )
    return application.application.apply(lambda _: url)
