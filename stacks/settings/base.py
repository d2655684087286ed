"""What a base stack's config may say."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from components.branch.spec.port import Port
from components.strict import Strict
from core.names import RESERVED_SLUGS
from stacks.settings.access import LOGIN_SLUG, AccessSettings, LoginCredentials, Url
from stacks.settings.addons import AddonName, AddonSettings
from stacks.settings.argocd import ApplicationSettings, ArgoCdSettings, RepositoryCredentials
from stacks.settings.cluster import EksSettings, GkeSettings
from stacks.settings.fields import LABEL, MAX_APP, Domain, Name, Namespace, ServiceAccount, Slug
from stacks.settings.gitlab import GitLabTokensSettings
from stacks.settings.identity import IdentitySettings
from stacks.settings.ingress import IngressSettings
from stacks.settings.isolation import IsolationSettings
from stacks.settings.lifecycle import LifecycleSettings, PriceSettings
from stacks.settings.sweep import SweepSettings


class AppSettings(Strict):
    """One app: one deploy unit, one namespace, one ServiceAccount."""

    name: Annotated[str, Field(pattern=rf"^{LABEL}$", max_length=MAX_APP, examples=["shop"])]
    """Name of the app, and of its branch stacks: <name>.<slug>."""
    domain: Domain = Field(examples=["shop.localhost"])
    """Domain below which every branch gets its host: <slug>.<domain>."""
    namespace: Namespace = ""
    """Namespace. Default: the app's name."""
    service_account: ServiceAccount = ""
    """ServiceAccount of its pods. Default: the app's name."""
    default_branch: str = Field("main", min_length=1)
    """Branch that is deployed by Argo CD, and so is no branch environment."""
    reserved_slugs: tuple[Slug, ...] = ()
    """Slugs that no branch may take, beside `main`, as something else in the namespace is called so."""
    identity: IdentitySettings = IdentitySettings()
    """Cloud identity of its pods."""
    ci: str | None = Field(None, examples=["arn:aws:iam::123456789012:role/gitlab-shop"])
    """Who its jobs are in the cloud: ARN of an IAM role (EKS) or address of a Google service account (GKE). They may
    ask the cluster for tokens of the app's deployer, and nothing else (docs/gitlab.md). Default: nobody may."""
    gitlab_project: str | None = Field(None, pattern=r"^[\w.-]+(/[\w.-]+)+$", examples=["apps/shop"])
    """Path of its project in GitLab, where the API server knows the jobs by their ID tokens (`gitlabTokens`). Each job
    then acts for its own branch alone, instead of as the deployer. Default: jobs are the deployer."""
    project_url: Url | None = Field(None, examples=["https://gitlab.com/acme/shop"])
    """Address of its project in GitLab, where the page of a host without an environment sends people. Default:
    `gitlabProject` at `gitlabTokens.issuer`, where both are given."""
    environments_url: Url | None = Field(None, examples=["https://acme.gitlab.io/shop/environments.html"])
    """Address of the list of its environments, which that page links to. Default: GitLab's own, below `projectUrl`."""
    pod_security: Literal["privileged", "baseline", "restricted"] | None = None
    """Pod Security level of the namespace. Above `privileged`, Istio's CNI plugin is needed. Default: the cluster's."""
    istio_revision: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=63)] | None = None
    """Istio control plane that gives the pods their sidecar. Default: the cluster's default one."""
    argocd: ApplicationSettings | None = None
    """How Argo CD syncs the default branch. Default: not at all."""
    lifecycle: LifecycleSettings = LifecycleSettings()
    """What is different for this app: keys of `lifecycle` below, where all others are taken from."""
    access: AccessSettings = AccessSettings()
    """What is different for this app: keys of `access` below, where all others are taken from."""
    isolation: IsolationSettings = IsolationSettings()
    """What its branches may do (docs/security.md)."""

    @model_validator(mode="before")
    @classmethod
    def _named_as_the_app(cls, data: object) -> object:
        if isinstance(data, dict) and isinstance(data.get("name"), str):
            return {"namespace": data["name"], "serviceAccount": data["name"], **data}
        return data


class GatewaySettings(Strict):
    """The Gateway, which every branch's route hangs on."""

    namespace: Name = "istio-system"
    """Namespace of the gateway's pods. It comes with Istio; this stack does not make it."""
    name: Name = "gateway"
    """Name of the Gateway object."""
    port: Port = 80
    """Port of the gateway's Service (of its pods, where there is no Service)."""
    https_port: Port = 443
    """The same for HTTPS, where TLS ends at the gateway (platform local)."""
    service: Name = "istio-ingressgateway"
    """The gateway's Service, which the Ingress sends everything to."""
    istio_label: str = Field("ingressgateway", min_length=1)
    """Value of the label `istio` on the gateway's pods."""
    metrics: tuple[Annotated[str, StringConstraints(pattern=r"^https?://\S+$")], ...] = Field(
        (), examples=[["http://gateway-metrics.istio-system:15090/stats/prometheus"]]
    )
    """Where the gateway's pods tell their request counts, for `lifecycle.idleAfter`. Default: port 15090 of each."""


