"""Rules of the house for every component, and what each refuses."""

import dataclasses
import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

import components
from components.access.authorization import Access, AccessArgs, Token
from components.access.gateway_guard import GatewayGuard, GatewayGuardArgs
from components.access.oauth2_proxy import AppLogin, Logins, LoginsArgs
from components.addons import Addons, AddonsArgs, in_order
from components.admission.pods import PodLimits
from components.admission.rules import Admission, AdmissionArgs
from components.app.argocd_application import ArgoCdApplication, ArgoCdApplicationArgs
from components.app.deployer import Deployer, DeployerArgs
from components.app.jobs_access import AppDeployer, EksJobs, JobsAccess, JobsAccessArgs
from components.app.mesh import Mesh, MeshArgs
from components.app.namespace import Namespace, NamespaceArgs
from components.app.network_policies import Network, NetworkArgs, Peer
from components.app.quota import Limits, LimitsArgs
from components.app.service_account import ServiceAccount, ServiceAccountArgs
from components.bootstrap.aws import AwsBootstrap, AwsBootstrapArgs
from components.bootstrap.google import GoogleBootstrap, GoogleBootstrapArgs
from components.branch.chart import ChartEnvironment, ChartEnvironmentArgs, chart_values, marked, owned
from components.branch.namespace import BranchNamespace, BranchNamespaceArgs
from components.branch.spec.name import UNNAMED
from components.branch.spec.workload import Workload
from components.branch.workloads import BranchEnvironment, BranchEnvironmentArgs
from components.contract import Contract, ContractArgs
from components.eks_tokens import EksTokens, EksTokensArgs
from components.identity.ci_access import AwsAccess, AwsPolicy, CiAccess, CiAccessArgs, GoogleAccess
from components.identity.workload_identity import (
    AwsRole,
    GooglePrincipal,
    GoogleServiceAccount,
    Irsa,
    PodIdentity,
    WorkloadIdentity,
    WorkloadIdentityArgs,
)
from components.ingress.acm import AcmCertificate, AcmCertificateArgs, proof_of
from components.ingress.acme import AcmeIssuer, AcmeIssuerArgs
from components.ingress.alb import EksIngress, EksIngressArgs
from components.ingress.certificate import Certificate, CertificateArgs
from components.ingress.dns_records import DnsRecords, DnsRecordsArgs
from components.ingress.gateway import Gateway, GatewayArgs
from components.ingress.gclb import GkeIngress, GkeIngressArgs
from components.ingress.no_environment_page import NoEnvironmentPage, NoEnvironmentPageArgs
from components.ingress.self_signed_ca import SelfSignedCa, SelfSignedCaArgs
from components.sweep import Sweep, SweepArgs
from core.contract import Base, BucketGrant, NamespaceTemplate, Subject
from core.json_fields import load
from tests.unit.recording import BASE_CONTRACT, Recorder, install, pulumi_test

WORKLOAD = Workload.model_validate({"image": "a:1"})


def branch_args(**changes: Any) -> BranchEnvironmentArgs:
    usual: dict[str, Any] = {
        "app": "shop",
        "branch": "x",
        "slug": "x",
        "namespace": "shop",
        "service_account": "shop",
        "gateway": "istio-system/gateway",
        "host": "x.shop.localhost",
        "url": "http://x.shop.localhost",
        "workloads": {UNNAMED: WORKLOAD},
        "ready_timeout_seconds": 60,
    }
    return BranchEnvironmentArgs(**{**usual, **changes})


def chart_args(**changes: Any) -> ChartEnvironmentArgs:
    usual: dict[str, Any] = {
        "app": "shop",
        "branch": "feature/x",
        "slug": "x",
        "namespace": "shop",
        "gateway": "istio-system/gateway",
        "host": "x.shop.localhost",
        "url": "http://x.shop.localhost",
        "chart": "chart",
        "ready_timeout_seconds": 60,
    }
    return ChartEnvironmentArgs(**{**usual, **changes})


