"""Pulumi mocks that remember everything, and a way to run the whole program on them."""

import asyncio
import json
import runpy
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch
from urllib.parse import urlsplit

import grpc
import httpx2
import pulumi
from pulumi.runtime import mocks, rpc, set_all_config
from pulumi.runtime.proto import callback_pb2
from pulumi.runtime.settings import SETTINGS, get_root_resource, set_root_resource

from core import publication
from core.route_kinds import HTTP_ROUTE
from stacks.cluster_api import ClusterApi

PROJECT = "branch-environments"
ROOT = Path(__file__).resolve().parents[2]
READ_STACK_OUTPUTS = "pulumi:pulumi:readStackOutputs"
RENDER_CHART = "kubernetes:helm:template"

CLUSTER = "0c1f3a52-8a2e-4b62-9d0e-2f6f3f9a7b10"
"""UID of the cluster's namespace kube-system."""
BASE_CONTRACT: Mapping[str, Any] = {
    "contract": 2,
    "name": "base-local",
    "cluster": CLUSTER,
    "platform": "local",
    "gateway": "istio-system/gateway",
    "scheme": "http",
    "port": 8080,
    "apps": {
        "shop": {
            "namespace": "shop",
            "domain": "shop.localhost",
            "serviceAccount": "shop",
            "defaultBranch": "main",
            "reservedSlugs": ["main", "staging"],
            "kinds": ["Job", "CronJob"],
        }
    },
}


Test = TypeVar("Test", bound=Callable[..., Any])
pulumi_test: Callable[[Test], Test] = pulumi.runtime.test
"""Awaits every Output that a test touches; without it a failing assertion in an `apply` passes unseen."""


def cluster(version: str = "1.30", objects: Mapping[str, Any] | None = None) -> ClusterApi:
    """Return an API server of a version that has nothing but Gateway API's kinds, or what is given by path."""
    major, _, minor = version.partition(".")
    known: Mapping[str, Any] = {
        "/version": {"major": major, "minor": minor},
        publication.CLUSTER_ID_PATH: {"metadata": {"uid": CLUSTER}},
        f"/apis/{HTTP_ROUTE.api_version}": {"resources": [{"kind": HTTP_ROUTE.kind, "name": HTTP_ROUTE.resource}]},
        **(objects or {}),
    }

    def answer(request: httpx2.Request) -> httpx2.Response:
        found = known.get(request.url.path)
        return httpx2.Response(200, json=found) if found is not None else httpx2.Response(404)

    return ClusterApi(httpx2.Client(base_url="https://cluster", transport=httpx2.MockTransport(answer)))


@dataclass(frozen=True)
class Made:
    """One resource, as the engine was asked for it."""

    type: str
    name: str
    parent: str
    custom: bool
    protect: bool
    aliases: tuple[str, ...]
    """Former names. The SDK itself adds former types of built-in kinds."""
    urns: tuple[str, ...]
    """All URNs under which the state may know it."""
    depends_on: tuple[str, ...]
    """All that is made before it."""
    replaced_with: str | None
    """What it is replaced with a change of, delete first."""
    hooks: tuple[str, ...]
    """Asked before it is made, by their names."""
    ignored: tuple[str, ...]
    """Inputs whose changes leave it as it is."""
    properties_from: dict[str, tuple[str, ...]]
    """By input: what its value came from. If that is replaced, and the input is one that cannot change, so is this."""
    inputs: dict[str, Any]

    @property
    def metadata(self) -> dict[str, Any]:
        """The Kubernetes metadata."""
        found: dict[str, Any] = self.inputs.get("metadata", {})
        return found


