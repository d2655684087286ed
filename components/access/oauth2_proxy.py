"""A login page in front of apps' URLs: oauth2-proxy, asked by the gateway about every request."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes.apps.v1 as apps
import pulumi_kubernetes.core.v1 as core
import pulumi_kubernetes.meta.v1 as meta
import pulumi_kubernetes.networking.v1 as networking
from pulumi_kubernetes.apiextensions import CustomResource

from components.app.mesh import SHARED_MESH_CONFIG
from components.app.network_policies import NAMESPACE_LABEL
from components.sidecar import ISTIO_NAMESPACE
from core.labels import NAME_LABEL, app_labels, shared_labels
from core.route_kinds import gateway_reference, route_kind

COOKIE = "_branch_login"
"""What the names of its cookies begin with."""
IDENTITY_HEADERS = (
    "x-auth-request-email",
    "x-auth-request-groups",
    "x-auth-request-preferred-username",
    "x-auth-request-user",
)
"""Request headers in which apps find who somebody is."""
_FINGERPRINT_ANNOTATION = "branch-environments/fingerprint"
_PORT = 4180
_SERVICE_PORT = 80


@dataclass(frozen=True, kw_only=True)
class AppLogin:
    """One app's login."""

    app: str
    domain: str
    host: str
    """Of the login itself, below the domain."""
    url: str
    """The same, with scheme and port."""
    issuer: str
    client_id: str
    client_secret: str
    email_domains: Sequence[str]
    groups: Sequence[str]
    image: str

    @property
    def provider(self) -> str:
        """Name of the mesh's extension provider."""
        return f"branch-environments-{self.app}"


@dataclass(frozen=True, kw_only=True)
class LoginsArgs:
    """What the logins need to know."""

    namespace: str
    """Of their own: a branch's pods may name any Secret of theirs."""
    logins: Sequence[AppLogin]
    gateway: str
    """The Gateway, as <namespace>/<name>."""
    gateway_api: bool = False
    """Whether it is one of Gateway API, and not of Istio's own."""
    gateway_namespace: str
    """Of its pods."""
    istio_label: str

    def __post_init__(self) -> None:
        """Refuse a namespace for nobody."""
        if not self.logins:
            raise ValueError("logins: no app has a login; make no namespace for them")