def gateway_args(**changes: Any) -> GatewayArgs:
    usual: dict[str, Any] = {
        "namespace": "istio-system",
        "gateway": "gateway",
        "domains": ["b.localhost", "a.localhost"],
        "port": 8080,
        "istio_label": "ingressgateway",
    }
    return GatewayArgs(**{**usual, **changes})


def application_args(**changes: Any) -> ArgoCdApplicationArgs:
    usual: dict[str, Any] = {
        "app": "shop",
        "argocd_namespace": "argocd",
        "namespace": "shop",
        "repository": "https://gitlab.com/acme/shop.git",
        "revision": "HEAD",
        "path": "chart",
        "values": {},
        "credentials": {"password": "x"},
    }
    return ArgoCdApplicationArgs(**{**usual, **changes})


def eks_ingress_args(**changes: Any) -> EksIngressArgs:
    usual: dict[str, Any] = {
        "namespace": "istio-system",
        "service": "istio-ingressgateway",
        "port": 80,
        "certificate_arns": ["arn:aws:acm:eu-west-1:123456789012:certificate/1"],
        "scheme": "internal",
    }
    return EksIngressArgs(**{**usual, **changes})


def gke_ingress_args(**changes: Any) -> GkeIngressArgs:
    usual: dict[str, Any] = {
        "project": "my-project",
        "cluster": "dev",
        "namespace": "istio-system",
        "service": "istio-ingressgateway",
        "port": 80,
        "secret": "tls",
    }
    return GkeIngressArgs(**{**usual, **changes})


PROVIDER = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/A"
POD_IDENTITY: dict[str, Any] = {
    "cluster": "dev",
    "cluster_arn": "arn:aws:eks:eu-west-1:123456789012:cluster/dev",
    "account_id": "123456789012",
}
GRANTS: dict[str, Irsa | PodIdentity | GoogleServiceAccount | GooglePrincipal] = {
    "irsa": Irsa(provider_arn=PROVIDER, role=AwsRole(name="dev--shop")),
    "pod identity": PodIdentity(**POD_IDENTITY, role=AwsRole(name="dev--shop")),
    "pod identity with a role that is there": PodIdentity(**POD_IDENTITY, role="arn:aws:iam::123456789012:role/shop"),
    "a Google account": GoogleServiceAccount(
        project="my-project", service_account="dev--shop", project_roles=["roles/a.b"]
    ),
    "a Google account that is there": GoogleServiceAccount(
        project="my-project", service_account="a@my-project.iam.gserviceaccount.com"
    ),
    "direct access": GooglePrincipal(
        project="my-project", project_number="1", project_roles=["roles/a.b"], zone_roles={"zone": "roles/dns.admin"}
    ),
    "direct access to part of a bucket": GooglePrincipal(
        project="my-project",
        project_number="1",
        namespace_roles=["roles/a.b"],
        bucket_grants=[BucketGrant(bucket="acme", role="roles/storage.objectUser", condition="true")],
    ),
}
DOCUMENT = {"Version": "2012-10-17", "Statement": []}
ACCESS: dict[str, AwsAccess | GoogleAccess] = {
    "policies": AwsAccess(path="/x/", policy=AwsPolicy(name="ci", document=DOCUMENT)),
    "policies of somebody": AwsAccess(
        path="/x/",
        policy=AwsPolicy(name="ci", document=DOCUMENT),
        boundary=AwsPolicy(name="boundary", document=DOCUMENT),
        ci_role="gitlab",
    ),
    "a custom role": GoogleAccess(project="my-project", role_id="a.b", buckets=["acme"], member="user:a@b.c"),
}


def contract_args(**changes: Any) -> ContractArgs:
    usual: dict[str, Any] = {
        "base": "base-x",
        "contract": load(Base, BASE_CONTRACT),
        "readers": [Subject(name="shop-deployer", namespace="shop")],
    }
    return ContractArgs(**{**usual, **changes})


