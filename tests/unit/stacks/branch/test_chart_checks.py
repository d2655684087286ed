"""What an environment's chart may not make is refused before anything is made, whoever deploys it."""

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from stacks.settings.errors import SettingsError
from tests.unit.recording import Recorder, run_program

STACK, CONFIG = "shop.feature-x", {"environment": "examples/shop/chart.yaml", "image": "shop.local/shop:2.0"}
INSTANCE = "app.kubernetes.io/instance"
CRD: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "things.example.com"},
    "spec": {"group": "example.com", "names": {"kind": "Thing"}, "versions": [{"name": "v1"}]},
}


def thing(kind: str, version: str = "v1", name: str = "feature-x-web", **more: Any) -> dict[str, Any]:
    """Return an object as the provider renders it."""
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "shop"}, **more}


def of_cluster(kind: str, version: str) -> dict[str, Any]:
    """Return an object of no namespace."""
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "web"}}


def service(**spec: Any) -> dict[str, Any]:
    """Return a Service, right but for what is changed."""
    return thing("Service", spec={"selector": {INSTANCE: "feature-x"}, **spec})


def route(**spec: Any) -> dict[str, Any]:
    """Return a VirtualService, right but for what is changed."""
    usual = {
        "hosts": ["feature-x.shop.localhost"],
        "gateways": ["istio-system/gateway"],
        "http": [{"route": [{"destination": {"host": "feature-x-web", "port": {"number": 80}}}]}],
    }
    return thing("VirtualService", "networking.istio.io/v1", spec={**usual, **spec})


def deployment(labels: Mapping[str, str] | None = None, **container: Any) -> dict[str, Any]:
    """Return a Deployment, right but for what is changed."""
    pod = {
        "metadata": {"labels": labels or {INSTANCE: "feature-x"}},
        "spec": {"containers": [{"name": "web", **container}]},
    }
    return thing("Deployment", "apps/v1", spec={"template": pod})


RIGHT = [deployment(env=[{"name": "A", "value": "1"}]), service(), route()]
CASES: dict[str, tuple[dict[str, Any], str, str, str]] = {
    # What is made; the field, a part of the rule and a part of the fix that a person reads.
    "a kind in the templates": (CRD, "chart: CustomResourceDefinition things.example.com", "whole cluster", "crds"),
    "rights": (
        of_cluster("ClusterRole", "rbac.authorization.k8s.io/v1"),
        "chart: ClusterRole web",
        "whole cluster",
        "a Role",
    ),
    "rights given": (
        of_cluster("ClusterRoleBinding", "rbac.authorization.k8s.io/v1"),
        "chart: ClusterRoleBinding web",
        "whole cluster",
        "rbac.create: false",
    ),
    "a webhook": (
        of_cluster("MutatingWebhookConfiguration", "admissionregistration.k8s.io/v1"),
        "chart: MutatingWebhookConfiguration web",
        "whole cluster",
        "platform team",
    ),
    "a namespace": (of_cluster("Namespace", "v1"), "chart: Namespace web", "whole cluster", "take it out"),
    "a custom kind of the cluster": (
        of_cluster("ClusterIssuer", "cert-manager.io/v1"),
        "chart: ClusterIssuer web",
        "whole cluster",
        "platform team",
    ),
    "another namespace": (
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "feature-x-web", "namespace": "kube-system"}},
        "chart: ConfigMap feature-x-web: metadata.namespace",
        "in its namespace, shop",
        "{{ .Release.Namespace }}",
    ),
    "a Secret beside those of others": (
        thing("Secret"),
        "chart: Secret feature-x-web",
        "a namespace of its own",
        "isolation.namespacePerBranch",
    ),
    "a fixed name": (
        thing("ConfigMap", name="webshop"),
        "chart: ConfigMap webshop",
        "feature-x",
        "{{ .Release.Name }}",
    ),
    "a name that only begins alike": (
        thing("ConfigMap", name="feature-xy"),
        "chart: ConfigMap feature-xy: metadata.name",
        "feature-x",
        "{{ .Release.Name }}",
    ),
    "the anchor's name": (thing("ConfigMap", name="feature-x"), "chart: ConfigMap feature-x", "itself", "another name"),
    "a selector of another release": (
        service(selector={INSTANCE: "webshop"}),
        "chart: Service feature-x-web: spec.selector",
        "share requests",
        f"{INSTANCE}: {{{{ .Release.Name }}}}",
    ),
    "no selector": (
        service(selector=None),
        "chart: Service feature-x-web: spec.selector",
        "own branch's pods",
        INSTANCE,
    ),
    "a port on every node": (
        service(type="NodePort"),
        "chart: Service feature-x-web: spec.type",
        "through the gateway",
        "service.type",
    ),
    "pods of another release": (
        deployment({INSTANCE: "webshop"}),
        f"chart: Deployment feature-x-web: pods.metadata.labels[{INSTANCE}]",
        "their own branch's name",
        "{{ .Release.Name }}",
    ),
    "somebody's host": (
        route(hosts=["main.shop.localhost"]),
        "chart: VirtualService feature-x-web: spec.hosts",
        "feature-x.shop.localhost",
        "valuePaths: {host: <path>}",
    ),
    "no gateway": (
        route(gateways=[]),
        "chart: VirtualService feature-x-web: spec.gateways",
        "istio-system/gateway",
        "gateways: [istio-system/gateway]",
    ),
    "somebody's Service": (
        route(http=[{"route": [{"destination": {"host": "db.other.svc.cluster.local"}}]}]),
        "chart: VirtualService feature-x-web: spec.route",
        "stays in its namespace",
        "{{ .Release.Name }}",
    ),
    "a variable twice": (
        deployment(env=[{"name": "A", "value": "s3cret"}, {"name": "A", "value": "2"}]),
        "chart: Deployment feature-x-web: containers[web].env",
        "set once",
        "take one of them out",
    ),
    "a long name": (
        thing("Service", name=f"feature-x-{'y' * 60}", spec={"selector": {INSTANCE: "feature-x"}}),
        "metadata.name",
        "at most 63 characters",
        "trunc 63",
    ),
    "a long label": (
        deployment({INSTANCE: "feature-x", "a": "y" * 64}),
        "chart: Deployment feature-x-web: pods.metadata.labels[a]",
        "at most 63 characters",
        "trunc 63",
    ),
    "an identity of its own": (
        thing("ServiceAccount", name="feature-x"),
        "chart: ServiceAccount feature-x",
        "make no other",
        "serviceAccount.create: false",
    ),
    "another way in": (
        thing("Ingress", "networking.k8s.io/v1"),
        "chart: Ingress feature-x-web",
        "Gateway alone",
        "ingress.enabled: false",
    ),
    "an object twice": (
        thing("Role", name="feature-x-web"),
        "chart: Role feature-x-web",
        "makes an object once",
        "another name",
    ),
}