@dataclass
class Recorder(pulumi.runtime.Mocks):
    """Answers as a cluster with one base stack would."""

    contracts: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"base-local": BASE_CONTRACT})
    """What base stacks have published in the cluster, by their names."""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    """The stack's own, of its last `up`."""
    made: list[Made] = field(default_factory=list)
    exports: dict[str, Any] = field(default_factory=dict)
    transforms: list[pulumi.ResourceTransform] = field(default_factory=list)
    cluster: ClusterApi | None = None
    """None: a current one."""
    objects: Mapping[str, Any] = field(default_factory=dict)
    """What that has beside the contracts, by path."""
    chart: Sequence[Mapping[str, Any]] | str | None = None
    """What a chart is rendered to: its objects, or why it cannot be; None: to what a URL needs."""
    crds: Sequence[Mapping[str, Any]] = ()
    """What lies in its folder `crds`."""
    hooks: dict[str, pulumi.ResourceHook] = field(default_factory=dict)

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        """Return an id for every resource, with its inputs; a uid for every object."""
        state = dict(args.inputs)
        if args.typ in _CLOUD:
            state |= _CLOUD[args.typ](args.inputs)
        if "metadata" in state:
            state["metadata"] = {**state["metadata"], "uid": f"{args.name}-uid"}
        return f"{args.name}-id", state

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        """Answer what a StackReference asks, of the stack itself, and render charts."""
        if args.token == RENDER_CHART:
            if isinstance(self.chart, str):
                raise _Refused(self.chart)
            asked = json.loads(args.args["jsonOpts"])
            crds = [] if asked["skip_crd_rendering"] else self.crds
            return {"result": [*crds, *(_reached(asked) if self.chart is None else self.chart)]}, []
        assert args.token == READ_STACK_OUTPUTS, f"a stack asks for nothing but its own last outputs, not {args.token}"
        own = f"organization/{PROJECT}/{pulumi.get_stack()}"
        name = args.args["name"]
        assert name == own, f"another stack's state, with the secrets in it, is nobody else's to open: {name}"
        return {"name": name, "outputs": dict(self.outputs), "secretOutputNames": []}, []

    def connected(self) -> ClusterApi:
        """Return the cluster, with what base stacks have published in it."""
        return self.cluster or cluster(
            objects={
                publication.path(name): {"data": {publication.KEY: json.dumps(contract)}}
                for name, contract in self.contracts.items()
            }
            | dict(self.objects)
        )

    def of_type(self, suffix: str) -> list[Made]:
        """Return what was made of one kind, e.g. `:Deployment`."""
        return [each for each in self.made if each.type.endswith(suffix)]


def _reached(asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a route, as the sample app's chart makes one of its URL; of a chart that knows none, a Service."""
    name, url = asked["release_name"], asked["values"].get("url")
    found = {"metadata": {"name": name, "namespace": asked["namespace"]}}
    if not url:
        spec = {"selector": {"app.kubernetes.io/instance": name}, "ports": [{"port": 80}]}
        return [{"apiVersion": "v1", "kind": "Service", **found, "spec": spec}]
    route = {"hosts": [urlsplit(url).hostname], "gateways": ["istio-system/gateway"]}
    return [{"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", **found, "spec": route}]


def _proofs(inputs: Mapping[str, Any]) -> dict[str, Any]:
    names = [inputs["domainName"], *inputs.get("subjectAlternativeNames", [])]
    # In no particular order, as ACM gives them.
    options = [
        {
            "domainName": name,
            "resourceRecordName": f"_proof.{name.removeprefix('*.')}.",
            "resourceRecordType": "CNAME",
            "resourceRecordValue": f"_{name.removeprefix('*.')}.acm-validations.aws.",
        }
        for name in reversed(names)
    ]
    return {
        "arn": f"arn:aws:acm:eu-west-1:123456789012:certificate/{inputs['domainName'].removeprefix('*.')}",
        "domainValidationOptions": options,
    }


# What the clouds (and the controllers of load balancers) add to what they are given.
_CLOUD: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "aws:acm/certificate:Certificate": _proofs,
    "aws:iam/role:Role": lambda inputs: {
        "arn": f"arn:aws:iam::123456789012:role{inputs.get('path', '/')}{inputs['name']}"
    },
    "aws:iam/policy:Policy": lambda inputs: {
        "arn": f"arn:aws:iam::123456789012:policy{inputs.get('path', '/')}{inputs['name']}"
    },
    "gcp:projects/iAMCustomRole:IAMCustomRole": lambda inputs: {
        "name": f"projects/{inputs['project']}/roles/{inputs['roleId']}"
    },
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": lambda inputs: {
        "arn": f"arn:aws:iam::123456789012:oidc-provider/{inputs['url'].removeprefix('https://')}"
    },
    "aws:eks/identityProviderConfig:IdentityProviderConfig": lambda inputs: {
        "arn": f"arn:aws:eks:eu-west-1:123456789012:identityproviderconfig/{inputs['clusterName']}/oidc/gitlab/1"
    },
    "aws:kms/key:Key": lambda inputs: {
        "arn": f"arn:aws:kms:eu-west-1:123456789012:key/{inputs['description'].rpartition(' ')[2]}",
        "keyId": inputs["description"].rpartition(" ")[2],
    },
    "aws:route53/zone:Zone": lambda _: {"nameServers": ["ns-1.awsdns-01.org"]},
    "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider": lambda _: {
        "name": "projects/123456789012/locations/global/workloadIdentityPools/gitlab/providers/gitlab"
    },
    "aws:route53/record:Record": lambda inputs: {"fqdn": inputs["name"]},
    "gcp:compute/globalAddress:GlobalAddress": lambda _: {"address": "203.0.113.7"},
    "gcp:serviceaccount/account:Account": lambda inputs: {
        "email": f"{inputs['accountId']}@{inputs['project']}.iam.gserviceaccount.com",
        "name": f"projects/{inputs['project']}/serviceAccounts/{inputs['accountId']}",
    },
    "kubernetes:networking.k8s.io/v1:Ingress": lambda _: {
        "status": {"loadBalancer": {"ingress": [{"hostname": "branches-1.elb.amazonaws.com"}]}}
    },
}