def sweep_args(**changes: Any) -> SweepArgs:
    usual: dict[str, Any] = {
        "base": "base-x",
        "namespace": "branch-environments",
        "image": "a:1",
        "schedule": "*/30 * * * *",
        "secret": "branchenv-sweep",
        "gitlab_url": "https://gitlab.com",
        "apply": False,
        "apps": [DeployerArgs(app=app, namespace=app) for app in ("shop", "web")],
        "gateway_namespace": "istio-system",
    }
    return SweepArgs(**{**usual, **changes})


def identity_args(grant: Any) -> WorkloadIdentityArgs:
    return WorkloadIdentityArgs(namespace="shop", service_account="shop", grant=grant)


def pod_limits(**changes: Any) -> PodLimits:
    usual: dict[str, Any] = {"service_accounts": ["shop"], "max_replicas": 50, "max_cpu": "8", "max_memory": "16Gi"}
    return PodLimits(**{**usual, **changes})


def admission_args(**changes: Any) -> AdmissionArgs:
    usual: dict[str, Any] = {
        "app": "shop",
        "namespace": "shop",
        "domain": "shop.localhost",
        "gateway": "istio-system/gateway",
        "reserved_slugs": ["main"],
        "pods": pod_limits(),
        "chart_names": False,
        "room": {},
    }
    return AdmissionArgs(**{**usual, **changes})


def network_args(**changes: Any) -> NetworkArgs:
    usual: dict[str, Any] = {
        "app": "shop",
        "namespace": "shop",
        "gateway": Peer(namespace="istio-system", pods={"istio": "ingressgateway"}),
    }
    return NetworkArgs(**{**usual, **changes})


def access_args(**changes: Any) -> AccessArgs:
    usual: dict[str, Any] = {
        "app": "shop",
        "namespace": "istio-system",
        "istio_label": "ingressgateway",
        "domain": "shop.localhost",
        "port": 8080,
        "tokens": [Token(issuer="https://a.example.com", audiences=["branches"], jwks="{}")],
        "provider": "",
    }
    return AccessArgs(**{**usual, **changes})


def page_args(**changes: Any) -> NoEnvironmentPageArgs:
    usual: dict[str, Any] = {
        "app": "shop",
        "namespace": "istio-system",
        "gateway": "gateway",
        "domain": "shop.localhost",
        "project_url": "https://gitlab.com/acme/shop",
        "environments_url": "https://gitlab.com/acme/shop/-/environments",
    }
    return NoEnvironmentPageArgs(**{**usual, **changes})


def guard_args(**changes: Any) -> GatewayGuardArgs:
    usual: dict[str, Any] = {
        "namespace": "istio-system",
        "gateway": "gateway",
        "istio_label": "ingressgateway",
        "domains": ["shop.localhost"],
        "open_hosts": ["login.shop.localhost"],
        "port": 8080,
        "identity_headers": ["x-user"],
        "credential_headers": ["x-token"],
        "credential_cookies": ["token"],
    }
    return GatewayGuardArgs(**{**usual, **changes})


def login(**changes: Any) -> AppLogin:
    usual: dict[str, Any] = {
        "app": "shop",
        "domain": "shop.localhost",
        "host": "login.shop.localhost",
        "url": "http://login.shop.localhost:8080",
        "issuer": "https://a.example.com",
        "client_id": "branches",
        "client_secret": "hunter2",
        "email_domains": ["example.com"],
        "groups": [],
        "image": "oauth2-proxy:1",
    }
    return AppLogin(**{**usual, **changes})


def logins_args(**changes: Any) -> LoginsArgs:
    usual: dict[str, Any] = {
        "namespace": "logins",
        "logins": [login()],
        "gateway": "istio-system/gateway",
        "gateway_namespace": "istio-system",
        "istio_label": "ingressgateway",
    }
    return LoginsArgs(**{**usual, **changes})


def branch_namespace_args(**changes: Any) -> BranchNamespaceArgs:
    usual: dict[str, Any] = {
        "app": "shop",
        "branch": "feature/x",
        "slug": "x",
        "namespace": "shop--x",
        "url": "http://x.shop.localhost",
        "template": NamespaceTemplate(
            labels={"istio-injection": "enabled"},
            quota={"pods": "10"},
            network_policy={"podSelector": {}},
            role="branches",
            subjects=(Subject(namespace="shop", name="shop-deployer"),),
        ),
    }
    return BranchNamespaceArgs(**{**usual, **changes})