def refused(recorder: Recorder) -> SettingsError:
    """Deploy, and give the refusal."""
    with pytest.raises(SettingsError) as caught:
        run_program(STACK, CONFIG, recorder)
    assert not recorder.made, "nothing was made before it was refused"
    return caught.value


@pytest.mark.parametrize("case", CASES)
def test_a_chart_that_a_branch_must_not_be_made_of_is_refused(case: str) -> None:
    made, field, rule, fix = CASES[case]
    others = [each for each in RIGHT if each["kind"] != made["kind"]]
    rendered = [*others, made, *([made] if case == "an object twice" else [])]
    (problem,) = refused(Recorder(chart=rendered)).problems
    assert field in problem.field, "the person is told which object, and where in it"
    assert rule in problem.rule, "and what must hold"
    assert fix in problem.fix, "and what to do"
    assert "s3cret" not in str(problem), "a value may be a secret"


def test_a_chart_that_keeps_to_its_branch_is_deployed() -> None:
    hook = thing("Job", "batch/v1", name="goodbye")
    hook["metadata"]["annotations"] = {"helm.sh/hook": "pre-delete"}
    recorder = run_program(STACK, CONFIG, Recorder(chart=[*RIGHT, hook]))
    (chart,) = recorder.of_type("helm.sh/v4:Chart")
    assert not recorder.of_type(":Job"), "nor does it matter what is never made"
    assert chart.inputs["skipCrds"] is True, "kinds of the whole cluster are never a branch's"


def test_a_service_that_names_no_release_is_narrowed_to_the_branchs_pods() -> None:
    """Branches would share its requests: `fitted` adds the branch's label."""
    shared = service(selector={"app.kubernetes.io/name": "shop"})
    assert run_program(STACK, CONFIG, Recorder(chart=[deployment(), shared, route()])).made, "it is not refused"


def test_what_is_inside_of_a_list_is_looked_at() -> None:
    inside = [of_cluster("ConfigMap", "v1"), of_cluster("ClusterRole", "rbac.authorization.k8s.io/v1")]
    listed = {"apiVersion": "v1", "kind": "List", "items": copy.deepcopy(inside)}
    fields = [problem.field for problem in refused(Recorder(chart=[listed])).problems]
    assert fields == ["chart: ConfigMap web: metadata.name", "chart: ClusterRole web"], "each for its own reason"


def test_every_mistake_is_told_at_once() -> None:
    wrong = [service(type="LoadBalancer", selector={}), route(hosts=[])]
    assert len(refused(Recorder(chart=wrong)).problems) == 3, "a push per mistake would be three pushes"


def test_a_kind_that_the_cluster_has_is_left_out_with_a_word(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    known = {"/apis/example.com/v1": {"resources": [{"kind": "Thing", "name": "things"}]}}
    recorder = Recorder(chart=[*RIGHT, thing("Thing", "example.com/v1")], crds=[CRD], objects=known)
    made = run_program(STACK, CONFIG, recorder).made
    assert made, "the chart's own objects of that kind are made"
    assert "things.example.com" in caplog.text, "the person is told what the chart brought in vain"


def test_a_kind_that_the_cluster_has_not_is_the_platform_teams_to_install() -> None:
    (problem,) = refused(Recorder(chart=RIGHT, crds=[CRD])).problems
    assert problem.field == "chart: CustomResourceDefinition things.example.com", "which kind"
    assert "kubectl apply --server-side --filename examples/shop/chart/crds" in problem.fix, "one command, once"


def test_a_chart_that_helm_cannot_render_is_told_in_helms_words() -> None:
    output = "failed to create chart from template: values don't meet the specifications of the schema(s)"
    (problem,) = refused(Recorder(chart=f"invocation failed: {output}")).problems
    assert problem.rule.endswith("it says: values don't meet the specifications of the schema(s)"), "what Helm says"
