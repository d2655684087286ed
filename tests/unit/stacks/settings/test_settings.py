"""Every mistake is met before anything is made: with its field, value, rule and fix."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stacks.settings.errors import SettingsError
from tests.unit.recording import BASE_CONTRACT, ROOT, Recorder, run_program

IMAGE = "registry.example.com/shop:1.0"
BASE = {"platform": "local", "apps": [{"name": "shop", "domain": "shop.localhost"}]}


def refused(run: Callable[[Recorder], Any]) -> str:
    """Return the message, after checking what holds for all of them."""
    recorder = Recorder()
    with pytest.raises(SettingsError) as caught:
        run(recorder)
    assert not recorder.made, "a mistake in the settings must be met before the first resource"
    for problem in caught.value.problems:
        assert problem.field, f"says no field: {problem}"
        assert problem.rule, f"says no rule: {problem}"
        assert problem.fix, f"says no fix: {problem}"
        assert problem.value, f"says no value: {problem}"
    return str(caught.value)


def from_file(tmp_path: Path, text: str, **config: Any) -> str:
    """Return the message about an environment file."""
    path = tmp_path / "environment.yaml"
    path.write_text(text, encoding="utf-8")
    return refused(lambda recorder: run_program("shop.x", {"environment": str(path), **config}, recorder))


BAD_FILES = {
    "is not YAML": ("image: [", "the environment file is YAML"),
    "is a list": ("- image: a", "is a mapping"),
    "is empty": ("", "is a mapping"),
    "has an unknown key": (f"image: {IMAGE}\nprot: 80", "did you mean port?"),
    "has a key of an older version": ("chart: {path: ., places: {branch: a}}", "write valuePaths instead of places"),
    "has an unknown key deep inside": (f"image: {IMAGE}\nprobes: {{startup: {{perid: 1}}}}", "known here"),
    "has an unknown key of a workload": (f"workloads: {{web: {{image: {IMAGE}, comand: [a]}}}}", "mean command?"),
    "has a port out of range": (f"image: {IMAGE}\nport: 99999", "less than or equal to 65535"),
    "has a port that is no number": (f"image: {IMAGE}\nport: http", "valid integer"),
    "has a bad image": ("image: 'Shop:1.0 '", "environment.yaml: image"),
    "has no image": ("port: 80", "every workload runs a container image"),
    "claims a path twice in one workload": (f"image: {IMAGE}\nroutes: [{{path: /}}, {{path: /}}]", "claimed twice"),
    "claims a path by two workloads": (
        f"workloads: {{a: {{image: {IMAGE}, routes: [{{path: /x}}]}}, b: {{image: {IMAGE}, routes: [{{path: /x/}}]}}}}",
        "a and b both claim the path /x",
    ),
    "has several workloads and no route": (
        f"workloads: {{a: {{image: {IMAGE}}}, b: {{image: {IMAGE}}}}}",
        "at least one workload answers",
    ),
    "has a workload name with two dashes": (
        f"workloads: {{a--b: {{image: {IMAGE}}}}}",
        "the name of a workload, a job or a volume is at most",
    ),
    "has a workload called canary": (f"workloads: {{canary: {{image: {IMAGE}}}}}", "kept for the environment"),
    "has a long workload name with a canary": (
        f"workloads: {{checkout-service: {{image: {IMAGE}, canary: {{image: {IMAGE}, weight: 5}}}}}}",
        "at most 13",
    ),
    "has a job called as a workload": (
        f"workloads: {{web: {{image: {IMAGE}}}}}\njobs: {{web: {{image: {IMAGE}}}}}",
        "call it e.g. web-job",
    ),
    "has a job with a misspelt workload": (
        f"workloads: {{web: {{image: {IMAGE}}}}}\njobs: {{migrate: {{workload: wep}}}}",
        "did you mean web?",
    ),
    "has a job that needs the only workload": (
        f"image: {IMAGE}\njobs: {{migrate: {{needs: [web]}}}}",
        "the only workload lends its image",
    ),
    "has a job without an image": (
        f"workloads: {{web: {{image: {IMAGE}, routes: [{{}}]}}, db: {{image: {IMAGE}}}}}\njobs: {{migrate: {{}}}}",
        "jobs: {migrate: {workload: db}}",
    ),
    "has a folder that is none": (f"image: {IMAGE}\nscratch: {{cache: 1Gi}}", "write e.g. /var/cache/app"),
    "has a folder without a size": (f"image: {IMAGE}\nscratch: {{/cache: 1}}", "a size has a unit"),
    "has a volume for several pods": (
        f"image: {IMAGE}\nreplicas: 2\nvolumes: {{data: {{path: /data, size: 1Gi}}}}",
        "take canary and replicas out",
    ),
    "has a volume where a scratch folder is": (
        f"image: {IMAGE}\nscratch: {{/data: 1Gi}}\nvolumes: {{data: {{path: /data, size: 1Gi}}}}",
        "/data is the path of two folders",
    ),
    "has a volume without a size": (f"image: {IMAGE}\nvolumes: {{data: {{path: /data}}}}", "volumes.data.size"),
    "has a schedule with a long name": (
        f"image: {IMAGE}\nschedules: {{nightly-report: {{schedule: '@daily'}}}}",
        "call it e.g. nightly-re",
    ),
    "has a schedule that is none": (f"image: {IMAGE}\nschedules: {{nightly: {{schedule: daily}}}}", "schedule"),
    "has a job and a schedule of one name": (
        f"image: {IMAGE}\njobs: {{a: {{}}}}\nschedules: {{a: {{schedule: '@daily'}}}}",
        "rename one of them",
    ),
    "has jobs beside a chart": (
        "chart: {path: chart}\njobs: {migrate: {}}",
        "take jobs out, and make them part of the chart",
    ),
    "has a weight of 100": (f"image: {IMAGE}\ncanary: {{image: {IMAGE}, weight: 100}}", "less than or equal to 99"),
    "has a path without a slash": (f"image: {IMAGE}\nroutes: [{{path: api}}]", "starts with a slash"),
    "has a path with a wildcard": (f"image: {IMAGE}\nroutes: [{{path: '/api/*'}}]", "starts with a slash"),
    "has a timeout without unit": (f"image: {IMAGE}\nroutes: [{{timeout: '10'}}]", "routes[0].timeout"),
    "has two kinds of environment": (f"image: {IMAGE}\nchart: {{path: chart}}", "chart, image stand side by side"),
    "has workloads and a chart": (
        f"workloads: {{a: {{image: {IMAGE}}}}}\nchart: {{path: chart}}",
        "workloads, chart stand side by side",
    ),
    "has a variable without a value": (f"image: {IMAGE}\nenv: {{A: }}", 'write A: "" for an empty one'),
    "has a variable that is a list": (f"image: {IMAGE}\nenv: {{A: [x, y]}}", 'e.g. A: "a,b"'),
    "has variables as Compose lists them": (
        f"image: {IMAGE}\nenv: [A=s3cret, B=s3cret]",
        "write env: {A: <value>, B: <value>}",
    ),
    "has variables as a pod lists them": (
        f"image: {IMAGE}\nenv: [{{name: A, value: s3cret}}]",
        "write env: {A: <value>}",
    ),
    "has a variable name with a dash": (f"image: {IMAGE}\nenv: {{A-B: x}}", "call it A_B"),
    "has a key twice": (f"image: {IMAGE}\nport: 80\nport: 81", "lines 2 and 3"),
    "has two keys twice": ("env: {A: x, A: y}\nport: 80\nport: 81", "port, twice"),
    "has Compose's services": (f"services: {{web: {{image: {IMAGE}}}}}", "call it workloads:"),
    "has Compose's ports": (f'services: {{web: {{image: {IMAGE}, ports: ["8080:80"]}}}}', "write port: 80,"),
    "has Compose's environment": (
        f"workloads: {{web: {{image: {IMAGE}, environment: [A=s3cret]}}}}",
        "write env: {A: <value>}",
    ),
    "has Compose's order": (f"workloads: {{web: {{image: {IMAGE}, depends_on: [db]}}}}", "start together"),
    "has an extension of one's own": (f"x-common: &a {{path: /}}\nimage: {IMAGE}\nprobes: *a", "first used"),
    "has a chart's word": (f"image: {IMAGE}\nreplicaCount: 3", "write replicas: 3"),
    "has a pod's word": (f"image: {IMAGE}\ncontainerPort: 80", "write port: 80"),
    "has an image with a scheme": ("image: https://reg.io/Acme/Shop:1.0", "write reg.io/acme/shop:1.0"),
    "has an image with a variable": ("image: $CI_REGISTRY_IMAGE:1", "nothing has filled in"),
    "has a value of a chart that readers differ on": (
        "chart: {path: examples/shop/chart, values: {country: NO}}",
        'country: "NO"',
    ),
    "has a bare host as origin": (
        f"image: {IMAGE}\nroutes: [{{cors: {{allowOrigins: [app.example.com]}}}}]",
        "write https://app.example.com",
    ),
    "has an origin with a slash": (
        f"image: {IMAGE}\nroutes: [{{cors: {{allowOrigins: ['https://A.example.com:443/']}}}}]",
        "write https://a.example.com",
    ),
    "has an origin that is none": (
        f"image: {IMAGE}\nroutes: [{{cors: {{allowOrigins: ['https://a*.example.com']}}}}]",
        "write it as the browser's Origin header has it",
    ),
    "has a method in lower case": (
        f"image: {IMAGE}\nroutes: [{{cors: {{allowOrigins: ['*'], allowMethods: [get]}}}}]",
        "write GET",
    ),
    "has a retry condition that Envoy has not": (
        f"image: {IMAGE}\nroutes: [{{retries: {{retryOn: conect-failure}}}}]",
        "write connect-failure",
    ),
    "has a timeout of no unit": (f"image: {IMAGE}\nroutes: [{{timeout: '10'}}]", 'write e.g. timeout: "10s"'),
    "has a reference to two things": (
        f"image: {IMAGE}\nenv: {{A: {{secretKeyRef: {{name: s, key: k}}, configMapKeyRef: {{name: c, key: k}}}}}}",
        "exactly one of secretKeyRef and configMapKeyRef",
    ),
    "has a request above its limit": (
        f"image: {IMAGE}\nresources: {{requests: {{memory: 2Gi}}, limits: {{memory: 1Gi}}}}",
        "request 2Gi is above its limit 1Gi",
    ),
    "has a quantity that is none": (f"image: {IMAGE}\nresources: {{requests: {{cpu: 2 cores}}}}", "requests.cpu"),
    "has a size without a unit": (f"image: {IMAGE}\nresources: {{requests: {{memory: 64}}}}", "write 64Mi"),
    "has a size in thousandths": (f"image: {IMAGE}\nresources: {{limits: {{memory: 512m}}}}", "write 512Mi"),
    "has a size in Docker's unit": (f"image: {IMAGE}\nresources: {{limits: {{ephemeralStorage: 2GB}}}}", "write 2Gi"),
    "has no value for the port": (f"image: {IMAGE}\nport:", "write port: none"),
    "has a protocol that is none": (f"image: {IMAGE}\nprotocol: https", "protocol"),
    "routes to plain TCP": (
        f"workloads: {{db: {{image: {IMAGE}, protocol: tcp, port: 5432, routes: [{{path: /}}]}}}}",
        "write protocol: http, http2 or grpc",
    ),
    "routes to a worker": (
        f"workloads: {{db: {{image: {IMAGE}, port: none, routes: [{{path: /}}]}}}}",
        "listens on no port is reached by nobody",
    ),
    "has nothing but plain TCP": (f"image: {IMAGE}\nprotocol: tcp\nport: 5432", "at least one workload answers"),
    "asks a gRPC workload by path": (
        f"image: {IMAGE}\nprotocol: grpc\nprobes: {{path: /healthz}}",
        'write probes: {grpc: ""}',
    ),
    "asks a worker by path": (
        f"workloads: {{w: {{image: {IMAGE}, port: none, probes: {{path: /healthz}}}}}}",
        "let it run a command",
    ),
    "asks by path and by gRPC": (f"image: {IMAGE}\nprobes: {{path: /x, grpc: ''}}", "not by both"),
    "runs as root by half": (f"image: {IMAGE}\nsecurity: {{runAsUser: 0}}", "runAsUser 0 is root"),
    "says twice who it is": (f"image: {IMAGE}\nrunAs: root\nsecurity: {{runAsUser: 5}}", "take runAsUser out"),
    "has Compose's root": (f"services: {{web: {{image: {IMAGE}, user: root}}}}", "write runAs: root"),
    "drains longer than it may stop": (f"image: {IMAGE}\ndrainSeconds: 9", "raise terminationGracePeriodSeconds"),
    "has a probe of two kinds": (
        f"image: {IMAGE}\nprobes: {{liveness: {{path: /x, command: [y]}}}}",
        "a path or a command, not both",
    ),
    "allows cookies to every site": (
        f"image: {IMAGE}\nroutes: [{{cors: {{allowOrigins: ['*'], allowCredentials: true}}}}]",
        "list the origins",
    ),
    "names a chart that is not there": ("chart: {path: nowhere}", "a chart is a folder that holds Chart.yaml"),
}


@pytest.mark.parametrize(("text", "expected"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_an_environment_file_is_refused_if_it(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in from_file(tmp_path, text), "the message must say what is wrong and what to do"


def test_an_environment_file_that_is_not_there_is_named() -> None:
    message = refused(lambda recorder: run_program("shop.x", {"environment": "nowhere.yaml"}, recorder))
    assert "nowhere.yaml" in message, "a person must see which path was tried"


def test_all_mistakes_come_in_one_message(tmp_path: Path) -> None:
    text = "image: 'A B'\nport: 0\nreplicas: many\nprobes: {pth: /}\nenv: {A-B: 1}\n"
    message = from_file(tmp_path, text, base="base-nowhere", branch="a..b", readyTimeoutSeconds="soon", imag="x")
    for field in ("image", "port", "replicas", "probes.pth", "env.A-B", "base-nowhere", "a..b", "soon", "imag"):
        assert field in message, f"{field} is missing: a person would need another round for it"


def test_the_value_of_a_variable_is_not_shown(tmp_path: Path) -> None:
    message = from_file(tmp_path, f"image: {IMAGE}\nenv: {{PASSWORD: [hunter2]}}")
    assert "hunter2" not in message, "logs of CI are read by many"


BAD_BRANCH_STACKS = {
    "no image": ({}, "there is no image"),
    "a bad image": ({"image": "shop 1"}, "branch-environments: image"),
    "an unknown key": ({"image": IMAGE, "brnach": "x"}, "did you mean branch?"),
    "a key of a base stack": ({"image": IMAGE, "platform": "local"}, "belongs to a base stack"),
    "a file and a chart": ({"environment": "a.yaml", "chart": "b"}, "two ways to say what runs"),
    "an unknown base": ({"image": IMAGE, "base": "base-nowhere"}, "this cluster has no base stack base-nowhere"),
    "a base that is none": ({"image": IMAGE, "base": "acme/p/base-dev"}, "a base stack is called base-<cluster>"),
    "an empty branch, as from an empty CI variable": ({"image": IMAGE, "branch": ""}, "a branch name is not empty"),
    "a branch that git refuses": ({"image": IMAGE, "branch": "../x"}, "git refuses branch names"),
    "another branch's name": ({"image": IMAGE, "branch": "other"}, "so its stack is shop.other, not shop.x"),
    "a timeout that is none": ({"image": IMAGE, "readyTimeoutSeconds": "0.5"}, "readyTimeoutSeconds"),
    "images of unknown workloads": ({"image": IMAGE, "images": {"web": IMAGE}}, "there is no workload web"),
    "an image instead of images": (
        {"image": IMAGE, "environment": str(ROOT / "examples/shop/several-workloads.yaml")},
        "one image cannot serve several workloads",
    ),
    "images of a chart's workloads": (
        {"images": {"web": IMAGE}, "chart": str(ROOT / "examples/shop/chart")},
        "says where in the chart's values each image goes",
    ),
    "a wake without sleep": ({"image": IMAGE, "waking": "true"}, "only what is asleep can wake"),
    "a sleep that is neither": ({"image": IMAGE, "asleep": "soon"}, "branch-environments: asleep"),
    "a link that would run": ({"image": IMAGE, "asleepLink": "javascript:alert(1)"}, "branch-environments: asleepLink"),
    "images that are text": ({"images": "web=a"}, "pulumi config set --path"),
}


@pytest.mark.parametrize(("config", "expected"), BAD_BRANCH_STACKS.values(), ids=BAD_BRANCH_STACKS.keys())
def test_a_branch_stack_is_refused_with(config: dict[str, Any], expected: str) -> None:
    message = refused(lambda recorder: run_program("shop.x", config, recorder))
    assert expected in message, "the message must say what is wrong and what to do"


def test_an_unknown_app_is_refused_with_the_known_ones() -> None:
    message = refused(lambda recorder: run_program("shap.x", {"image": IMAGE}, recorder))
    assert "base-local has no app shap" in message, "the app is the stack name's first part"
    assert "did you mean shop?" in message, "the nearest app is what was probably meant"


@pytest.mark.parametrize("branch", ["main", "staging"])
def test_a_reserved_branch_gets_no_environment_of_that_name(branch: str) -> None:
    message = refused(lambda recorder: run_program(f"shop.{branch}", {"image": IMAGE}, recorder))
    expected = "Argo CD syncs it" if branch == "main" else "so its stack is shop.staging-"
    assert expected in message, "the objects of main and of a branch called so would be the same"


BAD_CONTRACTS = {
    "is something else": ({"url": "http://x"}, "is damaged"),
    "is older": ({**BASE_CONTRACT, "contract": 1}, "pulumi up -s base-local"),
    "is newer": ({**BASE_CONTRACT, "contract": 3}, "use the program that base-local was brought up with"),
    "is half": ({"contract": 2}, "name is missing"),
}


@pytest.mark.parametrize(("outputs", "expected"), BAD_CONTRACTS.values(), ids=BAD_CONTRACTS.keys())
def test_a_branch_stack_is_refused_if_its_base(outputs: dict[str, Any], expected: str) -> None:
    recorder = Recorder(contracts={"base-local": outputs})
    with pytest.raises(SettingsError) as caught:
        run_program("shop.x", {"image": IMAGE}, recorder)
    assert expected in str(caught.value), "the message must say what is wrong with the base and what to do"
    assert not recorder.made, "nothing may be made on a base that is not there"


BAD_BASES = {
    "nothing": ({}, "platform"),
    "an unknown platform": ({**BASE, "platform": "aks"}, "'local'"),
    "no app": ({**BASE, "apps": []}, "apps"),
    "an unknown key of an app": ({**BASE, "apps": [{**BASE["apps"][0], "domian": "x"}]}, "did you mean domain?"),  # type: ignore[dict-item]
    "an app name with capitals": ({**BASE, "apps": [{"name": "Shop", "domain": "a.b"}]}, "apps[0].name"),
    "a wildcard domain": ({**BASE, "apps": [{"name": "shop", "domain": "*.a.b"}]}, "no wildcard"),
    "a domain in capitals": ({**BASE, "apps": [{"name": "shop", "domain": "A.b"}]}, "lower case"),
    "a domain with a trailing dot": ({**BASE, "apps": [{"name": "shop", "domain": "a.b."}]}, "trailing dot"),
    "a domain with an underscore": ({**BASE, "apps": [{"name": "shop", "domain": "a_b.c"}]}, "underscore"),
    "a namespace of the cluster": (
        {**BASE, "apps": [{"name": "shop", "domain": "a.b", "namespace": "kube-system"}]},
        "belongs to the cluster",
    ),
    "an app called as a namespace of the cluster": (
        {**BASE, "apps": [{"name": "default", "domain": "a.b"}]},
        "belongs to the cluster",
    ),
    "two apps of one domain": (
        {**BASE, "apps": [{"name": "a", "domain": "x.y"}, {"name": "b", "domain": "x.y"}]},
        "two apps have the domain x.y",
    ),
    "two apps of one namespace": (
        {**BASE, "apps": [{"name": "a", "domain": "x.y"}, {"name": "b", "domain": "z.y", "namespace": "a"}]},
        "two apps have the namespace a",
    ),
    "a domain inside another's wildcard": (
        {**BASE, "apps": [{"name": "a", "domain": "y"}, {"name": "b", "domain": "x.y"}]},
        "lies inside",
    ),
    "a key of a branch stack": ({**BASE, "image": IMAGE}, "belongs to a branch stack"),
    "a bad reserved slug": (
        {**BASE, "apps": [{"name": "shop", "domain": "a.b", "reservedSlugs": ["A/B"]}]},
        "a reserved slug is",
    ),
    "apps that are text": ({**BASE, "apps": "shop"}, "pulumi config set --path"),
}


@pytest.mark.parametrize(("config", "expected"), BAD_BASES.values(), ids=BAD_BASES.keys())
def test_a_base_stack_is_refused_with(config: dict[str, Any], expected: str) -> None:
    message = refused(lambda recorder: run_program("base-local", config, recorder))
    assert expected in message, "the message must say what is wrong and what to do"


@pytest.mark.parametrize(
    "stack", ["dev", "shop", "shop.", ".x", "base", "base-", "Shop.x", "shop.x.y", "shop.a/b", "bootstrap-azure"]
)
def test_a_stack_of_no_known_kind_is_refused(stack: str) -> None:
    recorder = Recorder()
    with pytest.raises(Exception, match=r"a stack is called base-<cluster>, <app>\.<slug>"):
        run_program(stack, {"image": IMAGE}, recorder)
    assert not recorder.made, "nothing may be made by a stack that is neither kind"