def bootstrap_args() -> dict[str, Any]:
    return {
        "account": "123456789012",
        "bucket": "acme-pulumi",
        "gitlab": "https://gitlab.example.com",
        "audience": "https://gitlab.example.com",
        "projects": {"shop": "apps/shop"},
    }


def google_bootstrap_args() -> GoogleBootstrapArgs:
    given = {key: value for key, value in bootstrap_args().items() if key != "account"}
    return GoogleBootstrapArgs(project="my-project", number="123456789012", location="europe-west1", **given)


def jobs_access_args() -> JobsAccessArgs:
    return JobsAccessArgs(
        jobs=EksJobs(cluster="dev", role_arn="arn:aws:iam::123456789012:role/gitlab-shop"),
        apps=[AppDeployer(app="shop", namespace="shop", deployer="shop-deployer")],
    )


def limits_args(**changes: Any) -> LimitsArgs:
    usual: dict[str, Any] = {
        "app": "shop",
        "namespace": "shop",
        "environments": 2,
        "cpu": "500m",
        "memory": "1Gi",
        "pods": 4,
    }
    return LimitsArgs(**{**usual, **changes})


MAKE: dict[type[pulumi.ComponentResource], Callable[[pulumi.ResourceOptions | None], Any]] = {
    Access: lambda opts: Access("it", access_args(), opts),
    NoEnvironmentPage: lambda opts: NoEnvironmentPage("it", page_args(), opts),
    GatewayGuard: lambda opts: GatewayGuard("it", guard_args(), opts),
    Logins: lambda opts: Logins("it", logins_args(), opts),
    AcmCertificate: lambda opts: AcmCertificate("it", AcmCertificateArgs(domain="shop.example.com", zone="Z1"), opts),
    AcmeIssuer: lambda opts: AcmeIssuer(
        "it",
        AcmeIssuerArgs(issuer="i", email="a@b.c", server="https://acme", project="p", zones={"example.com": "zone"}),
        opts,
    ),
    Admission: lambda opts: Admission("it", admission_args(), opts),
    Deployer: lambda opts: Deployer("it", DeployerArgs(app="shop", namespace="shop"), opts),
    Limits: lambda opts: Limits("it", limits_args(), opts),
    Addons: lambda opts: Addons("it", AddonsArgs(values={"istio-base": {}, "istiod": {}}), opts),
    ArgoCdApplication: lambda opts: ArgoCdApplication("it", application_args(), opts),
    BranchEnvironment: lambda opts: BranchEnvironment("it", branch_args(), opts),
    Certificate: lambda opts: Certificate(
        "it", CertificateArgs(namespace="istio-system", secret="tls", domains=["a.b"], issuer="ca"), opts
    ),
    DnsRecords: lambda opts: DnsRecords(
        "it", DnsRecordsArgs(service="route53", zones={"shop.example.com": "Z1"}, address="elb.aws"), opts
    ),
    EksIngress: lambda opts: EksIngress("it", eks_ingress_args(), opts),
    GkeIngress: lambda opts: GkeIngress("it", gke_ingress_args(), opts),
    SelfSignedCa: lambda opts: SelfSignedCa("it", SelfSignedCaArgs(issuer="own", namespace="cert-manager"), opts),
    WorkloadIdentity: lambda opts: WorkloadIdentity("it", identity_args(GRANTS["irsa"]), opts),
    CiAccess: lambda opts: CiAccess("it", CiAccessArgs(access=ACCESS["policies"]), opts),
    Contract: lambda opts: Contract("it", contract_args(), opts),
    ChartEnvironment: lambda opts: ChartEnvironment("it", chart_args(), opts),
    Gateway: lambda opts: Gateway("it", gateway_args(), opts),
    Mesh: lambda opts: Mesh("it", MeshArgs(app="shop", namespace="shop", mtls="strict"), opts),
    Network: lambda opts: Network("it", network_args(), opts),
    BranchNamespace: lambda opts: BranchNamespace("it", branch_namespace_args(), opts),
    Namespace: lambda opts: Namespace("it", NamespaceArgs(app="shop", namespace="shop"), opts),
    ServiceAccount: lambda opts: ServiceAccount(
        "it", ServiceAccountArgs(app="shop", service_account="shop", namespace="shop"), opts
    ),
    Sweep: lambda opts: Sweep("it", sweep_args(), opts),
    JobsAccess: lambda opts: JobsAccess("it", jobs_access_args(), opts),
    EksTokens: lambda opts: EksTokens(
        "it", EksTokensArgs(cluster="dev", issuer="https://gitlab.example.com", audience="kubernetes"), opts
    ),
    AwsBootstrap: lambda opts: AwsBootstrap("it", AwsBootstrapArgs(region="eu-west-1", **bootstrap_args()), opts),
    GoogleBootstrap: lambda opts: GoogleBootstrap("it", google_bootstrap_args(), opts),
}


