"""Manifests of a workload: their defaults, and what a file can change."""

from typing import Any

import pytest

from stacks.settings.errors import SettingsError
from tests.unit.recording import BASE_CONTRACT, Recorder, run_program

IMAGE = "shop.local/shop:1.0"


def environment(tmp_path: Any, text: str, stack: str = "shop.x", recorder: Recorder | None = None) -> Recorder:
    path = tmp_path / "environment.yaml"
    path.write_text(text, encoding="utf-8")
    return run_program(stack, {"environment": str(path)}, recorder)


def pod(recorder: Recorder, index: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = recorder.of_type(":Deployment")[index].inputs["spec"]["template"]["spec"]
    return found


def container(recorder: Recorder) -> dict[str, Any]:
    found: dict[str, Any] = pod(recorder)["containers"][0]
    return found


def rules(recorder: Recorder) -> list[dict[str, Any]]:
    (made,) = recorder.of_type(":VirtualService")
    found: list[dict[str, Any]] = made.inputs["spec"]["http"]
    return found


@pytest.fixture
def plain_image(tmp_path: Any) -> Recorder:
    return environment(tmp_path, f"image: {IMAGE}")


def test_a_pod_may_do_no_more_than_it_must(plain_image: Recorder) -> None:
    assert pod(plain_image)["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }, "the restricted Pod Security Standard"
    assert container(plain_image)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": False,
        "capabilities": {"drop": ["ALL"]},
    }, "the restricted Pod Security Standard"
    assert pod(plain_image)["automountServiceAccountToken"] is False, "a branch's code has no business with the API"


def test_every_security_default_can_be_overridden(tmp_path: Any) -> None:
    recorder = environment(
        tmp_path,
        f"image: {IMAGE}\nautomountServiceAccountToken: true\nsecurity: {{runAsUser: null, runAsGroup: 7, "
        "runAsNonRoot: false, allowPrivilegeEscalation: true, readOnlyRootFilesystem: true, "
        "addCapabilities: [NET_RAW], dropCapabilities: [], seccompProfile: Unconfined}\n",
    )
    assert pod(recorder)["securityContext"] == {
        "runAsNonRoot": False,
        "runAsGroup": 7,
        "seccompProfile": {"type": "Unconfined"},
    }, "null takes the image's own user"
    assert container(recorder)["securityContext"] == {
        "allowPrivilegeEscalation": True,
        "readOnlyRootFilesystem": True,
        "capabilities": {"add": ["NET_RAW"]},
    }, "each default can be overridden"
    assert container(recorder)["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}], "programs need a /tmp"
    assert pod(recorder)["automountServiceAccountToken"] is True, "each default can be overridden"


def test_folders_that_may_be_written_to_have_a_size_and_go_with_the_pod(tmp_path: Any) -> None:
    recorder = environment(
        tmp_path,
        f"image: {IMAGE}\nscratch: {{/var/cache/app: 1Gi, /tmp/: 10Mi}}\nsecurity: {{readOnlyRootFilesystem: true}}\n",
    )
    volumes = {each["name"]: each["emptyDir"] for each in pod(recorder)["volumes"]}
    mounts = {each["mountPath"]: volumes[each["name"]] for each in container(recorder)["volumeMounts"]}
    assert mounts == {"/var/cache/app": {"sizeLimit": "1Gi"}, "/tmp": {"sizeLimit": "10Mi"}}, "each once"


def test_a_volume_is_a_claim_of_the_branchs_data_that_one_pod_has_at_a_time(tmp_path: Any) -> None:
    app = {**BASE_CONTRACT["apps"]["shop"], "kinds": ["PersistentVolumeClaim"]}
    keeping = Recorder(contracts={"base-local": {**BASE_CONTRACT, "apps": {"shop": app}}})
    text = f"image: {IMAGE}\nvolumes: {{files: {{path: /var/lib/app, size: 2Gi, storageClass: fast}}}}\n"
    recorder = environment(tmp_path, text, recorder=keeping)
    (claim,) = recorder.of_type(":PersistentVolumeClaim")
    assert claim.metadata["name"].endswith("--files--0"), "with the name of its data: a reset makes another"
    assert claim.metadata["ownerReferences"], "it goes with the anchor, whoever deletes that"
    assert claim.inputs["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "fast",
        "resources": {"requests": {"storage": "2Gi"}},
    }, "as the file says"
    (volume,) = pod(recorder)["volumes"]
    assert volume["persistentVolumeClaim"] == {"claimName": claim.metadata["name"]}, "the pod has it"
    assert container(recorder)["volumeMounts"] == [{"name": volume["name"], "mountPath": "/var/lib/app"}], "there"
    assert pod(recorder)["securityContext"]["fsGroup"], "and may write to it, whoever made its folder"
    (deployment,) = recorder.of_type(":Deployment")
    assert deployment.inputs["spec"]["strategy"] == {"type": "Recreate"}, "a second pod would wait for the first's"


def test_secrets_are_those_that_the_base_stack_names(tmp_path: Any) -> None:
    app = {**BASE_CONTRACT["apps"]["shop"], "secrets": ["settings"]}
    contracts = {"base-local": {**BASE_CONTRACT, "apps": {"shop": app}}}
    text = "image: {image}\nenv: {{KEY: {{secretKeyRef: {{name: {name}, key: key}}}}}}\n"
    read = environment(tmp_path, text.format(image=IMAGE, name="settings"), recorder=Recorder(contracts=contracts))
    assert any(each["name"] == "KEY" for each in container(read)["env"]), "this one it names"
    with pytest.raises(SettingsError, match=r"isolation\.secrets") as refused:
        environment(tmp_path, text.format(image=IMAGE, name="production"), recorder=Recorder(contracts=contracts))
    assert "env.KEY.secretKeyRef" in str(refused.value), "the message says where the other one stands"


def test_an_image_that_must_begin_as_root_is_one_line(tmp_path: Any) -> None:
    recorder = environment(
        tmp_path, f"image: {IMAGE}\nport: 80\nrunAs: root\nsecurity: {{readOnlyRootFilesystem: true}}"
    )
    whole = pod(recorder)["securityContext"]
    assert (whole["runAsUser"], whole["runAsGroup"], whole["runAsNonRoot"]) == (0, 0, False), "it is root"
    own = container(recorder)["securityContext"]
    assert own["capabilities"]["drop"] == ["ALL"], "and may do no more than such images do"
    assert {"CHOWN", "SETUID", "SETGID", "NET_BIND_SERVICE"} <= set(own["capabilities"]["add"]), "but that"
    assert own["readOnlyRootFilesystem"] is True, "what security says beside it holds"


def test_nobody_waits_for_nothing(plain_image: Recorder) -> None:
    (deployment,) = plain_image.of_type(":Deployment")
    (service,) = plain_image.of_type(":Service")
    assert service.metadata["annotations"]["pulumi.com/skipAwait"] == "true", "its awaiter sleeps 10 s"
    assert deployment.metadata["annotations"]["pulumi.com/deletionPropagationPolicy"] == "background", (
        "foreground deletion waits out the pods' grace period"
    )
    assert "pulumi.com/skipAwait" not in deployment.metadata["annotations"], "a broken Deployment must fail the update"
    assert container(plain_image)["readinessProbe"]["periodSeconds"] == 1, (
        "ready within a second of being able to answer"
    )
    assert "startupProbe" not in container(plain_image), "the kubelet asks it a second late, and readiness after it"
    assert pod(plain_image)["terminationGracePeriodSeconds"] == 5, "pods go quickly"


def test_no_request_fails_during_a_rollout(plain_image: Recorder) -> None:
    spec = plain_image.of_type(":Deployment")[0].inputs["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}, "the old pod stays until then"
    assert container(plain_image)["lifecycle"] == {"preStop": {"sleep": {"seconds": 2}}}, (
        "the gateway must have forgotten the old pod before it stops"
    )
    assert rules(plain_image)[0]["retries"] == {"attempts": 2, "retryOn": "connect-failure,refused-stream"}, (
        "only what the app has surely not seen may be sent again"
    )


def test_up_waits_as_long_as_it_is_told() -> None:
    recorder = run_program("shop.x", {"image": IMAGE, "readyTimeoutSeconds": "30"})
    (deployment,) = recorder.of_type(":Deployment")
    assert deployment.metadata["annotations"]["pulumi.com/timeoutSeconds"] == "30", "the provider's own limit"


def test_what_still_starts_is_neither_killed_nor_asked(tmp_path: Any) -> None:
    file = tmp_path / "environment.yaml"
    file.write_text(f"image: {IMAGE}\nprobes: {{liveness: {{path: /alive}}}}\n")
    recorder = run_program("shop.x", {"environment": str(file), "readyTimeoutSeconds": "30"})
    assert container(recorder)["startupProbe"]["failureThreshold"] == 30, "liveness waits as long as `pulumi up` does"
    without_readiness = container(environment(tmp_path, f"image: {IMAGE}\nprobes: {{readiness: false}}\n"))
    assert "startupProbe" in without_readiness, "nothing else tells when it is up"
    off = container(environment(tmp_path, f"image: {IMAGE}\nprobes: {{startup: false, liveness: {{path: /alive}}}}\n"))
    assert "startupProbe" not in off, "false turns it off"


def test_a_container_knows_where_it_is_and_where_its_siblings_are(tmp_path: Any) -> None:
    recorder = environment(
        tmp_path,
        f"workloads:\n  web: {{image: {IMAGE}, routes: [{{path: /}}], env: {{BRANCH_SLUG: mine}}}}\n"
        f"  slow-api: {{image: {IMAGE}}}\n",
    )
    web = next(each for each in recorder.of_type(":Deployment") if each.name == "x-web-deployment")
    env = {each["name"]: each["value"] for each in web.inputs["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert env == {
        "BRANCH": "x",
        "BRANCH_URL": "http://x.shop.localhost:8080",
        "BRANCH_DATA": "0",
        "SLOW_API_URL": "http://x--slow-api",
        "WEB_URL": "http://x--web",
        "BRANCH_SLUG": "mine",
    }, "a workload's own variables win"


HOSTS = f"""
workloads:
  web: {{image: {IMAGE}, routes: [{{path: /}}]}}
  back-office: {{image: {IMAGE}, routes: [{{host: back-office}}, {{path: /office}}]}}
"""


def test_a_workload_may_answer_at_a_host_of_its_own(tmp_path: Any) -> None:
    recorder = environment(tmp_path, HOSTS)
    (route,) = recorder.of_type(":VirtualService")
    assert route.inputs["spec"]["hosts"] == ["x.shop.localhost", "x--back-office.shop.localhost"], "below the wildcard"
    found = [
        (match["authority"]["prefix"], rule["route"][0]["destination"]["host"])
        for rule in rules(recorder)
        for match in rule["match"]
    ]
    assert found == [
        ("x.shop.localhost", "x--back-office"),
        ("x.shop.localhost", "x--back-office"),
        ("x.shop.localhost", "x--web"),
        ("x--back-office.shop.localhost", "x--back-office"),
    ], "no route answers at a host that is not its own"
    url = "http://x--back-office.shop.localhost:8080"
    env = {each["name"]: each["value"] for each in container(recorder)["env"]}
    assert env["BRANCH_BACK_OFFICE_URL"] == url, "apps make links to it"
    assert recorder.exports["urls"] == {"back-office": url}, "and so do programs"


def test_all_hosts_of_an_environment_sleep_together(tmp_path: Any) -> None:
    file = tmp_path / "environment.yaml"
    file.write_text(HOSTS)
    (route,) = run_program("shop.x", {"environment": str(file), "asleep": "true"}).of_type(":VirtualService")
    assert len(route.inputs["spec"]["hosts"]) == 2, "the page answers at each of them"


def test_a_path_of_a_host_belongs_to_one_workload(tmp_path: Any) -> None:
    twice = HOSTS.replace("{path: /}", "{path: /}, {host: back-office}")
    with pytest.raises(SettingsError, match="both claim the path / of the host back-office"):
        environment(tmp_path, twice)


def test_variables_come_from_values_secrets_and_config_maps(tmp_path: Any) -> None:
    recorder = environment(
        tmp_path,
        f"image: {IMAGE}\nenv:\n  A: 1\n  B: yes\n  C: {{secretKeyRef: {{name: s, key: k}}}}\n"
        "  D: {configMapKeyRef: {name: c, key: k, optional: true}}\n",
    )
    env = {each["name"]: each for each in container(recorder)["env"]}
    assert env["A"]["value"] == "1", "a YAML number was meant as text"
    assert env["B"]["value"] == "yes", "so was what YAML 1.1 takes for a truth value, and as it was written"
    assert env["C"]["valueFrom"] == {"secretKeyRef": {"name": "s", "key": "k"}}, "a secret is referred to, not copied"
    assert env["D"]["valueFrom"] == {"configMapKeyRef": {"name": "c", "key": "k", "optional": True}}, "optional"


@pytest.mark.parametrize(
    ("given", "requests", "limits"),
    [
        ("{}", {"cpu": "50m", "memory": "64Mi"}, {"cpu": "1", "memory": "512Mi"}),
        ("{requests: {memory: 1Gi}}", {"cpu": "50m", "memory": "1Gi"}, {"cpu": "1", "memory": "1Gi"}),
        ("{limits: {memory: 32Mi}}", {"cpu": "50m", "memory": "32Mi"}, {"cpu": "1", "memory": "32Mi"}),
        ("{limits: {cpu: 2}}", {"cpu": "50m", "memory": "64Mi"}, {"cpu": "2", "memory": "512Mi"}),
    ],
)
def test_a_default_gives_way_to_the_side_that_was_given(
    tmp_path: Any, given: str, requests: dict[str, str], limits: dict[str, str]
) -> None:
    recorder = environment(tmp_path, f"image: {IMAGE}\nresources: {given}\n")
    assert container(recorder)["resources"] == {"requests": requests, "limits": limits}, (
        "a request above a default limit would be refused by the API server"
    )


def test_probes_ask_http_where_a_path_is_given_and_tcp_elsewhere(tmp_path: Any) -> None:
    with_path = container(environment(tmp_path, f"image: {IMAGE}\nprobes: {{path: /healthz, readiness: false}}\n"))
    assert with_path["startupProbe"]["httpGet"] == {"path": "/healthz", "port": "http", "scheme": "HTTP"}, "HTTP"
    assert "readinessProbe" not in with_path, "false turns a probe off"
    without = container(environment(tmp_path, f"image: {IMAGE}\nprobes: {{liveness: {{command: [true-ish]}}}}\n"))
    assert without["startupProbe"]["tcpSocket"] == {"port": "http"}, "any server accepts a connection"
    assert without["livenessProbe"]["exec"] == {"command": ["true-ish"]}, "a command probe"


PROTOCOLS = f"""
workloads:
  web: {{image: {IMAGE}, routes: [{{path: /}}]}}
  h2: {{image: {IMAGE}, protocol: http2, port: 8443, routes: [{{path: /h2}}]}}
  greeter: {{image: {IMAGE}, protocol: grpc, port: 50051, probes: {{grpc: ""}}, routes: [{{path: /hello.Greeter}}]}}
  db: {{image: {IMAGE}, protocol: tcp, port: 5432}}
  worker: {{image: {IMAGE}, port: none}}
"""


def test_a_service_says_what_is_spoken_there_and_is_found_where_its_clients_expect_it(tmp_path: Any) -> None:
    recorder = environment(tmp_path, PROTOCOLS)
    ports = {each.name: each.inputs["spec"]["ports"] for each in recorder.of_type(":Service")}
    shown = {
        name: [(port["name"], port["port"], port["targetPort"], port.get("appProtocol")) for port in each]
        for name, each in ports.items()
    }
    assert shown == {
        "x-web-service": [("http", 80, "http", None)],
        "x-h2-service": [("http2", 8443, "http2", "kubernetes.io/h2c")],
        "x-greeter-service": [("grpc", 50051, "grpc", "grpc")],
        "x-db-service": [("tcp", 5432, "tcp", "tcp")],
    }, "Istio reads name and appProtocol; a worker has no Service"
    (route,) = recorder.of_type(":VirtualService")
    to = {each["route"][0]["destination"]["port"]["number"] for each in route.inputs["spec"]["http"]}
    assert to == {80, 8443, 50051}, "routes lead to the Services' own ports"


def test_siblings_are_told_where_each_other_are_in_the_words_of_their_protocol(tmp_path: Any) -> None:
    recorder = environment(tmp_path, PROTOCOLS)
    web = next(each for each in recorder.of_type(":Deployment") if each.name == "x-web-deployment")
    env = {each["name"]: each["value"] for each in web.inputs["spec"]["template"]["spec"]["containers"][0]["env"]}
    variables = {name: value for name, value in env.items() if not name.startswith("BRANCH")}
    assert variables == {
        "WEB_URL": "http://x--web",
        "H2_URL": "http://x--h2:8443",
        "H2_HOST": "x--h2",
        "H2_PORT": "8443",
        "GREETER_URL": "dns:///x--greeter:50051",
        "GREETER_HOST": "x--greeter",
        "GREETER_PORT": "50051",
        "DB_URL": "tcp://x--db:5432",
        "DB_HOST": "x--db",
        "DB_PORT": "5432",
    }, "nobody is told of a worker"


def test_probes_follow_the_protocol(tmp_path: Any) -> None:
    recorder = environment(tmp_path, PROTOCOLS)
    containers = {
        each.name: each.inputs["spec"]["template"]["spec"]["containers"][0] for each in recorder.of_type(":Deployment")
    }
    greeter = containers["x-greeter-deployment"]["readinessProbe"]
    assert greeter["grpc"] == {"port": 50051, "service": ""}, "gRPC's own health check"
    assert "tcpSocket" not in greeter, "a probe has one kind"
    assert containers["x-db-deployment"]["readinessProbe"]["tcpSocket"] == {"port": "tcp"}, "plain TCP is opened"
    worker = containers["x-worker-deployment"]
    assert not {"readinessProbe", "startupProbe", "ports"} & worker.keys(), "nothing is asked of a worker"


def test_a_low_port_can_be_bound_without_root(tmp_path: Any) -> None:
    security = pod(environment(tmp_path, f"image: {IMAGE}\nport: 80"))["securityContext"]
    assert security["sysctls"] == [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}], (
        "many images listen on 80, and this pod is not root"
    )


def test_the_longest_path_comes_first_and_whole_segments_match(tmp_path: Any) -> None:
    recorder = environment(
        tmp_path,
        f"workloads:\n  web: {{image: {IMAGE}, routes: [{{path: /}}]}}\n"
        f"  api: {{image: {IMAGE}, routes: [{{path: /api}}, {{path: /api/v2, rewrite: /v2}}]}}\n",
    )
    found = [
        (rule["match"], rule.get("rewrite", {}).get("uri"), rule["route"][0]["destination"]["host"])
        for rule in rules(recorder)
    ]
    assert found == [
        ([{"uri": {"exact": "/api/v2"}}], "/v2", "x--api"),
        ([{"uri": {"prefix": "/api/v2/"}}], "/v2/", "x--api"),
        ([{"uri": {"exact": "/api"}}, {"uri": {"prefix": "/api/"}}], None, "x--api"),
        ([{"uri": {"prefix": "/"}}], None, "x--web"),
    ], "Istio takes the first rule that matches, and /api is not /apiary"


def test_weights_split_between_services_that_select_different_pods(tmp_path: Any) -> None:
    recorder = environment(tmp_path, f"image: {IMAGE}\ncanary: {{image: {IMAGE}, weight: 20}}\n")
    (rule,) = rules(recorder)
    assert [(each["destination"]["host"], each["weight"]) for each in rule["route"]] == [("x", 80), ("x--canary", 20)]
    selectors = [each.inputs["spec"]["selector"] for each in recorder.of_type(":Service")]
    templates = [each.inputs["spec"]["template"]["metadata"]["labels"] for each in recorder.of_type(":Deployment")]
    matches = [sum(selector.items() <= labels.items() for labels in templates) for selector in selectors]
    assert matches == [1, 1], "a Service that selects both Deployments' pods would split its share again"


def test_routes_carry_retries_timeout_and_cors(tmp_path: Any) -> None:
    recorder = environment(
        tmp_path,
        f"image: {IMAGE}\nroutes: [{{retries: {{attempts: 0}}, timeout: 3s, cors: {{allowOrigins: ['*'], "
        "maxAge: 1h, allowHeaders: [x-a]}}]\n",
    )
    (rule,) = rules(recorder)
    assert rule["retries"] == {"attempts": 0}, "left out, Istio's own default would retry"
    assert rule["timeout"] == "3s", "the request's whole time"
    assert rule["corsPolicy"]["allowOrigins"] == [{"regex": ".*"}], "Istio has no * for origins"
    assert rule["corsPolicy"]["maxAge"] == "1h", "how long a browser remembers"


def test_a_branch_that_starts_with_a_digit_gets_names_that_services_may_have() -> None:
    recorder = run_program("shop.123-fix", {"image": IMAGE})
    assert recorder.exports["host"] == "123-fix.shop.localhost", "the URL is the branch's own name"
    assert recorder.of_type(":Service")[0].metadata["name"] == "b--123-fix", "a Service's name starts with a letter"


def test_selectors_hold_what_never_changes() -> None:
    one = run_program("shop.x", {"image": "a:1"}).of_type(":Deployment")[0].inputs["spec"]["selector"]
    other = run_program("shop.x", {"image": "a:2", "readyTimeoutSeconds": "9"}).of_type(":Deployment")[0]
    assert one == other.inputs["spec"]["selector"], "a selector cannot change: the Deployment would be replaced"