class _Monitor(mocks.MockMonitor):
    """Sees what mocks alone are not told: parent, protect, aliases, dependencies."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(recorder)
        self.recorder = recorder

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - gRPC's name
        if request.type != "pulumi:pulumi:Stack":
            self.recorder.made.append(
                Made(
                    type=request.type,
                    name=request.name,
                    parent=request.parent,
                    custom=request.custom,
                    protect=request.protect,
                    aliases=tuple(alias.spec.name for alias in request.aliases if alias.spec.name),
                    urns=tuple(alias.urn for alias in request.aliases if alias.urn),
                    depends_on=tuple(sorted(request.dependencies)),
                    replaced_with=request.replacement_trigger.string_value
                    if request.HasField("replacement_trigger") and request.deleteBeforeReplace
                    else None,
                    hooks=tuple(request.hooks.before_create),
                    ignored=tuple(request.ignoreChanges),
                    properties_from={
                        name: tuple(sorted(each.urns)) for name, each in request.propertyDependencies.items()
                    },
                    inputs=plain(rpc.deserialize_properties(request.object)),
                )
            )
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]


class _Callbacks:
    """Keeps the transforms that a remote component is given, instead of serving them to an engine."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def register_transform(self, transform: pulumi.ResourceTransform) -> callback_pb2.Callback:
        self._recorder.transforms.append(transform)
        return callback_pb2.Callback(token="transform", target="nowhere")

    def register_resource_hook(self, hook: pulumi.ResourceHook) -> None:
        self._recorder.hooks[hook.name] = hook


def install(recorder: Recorder, stack: str, *, preview: bool = False) -> None:
    """Let the Pulumi runtime talk to the recorder."""
    # Tests that use `asyncio.run` leave the thread without a loop, which mocks need already here.
    asyncio.set_event_loop(asyncio.new_event_loop())
    # Without this the last test's stack, with its exports, would go on.
    set_root_resource(None)  # type: ignore[arg-type]
    pulumi.runtime.set_mocks(
        recorder,
        project=PROJECT,
        stack=stack,
        preview=preview,
        organization="organization",
        monitor=_Monitor(recorder),
    )
    SETTINGS.callbacks = _Callbacks(recorder)


def run_program(
    stack: str, config: Mapping[str, Any] | None = None, recorder: Recorder | None = None, *, preview: bool = False
) -> Recorder:
    """Run __main__.py as `pulumi up` would, and give all that it asked for."""
    recorder = recorder or Recorder()
    install(recorder, stack, preview=preview)
    texts = {
        f"{PROJECT}:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in (config or {}).items()
    }
    set_all_config(texts)

    @pulumi_test
    def body() -> pulumi.Output[Any]:
        try:
            runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")
        except SystemExit as e:  # settings were refused, and the person was told
            raise e.__cause__ or e from None
        exports = getattr(get_root_resource(), "outputs", {})
        return pulumi.Output.from_input(dict(exports)).apply(lambda values: recorder.exports.update(plain(values)))

    interrupted = signal.getsignal(signal.SIGINT)
    try:
        with patch("stacks.cluster_api.connect", lambda *_: recorder.connected()):
            body()
    finally:
        signal.signal(signal.SIGINT, interrupted)
        set_all_config({})
    return recorder


def plain(value: Any) -> Any:
    """Turn whole floats, which is how numbers travel, back into integers."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


class _Refused(grpc.RpcError):  # type: ignore[misc] # grpc has no types
    """What the engine answers when a function fails."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self._message = message

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNKNOWN

    def details(self) -> str:
        return self._message