class Logins(pulumi.ComponentResource):
    """A namespace with an oauth2-proxy per app, and the extension providers by which istiod knows them.

    Type `branch-environments:base:Logins`. One per app, so that a session at one app is none at another. Sessions are
    in encrypted cookies, so there is nothing to store, and any number of pods will do. Left out on purpose: which
    requests it is asked about (`access.py`), and telling istiod to read the ConfigMap, which is Istio's installation.
    """

    providers: pulumi.Output[dict[str, str]]
    """Extension provider by app, known once its login is up."""

    def __init__(self, name: str, args: LoginsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("branch-environments:base:Logins", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        namespace = core.Namespace(
            f"{name}-namespace",
            metadata=meta.ObjectMetaArgs(
                name=args.namespace,
                labels={**shared_labels(args.namespace), "pod-security.kubernetes.io/enforce": "restricted"},
            ),
            opts=child,
        ).metadata.name
        gateway = networking.NetworkPolicyPeerArgs(
            namespace_selector=meta.LabelSelectorArgs(match_labels={NAMESPACE_LABEL: args.gateway_namespace}),
            pod_selector=meta.LabelSelectorArgs(match_labels={"istio": args.istio_label}),
        )
        networking.NetworkPolicy(
            f"{name}-network-policy",
            metadata=meta.ObjectMetaArgs(name="logins", namespace=namespace, labels=shared_labels(args.namespace)),
            # They take the gateway's word for who asks.
            spec=networking.NetworkPolicySpecArgs(
                pod_selector=meta.LabelSelectorArgs(),
                policy_types=["Ingress"],
                ingress=[networking.NetworkPolicyIngressRuleArgs(from_=[gateway])],
            ),
            opts=child,
        )
        up = [self._login(name, login, namespace, args) for login in args.logins]
        shared = core.ConfigMap(
            f"{name}-mesh-config",
            metadata=meta.ObjectMetaArgs(
                name=SHARED_MESH_CONFIG, namespace=ISTIO_NAMESPACE, labels=shared_labels(SHARED_MESH_CONFIG)
            ),
            data={"mesh": json.dumps({"extensionProviders": extension_providers(args)})},
            opts=child,
        )
        known = {login.app: login.provider for login in args.logins}
        self.providers = pulumi.Output.all(shared.urn, *(each.urn for each in up)).apply(lambda _: known)
        self.register_outputs({"providers": self.providers})

    def _login(self, name: str, login: AppLogin, namespace: pulumi.Output[str], args: LoginsArgs) -> pulumi.Resource:
        child = pulumi.ResourceOptions(parent=self)
        metadata = meta.ObjectMetaArgs(name=login.app, namespace=namespace, labels=_labels(login))
        secret = core.Secret(
            f"{name}-{login.app}-secret",
            core.SecretInitArgs(metadata=metadata, string_data=secret_data(login)),  # secret in the state, too
            child,
        )
        deployment = apps.Deployment(
            f"{name}-{login.app}-deployment",
            apps.DeploymentInitArgs(metadata=metadata, spec=_deployment_spec(login)),
            pulumi.ResourceOptions(parent=self, depends_on=[secret]),
        )
        core.Service(
            f"{name}-{login.app}-service",
            core.ServiceInitArgs(
                metadata=meta.ObjectMetaArgs(
                    name=login.app,
                    namespace=namespace,
                    labels=_labels(login),
                    annotations={"pulumi.com/skipAwait": "true"},
                ),
                spec=core.ServiceSpecArgs(
                    selector={NAME_LABEL: _labels(login)[NAME_LABEL], **_instance(login)},
                    ports=[core.ServicePortArgs(name="http", port=_SERVICE_PORT, target_port="http")],
                ),
            ),
            child,
        )
        route = route_kind(gateway_api=args.gateway_api)
        CustomResource(
            f"{name}-{login.app}-{'http-route' if args.gateway_api else 'virtual-service'}",
            api_version=route.api_version,
            kind=route.kind,
            metadata=metadata,
            spec=(http_route_spec if args.gateway_api else virtual_service_spec)(login, args),
            opts=child,
        )
        return deployment


def virtual_service_spec(login: AppLogin, args: LoginsArgs) -> dict[str, Any]:
    """Make the spec of the networking.istio.io/v1 VirtualService that leads to an app's login."""
    destination = {"host": _host(login, args), "port": {"number": _SERVICE_PORT}}
    return {
        "hosts": [login.host],
        "gateways": [args.gateway],
        "http": [{"route": [{"destination": destination}]}],
    }


def http_route_spec(login: AppLogin, args: LoginsArgs) -> dict[str, Any]:
    """Make the spec of the gateway.networking.k8s.io/v1 HTTPRoute that leads to an app's login."""
    return {
        "parentRefs": [gateway_reference(args.gateway)],
        "hostnames": [login.host],
        "rules": [{"backendRefs": [{"group": "", "kind": "Service", "name": login.app, "port": _SERVICE_PORT}]}],
    }


def secret_data(login: AppLogin) -> dict[str, str]:
    """Make the keys of an app's Secret. The cookies' key follows from the client's: a new one ends all sessions."""
    derived = hmac.new(login.client_secret.encode(), f"cookies of {login.app}".encode(), hashlib.sha256).digest()
    return {"client-secret": login.client_secret, "cookie-secret": base64.urlsafe_b64encode(derived).decode()}


def fingerprint(login: AppLogin) -> str:
    """Return a hash that changes with the secret and does not reveal it."""
    return hashlib.scrypt(login.client_secret.encode(), salt=login.app.encode(), n=2**14, r=8, p=1, dklen=16).hex()


def extension_providers(args: LoginsArgs) -> list[dict[str, Any]]:
    """Make the entries of the mesh config, by which the gateway asks each app's login."""
    return [
        {
            "name": login.provider,
            "envoyExtAuthzHttp": {
                "service": _host(login, args),
                "port": _SERVICE_PORT,
                "timeout": "5s",
                "pathPrefix": _ASKING_PATH,
                # What says who somebody is, and how the URL began that they asked for.
                "includeRequestHeadersInCheck": ["accept", "authorization", "cookie", "x-forwarded-proto"],
                "includeAdditionalHeadersInCheck": {
                    "x-auth-request-redirect": _ASKED_FOR.format(scheme=_scheme(login))
                },
                "headersToUpstreamOnAllow": list(IDENTITY_HEADERS),
                # A session that is renewed, and the way to the login page.
                "headersToDownstreamOnAllow": ["set-cookie"],
                "headersToDownstreamOnDeny": ["content-type", "location", "set-cookie"],
            },
        }
        for login in args.logins
    ]


# Behind it the path that was asked for is but a part of the query. As a path, oauth2-proxy would answer some without
# asking who it is (/ping, /ready, /robots.txt, /oauth2/static/...), and 200 means "let in".
_ASKING_PATH = "/?path="
_ASKED_FOR = "{scheme}://%REQ(:authority)%%REQ(:path)%"


def _scheme(login: AppLogin) -> str:
    return login.url.partition("://")[0]


def _host(login: AppLogin, args: LoginsArgs) -> str:
    return f"{login.app}.{args.namespace}.svc.cluster.local"


def _labels(login: AppLogin) -> dict[str, str]:
    return app_labels(login.app) | {NAME_LABEL: "oauth2-proxy"} | _instance(login)


def _instance(login: AppLogin) -> dict[str, str]:
    return {"app.kubernetes.io/instance": login.app}


def settings_of(login: AppLogin) -> Mapping[str, str]:
    """Make oauth2-proxy's settings, as its variables have them. https://oauth2-proxy.github.io/oauth2-proxy/configuration."""
    port = login.url.partition("://")[2].partition(":")[2]
    settings = {
        "PROVIDER": "oidc",
        "OIDC_ISSUER_URL": login.issuer,
        "CLIENT_ID": login.client_id,
        "CODE_CHALLENGE_METHOD": "S256",
        "REDIRECT_URL": f"{login.url}/oauth2/callback",
        "EMAIL_DOMAINS": ",".join(login.email_domains),
        "ALLOWED_GROUPS": ",".join(login.groups),
        # One session for all branches of the app.
        "COOKIE_NAME": COOKIE,
        "COOKIE_DOMAINS": f".{login.domain}",
        "COOKIE_SECURE": str(_scheme(login) == "https").lower(),
        "COOKIE_SAMESITE": "lax",
        # No token of the provider's in the cookie: it is not needed after the login.
        "SESSION_COOKIE_MINIMAL": "true",
        "WHITELIST_DOMAINS": f".{login.domain}:{port}" if port else f".{login.domain}",
        "REVERSE_PROXY": "true",
        "SET_XAUTHREQUEST": "true",
        "SKIP_PROVIDER_BUTTON": "true",
        # Whoever has a session at the provider is not asked again.
        "APPROVAL_PROMPT": "auto",
        "UPSTREAMS": "static://200",
        "HTTP_ADDRESS": f"0.0.0.0:{_PORT}",
        "SILENCE_PING_LOGGING": "true",
    }
    return {f"OAUTH2_PROXY_{name}": value for name, value in settings.items() if value}


def _deployment_spec(login: AppLogin) -> apps.DeploymentSpecArgs:
    secrets = {"CLIENT_SECRET": "client-secret", "COOKIE_SECRET": "cookie-secret"}
    env = [core.EnvVarArgs(name=name, value=value) for name, value in settings_of(login).items()]
    env += [
        core.EnvVarArgs(
            name=f"OAUTH2_PROXY_{name}",
            value_from=core.EnvVarSourceArgs(secret_key_ref=core.SecretKeySelectorArgs(name=login.app, key=key)),
        )
        for name, key in secrets.items()
    ]
    labels = _labels(login)
    return apps.DeploymentSpecArgs(
        replicas=1,
        selector=meta.LabelSelectorArgs(match_labels={NAME_LABEL: labels[NAME_LABEL], **_instance(login)}),
        strategy=apps.DeploymentStrategyArgs(
            rolling_update=apps.RollingUpdateDeploymentArgs(max_unavailable=0, max_surge=1)
        ),
        template=core.PodTemplateSpecArgs(
            # A new secret is a new pod: nothing else tells a running one.
            metadata=meta.ObjectMetaArgs(labels=labels, annotations={_FINGERPRINT_ANNOTATION: fingerprint(login)}),
            spec=core.PodSpecArgs(
                automount_service_account_token=False,
                enable_service_links=False,
                security_context=core.PodSecurityContextArgs(
                    run_as_non_root=True,
                    run_as_user=65532,
                    seccomp_profile=core.SeccompProfileArgs(type="RuntimeDefault"),
                ),
                containers=[
                    core.ContainerArgs(
                        name="oauth2-proxy",
                        image=login.image,
                        image_pull_policy="IfNotPresent",
                        env=env,
                        ports=[core.ContainerPortArgs(name="http", container_port=_PORT)],
                        readiness_probe=core.ProbeArgs(
                            http_get=core.HTTPGetActionArgs(path="/ready", port="http"), period_seconds=2
                        ),
                        resources=core.ResourceRequirementsArgs(
                            requests={"cpu": "10m", "memory": "32Mi"}, limits={"cpu": "500m", "memory": "128Mi"}
                        ),
                        security_context=core.SecurityContextArgs(
                            allow_privilege_escalation=False,
                            read_only_root_filesystem=True,
                            capabilities=core.CapabilitiesArgs(drop=["ALL"]),
                        ),
                    )
                ],
            ),
        ),
    )