def all_components() -> set[type[pulumi.ComponentResource]]:
    root = Path(components.__file__).parent
    modules = [
        importlib.import_module(".".join(path.relative_to(root.parent).with_suffix("").parts))
        for path in sorted(root.rglob("*.py"))
        if path.stem != "__init__"
    ]
    return {
        each
        for module in modules
        for each in vars(module).values()
        if inspect.isclass(each) and issubclass(each, pulumi.ComponentResource) and each.__module__ == module.__name__
    }


def test_every_component_is_under_these_tests() -> None:
    assert all_components() == set(MAKE), "a new component joins the table above"


@pytest.mark.parametrize("component", MAKE, ids=lambda each: each.__name__)
def test_a_component_takes_a_name_arguments_and_options(component: type) -> None:
    parameters = list(inspect.signature(component).parameters)
    assert parameters == ["name", "args", "opts"], "all components are made alike"
    args = inspect.signature(component).parameters["args"].annotation
    assert args.__name__ == f"{component.__name__}Args", "arguments are called after their component"
    fields = dataclasses.fields(args)
    assert all(field.kw_only for field in fields), "arguments by position are mixed up sooner or later"
    assert args.__dataclass_params__.frozen, "arguments do not change under way"


@pytest.mark.parametrize("component", MAKE, ids=lambda each: each.__name__)
@pulumi_test
def test_a_component_has_typed_outputs(component: type[pulumi.ComponentResource]) -> pulumi.Output[Any]:
    install(Recorder(), "shop.x")
    made = MAKE[component](None)
    names = list(inspect.get_annotations(component))
    assert names, "a component without outputs cannot be built upon"
    outputs = [getattr(made, name) for name in names]
    assert all(isinstance(output, pulumi.Output) for output in outputs), "declared outputs are Outputs"
    return pulumi.Output.all(*outputs).apply(
        lambda values: [
            pytest.fail(f"{name} is empty") for name, value in zip(names, values, strict=True) if value is None
        ]
    )


@pytest.mark.parametrize("component", MAKE, ids=lambda each: each.__name__)
def test_children_follow_their_component_and_nothing_else(component: type[pulumi.ComponentResource]) -> None:
    recorder = Recorder()

    @pulumi_test
    def body() -> None:
        install(recorder, "shop.x")
        MAKE[component](pulumi.ResourceOptions(protect=True, aliases=[pulumi.Alias(name="old")]))

    body()
    itself, *children = recorder.made
    assert itself.name == "it", "the component itself comes first"
    assert children, "a component without children makes nothing"
    for child in children:
        assert child.parent.endswith("::it"), f"{child.name} is not its child"
        assert child.protect, f"{child.name} does not inherit protection"
        assert not child.aliases, f"{child.name} was given the component's alias"
        assert child.name.startswith("it-"), f"{child.name} is not named after it"