class BaseSettings(Strict):
    """The config of a base stack, `base-<cluster>`."""

    platform: Literal["eks", "gke", "local"] = Field(examples=["local"])
    """What the cluster runs on: eks, gke or local."""
    apps: tuple[AppSettings, ...] = Field(min_length=1, examples=[[{"name": "shop", "domain": "shop.localhost"}]])
    """The apps whose branches get environments, one entry each."""
    cluster: Annotated[str, Field(min_length=1, examples=["3d3a1c5e-0b51-4f2b-9f0e-6a3b7c1d2e4f"])] | None = None
    """UID of the cluster's namespace kube-system; another one is refused. Default: that of the first `pulumi up`."""
    eks: EksSettings | None = None
    """The EKS cluster. Platform eks needs it."""
    gke: GkeSettings | None = None
    """The GKE cluster. Platform gke needs it."""
    gitlab_tokens: GitLabTokensSettings | None = None
    """GitLab's ID tokens, as the API server takes them. Default: it knows none."""
    gateway: GatewaySettings = GatewaySettings()
    """The Gateway."""
    gateway_api: bool = False
    """Use Gateway API's Gateway and HTTPRoute in place of Istio's Gateway and VirtualService. The cluster must have its
    kinds (docs/gateway-api.md)."""
    ingress: IngressSettings = IngressSettings()
    """How the cluster is reached: load balancer, certificate and DNS records."""
    argocd: ArgoCdSettings = ArgoCdSettings()
    """Argo CD itself, which all apps share."""
    repository_credentials: dict[str, RepositoryCredentials] = Field({}, examples=[{"shop": {"password": "..."}}])
    """How Argo CD reads private repositories, by app. Set its parts with `pulumi config set --secret --path`."""
    addons: dict[AddonName, AddonSettings] = Field({}, examples=[{"cert-manager": {}}])
    """Controllers that this stack installs, by name: istio, cert-manager, aws-load-balancer-controller, argo-cd,
    external-dns."""
    access: AccessSettings = AccessSettings()
    """Who may open the apps' URLs, for every app."""
    login_credentials: dict[str, LoginCredentials] = Field({}, examples=[{"shop": {"clientSecret": "..."}}])
    """What logins show their OpenID Connect provider, by app. Set with `pulumi config set --secret --path`."""
    login_namespace: Namespace = "branch-environments-login"
    """Namespace that is made for logins."""
    lifecycle: LifecycleSettings = LifecycleSettings()
    """How long branch environments live and how many there may be, for every app."""
    sweep: SweepSettings | None = None
    """The sweep on schedule in the cluster. Default: none; a scheduled pipeline may run it."""
    prices: PriceSettings | None = None
    """What requested resources cost. Default: no costs are shown."""
    data_plane: Literal["sidecar", "none"] | None = None
    """Istio's data plane mode in the apps' namespaces. Default: sidecar; on local none, as nothing is injected."""
    unprotected: bool = False
    """Lifts the protection of what takes the whole cluster down if it is deleted. On local nothing is protected."""
    public_scheme: Literal["http", "https"] | None = None
    """Scheme of the branches' URLs. Default: https, on local without TLS http."""
    public_port: Port | None = None
    """Port of the branches' URLs. Default: 443, on local 8080 for http and 8443 for https."""

    @property
    def tls(self) -> bool:
        """Whether browsers meet TLS."""
        return self.platform != "local" or self.ingress.tls is True

    @property
    def scheme(self) -> Literal["http", "https"]:
        """Scheme of the branches' URLs."""
        return self.public_scheme or ("https" if self.tls else "http")

    @property
    def port(self) -> int:
        """Port of the branches' URLs."""
        usual = 443 if self.platform != "local" else 8443 if self.scheme == "https" else 8080
        return self.public_port or usual

    @property
    def has_sidecars(self) -> bool:
        """Whether pods get Istio's sidecar."""
        usual = "none" if self.platform == "local" else "sidecar"
        return (self.data_plane or usual) == "sidecar"

    @property
    def protected(self) -> bool:
        """Whether what would take the whole cluster down is protected."""
        return self.platform != "local" and not self.unprotected


def reserved_slugs(settings: BaseSettings, app: AppSettings) -> list[str]:
    """Return every slug that no branch of the app may take, sorted."""
    taken = {LOGIN_SLUG} if access_of(settings, app).login else set()
    return sorted(RESERVED_SLUGS | taken | set(app.reserved_slugs))


def access_of(settings: BaseSettings, app: AppSettings) -> AccessSettings:
    """Return who may open an app's URLs: by the app's own keys where they say something, else by the cluster's."""
    own = {name: getattr(app.access, name) for name in app.access.model_fields_set}
    return settings.access.model_copy(update=own)


def lifecycle_of(settings: BaseSettings, app: AppSettings) -> LifecycleSettings:
    """Return an app's lifecycle: its own where it says something, the cluster's elsewhere."""
    own = {name: getattr(app.lifecycle, name) for name in app.lifecycle.model_fields_set}
    return settings.lifecycle.model_copy(update=own)