@pytest.mark.parametrize(
    "make",
    [
        lambda: branch_args(workloads={}),
        lambda: branch_args(workloads={UNNAMED: WORKLOAD, "web": WORKLOAD}),
        lambda: branch_args(workloads={UNNAMED: Workload()}),
        lambda: chart_args(chart=""),
        lambda: gateway_args(domains=[]),
        lambda: gateway_args(secret="tls", https_port=8080),
        lambda: AcmCertificateArgs(domain="shop.example.com", zone=""),
        lambda: AcmeIssuerArgs(issuer="i", email="a@b.c", server="https://acme", project="p", zones={}),
        lambda: AddonsArgs(values={"nginx": {}}),
        lambda: application_args(repository="git@gitlab.com:acme/shop.git"),
        lambda: application_args(path="/chart"),
        lambda: CertificateArgs(namespace="a", secret="b", domains=[], issuer="c"),
        lambda: DnsRecordsArgs(service="route53", zones={}, address="x"),
        lambda: DnsRecordsArgs(service="cloud-dns", zones={"a.b": "zone"}, address="x"),
        lambda: eks_ingress_args(scheme="public"),
        lambda: gke_ingress_args(cluster=""),
        lambda: SelfSignedCaArgs(issuer="a", namespace=""),
        lambda: WorkloadIdentityArgs(namespace="", service_account="a", grant=GRANTS["irsa"]),
        lambda: identity_args(Irsa(provider_arn=PROVIDER, role="shop")),
        lambda: identity_args(GooglePrincipal(project="p", project_number="my-project")),
        lambda: CiAccessArgs(access=GoogleAccess(project="p", role_id="a.b", buckets=[], member="user:a@b.c")),
        lambda: NamespaceArgs(app="a", namespace="kube-system"),
        Peer,
        lambda: Peer(namespace="a", cidr="10.0.0.0/8"),
        lambda: Token(issuer="https://a", audiences=[]),
        lambda: access_args(tokens=[]),
        lambda: guard_args(domains=[]),
        lambda: logins_args(logins=[]),
        lambda: pod_limits(service_accounts=[]),
        lambda: ServiceAccountArgs(app="a", service_account="default", namespace="a"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_at_once(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"^\w+: .*; .+"):
        make()


def test_a_charts_values_are_set_without_touching_its_own() -> None:
    own = {"web": {"image": "old", "port": 1}, "url": {"host": "old"}}
    result = chart_values(own, {"web.image": "new", "url": "http://x", "deep.er": "y", "left": None})
    assert result == {"web": {"image": "new", "port": 1}, "url": "http://x", "deep": {"er": "y"}}, "what is set wins"
    assert own["web"] == {"image": "old", "port": 1}, "the settings stay as they were read"


def test_a_charts_objects_are_marked_as_this_branchs() -> None:
    deployment = {
        "kind": "Deployment",
        "metadata": {"name": "x", "labels": {"app.kubernetes.io/instance": "theirs"}},
        "spec": {"template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": []}}},
    }
    result = marked(deployment, chart_args())
    labels, annotations = result["metadata"]["labels"], result["metadata"]["annotations"]
    assert labels["branch-environments/slug"] == "x", "a sweep finds it by this"
    assert labels["app.kubernetes.io/instance"] == "theirs", "the chart's selectors may rest on its own labels"
    assert annotations["branch-environments/branch"] == "feature/x", "the full name is an annotation"
    assert annotations["pulumi.com/deletionPropagationPolicy"] == "background", "nobody waits for nothing"
    template = result["spec"]["template"]["metadata"]["labels"]
    assert template["branch-environments/slug"] == "x", "pods are found by it too"
    assert template["a"] == "b", "the chart's own labels stay"
    assert "annotations" not in deployment["metadata"], "the engine's own properties are not changed in place"


def test_a_charts_service_is_not_awaited() -> None:
    annotations = marked({"kind": "Service"}, chart_args())["metadata"]["annotations"]
    assert annotations["pulumi.com/skipAwait"] == "true", "its awaiter sleeps 10 s"


def test_a_charts_objects_belong_to_the_anchor_if_they_share_its_namespace() -> None:
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "1"}
    here = owned({"metadata": {"namespace": "shop", "ownerReferences": [{"uid": "0"}]}}, reference, chart_args())
    assert here["metadata"]["ownerReferences"] == [{"uid": "0"}, reference], "what a killed `up` left goes with it"
    for metadata in ({"namespace": "other"}, {}):
        elsewhere = owned({"metadata": metadata}, reference, chart_args())
        assert elsewhere["metadata"] == metadata, "Kubernetes would take it for an orphan and delete it at once"


def test_a_charts_cron_job_is_marked_down_to_its_pods() -> None:
    job = {"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": []}}}}}}
    pods = marked(job, chart_args())["spec"]["jobTemplate"]["spec"]["template"]
    assert pods["metadata"]["labels"]["branch-environments/slug"] == "x", "its pods are found by a sweep"
    other = {"kind": "Certificate", "spec": {"template": {"issuer": "x"}}}
    assert "metadata" not in marked(other, chart_args())["spec"]["template"], "not every template is a pod's"


def test_a_charts_children_are_marked_by_a_transform() -> None:
    recorder = Recorder()

    @pulumi_test
    def body() -> None:
        install(recorder, "shop.x")
        ChartEnvironment("it", chart_args())

    body()
    (transform,) = recorder.transforms
    arguments = pulumi.ResourceTransformArgs(
        custom=True,
        type_="kubernetes:core/v1:Service",
        name="x",
        props={"kind": "Service"},
        opts=pulumi.ResourceOptions(),
    )
    result = transform(arguments)
    assert isinstance(result, pulumi.ResourceTransformResult), "every object of a chart is marked"
    metadata: Any = dict(result.props)["metadata"]
    assert metadata["labels"]["branch-environments/slug"] == "x", "a sweep finds it by this"


@pytest.mark.parametrize("grant", GRANTS.values(), ids=GRANTS.keys())
@pulumi_test
def test_an_identity_is_known_whatever_its_kind(grant: Any) -> pulumi.Output[Any]:
    install(Recorder(), "base-dev")
    made = WorkloadIdentity("it", identity_args(grant))

    def check(known: list[Any]) -> None:
        identity, annotations = known
        assert identity, "branch stacks and people are told who the pods are"
        bound_by_annotation = isinstance(grant, Irsa | GoogleServiceAccount)
        assert list(annotations.values()) == ([identity] if bound_by_annotation else []), "the other kinds need none"

    return pulumi.Output.all(made.identity, made.annotations).apply(check)


@pytest.mark.parametrize("access", ACCESS.values(), ids=ACCESS.keys())
@pulumi_test
def test_cis_rights_are_known_whatever_the_cloud(access: Any) -> pulumi.Output[Any]:
    install(Recorder(), "base-dev")
    made = CiAccess("it", CiAccessArgs(access=access))

    def check(known: list[Any]) -> None:
        assert known[0], "people attach it, or see that it is attached"
        limited = isinstance(access, AwsAccess) and access.boundary is not None
        assert bool(known[1]) == limited, "branch stacks need it where CI makes roles"

    return pulumi.Output.all(made.policy, made.boundary).apply(check)


def test_a_role_that_is_there_is_left_as_it_is() -> None:
    recorder = Recorder()

    @pulumi_test
    def body() -> None:
        install(recorder, "base-dev")
        WorkloadIdentity("it", identity_args(GRANTS["pod identity with a role that is there"]))

    body()
    types = [each.type for each in recorder.made if each.custom]
    assert types == ["aws:eks/podIdentityAssociation:PodIdentityAssociation"], "it belongs to somebody else"


def test_releases_are_put_in_an_order_that_does_not_depend_on_the_order_given() -> None:
    expected = ["cert-manager", "istio-base", "istio-cni", "istiod", "istio-ingressgateway"]
    assert in_order(expected) == in_order(expected[::-1]) == expected, "a release comes after what it stands on"


def test_a_proof_that_acm_does_not_ask_for_is_an_error_and_not_another_domains_proof() -> None:
    with pytest.raises(ValueError, match=r"ACM asked for no proof of \*\.a\.b"):
        proof_of([], domain="a.b")
