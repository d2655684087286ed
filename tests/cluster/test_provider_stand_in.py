"""The stand-in plugins against a real engine and a real API server: what a person sees, and what is in the cluster.

Programs here declare resources by their tokens, because importing the SDK's classes for them takes longer than the
operations under test. Each test has a namespace, a stack and a folder of its own.
"""

import json
import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from lightkube import ApiError, Client, KubeConfig
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.core_v1 import ResourceQuotaSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Namespace, Pod, ResourceQuota, Secret

IMAGE = "shop.local/shop:1.0"
NEWER_IMAGE = "shop.local/shop:2.0"
MISSING_IMAGE = "shop.local/shop:no-such-version"
UNKNOWN_FIELD_MANAGER = "a-person"

# What every program begins with; GOOD, NEWER and MISSING are images.
_IMAGES = f"GOOD, NEWER, MISSING = {IMAGE!r}, {NEWER_IMAGE!r}, {MISSING_IMAGE!r}\n"
_PRELUDE = """
import os
import pulumi

space = pulumi.Config().require("space")

class Kube(pulumi.CustomResource):
    def __init__(self, token, name, props, **options):
        api, _, kind = token.removeprefix("kubernetes:").rpartition(":")
        props = {"apiVersion": api.removeprefix("core/"), "kind": kind, **props}
        options.setdefault("version", "4.34.2")
        super().__init__(token, name, props, pulumi.ResourceOptions(**options))

def config_map(name, data, *, annotations=None, **options):
    meta = {"namespace": space, "name": name, "annotations": annotations or {}}
    return Kube("kubernetes:core/v1:ConfigMap", name, {"metadata": meta, "data": data}, **options)

def deployment(name, image, *, annotations=None, container=None, labels=None, **options):
    labels = labels or {"app": name}
    notes = {"pulumi.com/deletionPropagationPolicy": "background", **(annotations or {})}
    app = {"name": "app", "image": image, "ports": [{"containerPort": 8080}], **(container or {})}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [app], "terminationGracePeriodSeconds": 1}}
    spec = {"selector": {"matchLabels": labels}, "template": pod}
    meta = {"namespace": space, "name": name, "annotations": notes}
    return Kube("kubernetes:apps/v1:Deployment", name, {"metadata": meta, "spec": spec}, **options)
"""


@dataclass
class Run:
    """One `pulumi` command that has ended."""

    code: int
    output: str
    seconds: float


@dataclass
class Stack:
    """A Pulumi project and stack in a folder, whose resources live in one namespace."""

    folder: Path
    env: dict[str, str]
    namespace: str
    api: Client
    name: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:8]}")

    def program(self, text: str, *, options: str = "") -> None:
        """Write the program."""
        runtime = f"runtime:\n  name: python\n{options}" if options else "runtime: python\n"
        (self.folder / "Pulumi.yaml").write_text(f"name: {self.name}\n{runtime}")
        (self.folder / "__main__.py").write_text(_IMAGES + _PRELUDE + text)
        if not (self.folder / f"Pulumi.{self.name}.yaml").exists():
            config = f"config:\n  {self.name}:space: {self.namespace}\n"
            self.pulumi("stack", "init", self.name)
            with (self.folder / f"Pulumi.{self.name}.yaml").open("a") as file:
                file.write(config)

    def pulumi(self, *arguments: str, cwd: Path | None = None, **env: str) -> Run:
        """Run a command to its end."""
        started = time.monotonic()
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=cwd or self.folder,
            env={**self.env, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=180,
        )
        return Run(done.returncode, done.stdout, time.monotonic() - started)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command in a process group of its own."""
        return subprocess.Popen(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def up(self, *, preview: bool = False, **env: str) -> Run:
        """`pulumi up`, which must succeed."""
        done = self.try_up(preview=preview, **env)
        assert done.code == 0, f"`pulumi up` failed:\n{done.output}"
        return done

    def try_up(self, *, preview: bool = False, **env: str) -> Run:
        """`pulumi up`, which may fail."""
        return self.pulumi("up", "--yes", *([] if preview else ["--skip-preview"]), cwd=None, **env)

    def destroy(self, cwd: Path | None = None) -> Run:
        """`pulumi destroy` by the stack's full name."""
        name = f"organization/{self.name}/{self.name}"
        return self.pulumi("destroy", "--yes", "--skip-preview", "-s", name, cwd=cwd)

    def state(self) -> dict[str, Any]:
        """The deployment as kept in the backend."""
        exported = json.loads(self.pulumi("stack", "export").output)
        found: dict[str, Any] = exported["deployment"]
        return found

    def has(self, kind: Any, name: str) -> bool:
        """Whether an object is in the cluster."""
        try:
            self.api.get(kind, name, namespace=self.namespace)
        except ApiError as e:
            if e.status.code == 404:
                return False
            raise
        return True


@pytest.fixture
def stack(cluster: Any, workdir: Path) -> Iterator[Stack]:
    """A stack with a namespace of its own; both are gone afterwards."""
    api = Client(config=KubeConfig.from_file(cluster.kubeconfig))
    name = f"stand-in-{uuid.uuid4().hex[:8]}"
    api.create(Namespace(metadata=ObjectMeta(name=name)))
    made = Stack(folder=workdir, env=dict(cluster.env), namespace=name, api=api)
    try:
        yield made
    finally:
        api.delete(Namespace, name)


def wait_until(check: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if check():
            return
        time.sleep(0.1)
    pytest.fail(f"{what} did not happen within {seconds:g} s")


# --- The usual life of objects


def test_objects_are_made_changed_and_deleted_without_a_warning(stack: Stack, tmp_path: Path) -> None:
    stack.program('deployment("web", GOOD); config_map("c", {"a": "1"})')
    made = stack.up(preview=True)
    assert "warning" not in made.output.lower(), f"nothing must worry a person:\n{made.output}"
    live = stack.api.get(Deployment, "web", namespace=stack.namespace)
    assert live.status, "it has a status"
    assert live.status.availableReplicas == 1, "the Deployment is awaited"

    again = stack.up()
    assert "3 unchanged" in again.output, f"a second up has nothing to do:\n{again.output}"

    stack.program('deployment("web", NEWER); config_map("c", {"a": "1"})')
    changed = stack.up()
    assert "1 updated" in changed.output, f"only the Deployment changes:\n{changed.output}"
    live = stack.api.get(Deployment, "web", namespace=stack.namespace)
    assert live.spec, "it has a spec"
    assert live.spec.template.spec, "with a pod template"
    assert live.spec.template.spec.containers[0].image == NEWER_IMAGE, "the new image is rolled out"

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    gone = stack.destroy(cwd=elsewhere)
    assert gone.code == 0, f"destroy needs neither program nor config:\n{gone.output}"
    assert not stack.has(Deployment, "web"), "the Deployment is gone"
    assert not stack.has(ConfigMap, "c"), "the ConfigMap is gone"
    twice = stack.destroy(cwd=elsewhere)
    assert twice.code == 0, f"a second destroy finds nothing to do:\n{twice.output}"


def test_fields_that_leave_the_program_leave_the_object(stack: Stack) -> None:
    text = 'Kube("kubernetes:core/v1:ServiceAccount", "s", {"metadata": {"namespace": space, "labels": %s}})'
    stack.program(text % '{"a": "1", "b": "2"}')
    stack.up()
    stack.program(text % '{"a": "1"}')
    stack.up()
    metadata = stack.state()["resources"][-1]["outputs"]["metadata"]
    assert metadata["labels"] == {"a": "1"}, "the field set by the create is given up by the update"
    assert metadata["name"].startswith("s-"), "an object without a name is named after its resource"
    assert len(metadata["name"]) == len("s-") + 8, "and eight random digits"


def test_amounts_in_another_spelling_are_no_change(stack: Stack) -> None:
    resources = '{"resources": {"limits": {"cpu": "0.5", "memory": "1024Mi"}, "requests": {"cpu": 0.01}}}'
    stack.program(f'deployment("web", GOOD, container={resources})')
    stack.up()
    assert "2 unchanged" in stack.up().output, "the API server's own spelling of an amount is no drift"


def test_an_immutable_field_replaces_the_object_deleting_it_first(stack: Stack) -> None:
    stack.program('deployment("web", GOOD, labels={"app": "a"})')
    stack.up()
    stack.program('deployment("web", GOOD, labels={"app": "b"})')
    replaced = stack.up()
    assert "1 replaced" in replaced.output, f"a selector cannot change in place:\n{replaced.output}"
    live = stack.api.get(Deployment, "web", namespace=stack.namespace)
    assert live.spec, "it has a spec"
    assert live.spec.selector.matchLabels == {"app": "b"}, "the new one is there"


def test_a_definition_and_an_object_of_its_kind_are_made_in_one_go(stack: Stack) -> None:
    group = f"{stack.namespace}.example.com"
    stack.program(
        """
schema = {"openAPIV3Schema": {"type": "object", "x_kubernetes_preserve_unknown_fields": True}}
version = {"name": "v1", "served": True, "storage": True, "schema": schema}
crd = Kube("kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition", "crd", {
    "metadata": {"name": "things.GROUP"},
    "spec": {"group": "GROUP", "names": {"kind": "Thing", "plural": "things"}, "scope": "Namespaced",
             "versions": [version]}})
Kube("kubernetes:GROUP/v1:Thing", "thing", {
    "metadata": {"namespace": space, "name": "one", "annotations": {
        "pulumi.com/deletionPropagationPolicy": "background"}},
    "spec": {"whole": 3, "part": 1.5, "yes": True, "list": [1, "a", None]}}, depends_on=[crd])
""".replace("GROUP", group)
    )
    stack.up(preview=True)
    thing = create_namespaced_resource(group, "v1", "Thing", "things")
    spec = stack.api.get(thing, "one", namespace=stack.namespace)["spec"]
    assert spec == {"whole": 3, "part": 1.5, "yes": True, "list": [1, "a", None]}, "values keep their types"
    assert isinstance(spec["whole"], int), "a whole number is no floating point one"
    assert "3 unchanged" in stack.up().output, "and they compare as equal"
    assert stack.destroy().code == 0, "object and definition go together"


def test_outputs_of_one_stack_reach_another(stack: Stack, workdir: Path) -> None:
    stack.program('c = config_map("c", {"a": "1"}); pulumi.export("where", space)')
    stack.up()
    folder = workdir / "reader"
    folder.mkdir()
    reader = Stack(folder=folder, env=stack.env, namespace=stack.namespace, api=stack.api)
    reader.program(
        f'base = pulumi.StackReference("organization/{stack.name}/{stack.name}")\n'
        'config_map("d", {"where": base.require_output("where")})'
    )
    reader.up(preview=True)
    assert stack.api.get(ConfigMap, "d", namespace=stack.namespace).data == {"where": stack.namespace}
    assert reader.destroy().code == 0, "the reader can be destroyed on its own"


# --- Objects that are there, or are not


def test_a_create_fails_if_the_object_exists_unless_it_may_be_taken_over(stack: Stack) -> None:
    stack.api.create(ConfigMap(metadata=ObjectMeta(name="c", namespace=stack.namespace), data={"a": "theirs"}))
    stack.program('config_map("c", {"a": "ours"})')
    refused = stack.try_up(preview=True)
    assert refused.code != 0, "an object of somebody else must not be taken over silently"
    assert "already exists" in refused.output, f"the message says so:\n{refused.output}"
    assert "pulumi import" in refused.output, "and what can be done"
    assert stack.api.get(ConfigMap, "c", namespace=stack.namespace).data == {"a": "theirs"}, "it is untouched"
    stack.program('config_map("c", {"a": "ours"}, annotations={"pulumi.com/patchForce": "true"})')
    stack.up(PULUMI_K8S_UPSERT_EXISTING_OBJECTS="true")
    assert stack.api.get(ConfigMap, "c", namespace=stack.namespace).data == {"a": "ours"}, "now it is ours"


def test_an_existing_object_can_be_imported(stack: Stack) -> None:
    stack.api.create(ConfigMap(metadata=ObjectMeta(name="c", namespace=stack.namespace), data={"a": "1"}))
    stack.program('config_map("c", {"a": "1"}, import_=f"{space}/c")')
    imported = stack.up()
    assert "1 imported" in imported.output, f"what is there becomes part of the stack:\n{imported.output}"
    stack.program('config_map("c", {"a": "1"})')
    assert "2 unchanged" in stack.up().output, "and is then as any other object of it"


def test_refresh_notices_what_changed_and_what_is_gone(stack: Stack) -> None:
    stack.program('config_map("kept", {"a": "1"}); config_map("gone", {"a": "1"})')
    stack.up()
    stack.api.delete(ConfigMap, "gone", namespace=stack.namespace)
    stack.api.patch(ConfigMap, "kept", {"data": {"a": "2"}}, namespace=stack.namespace)
    refreshed = stack.pulumi("refresh", "--yes", "--skip-preview")
    assert refreshed.code == 0, f"refresh only looks:\n{refreshed.output}"
    assert "1 deleted" in refreshed.output, f"the object that is gone leaves the state:\n{refreshed.output}"
    stack.up()
    assert stack.has(ConfigMap, "gone"), "the next up makes it again"
    assert stack.api.get(ConfigMap, "kept", namespace=stack.namespace).data == {"a": "1"}, "and mends the other"


def test_deleting_what_is_gone_already_is_no_error(stack: Stack) -> None:
    stack.program('config_map("c", {"a": "1"})')
    stack.up()
    stack.api.delete(ConfigMap, "c", namespace=stack.namespace)
    assert stack.destroy().code == 0, "gone is gone"


def test_a_preview_makes_nothing_and_finds_what_the_api_server_would_refuse(stack: Stack) -> None:
    stack.program('config_map("c", {"a": "1"}); config_map("Not_A_Name", {"a": "1"})')
    previewed = stack.pulumi("preview")
    assert previewed.code != 0, f"a name that cannot be is found before anything is made:\n{previewed.output}"
    assert "Not_A_Name" in previewed.output, "the message names the object"
    assert not stack.has(ConfigMap, "c"), "a preview makes nothing"


def test_a_field_of_somebody_else_is_a_conflict_that_names_both(stack: Stack) -> None:
    text = 'config_map("c", {"a": "%s"}, annotations={%s})'
    stack.program("pulumi.Config()\n" + text % ("1", ""))
    stack.up(PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE="true")
    theirs = ConfigMap(metadata=ObjectMeta(name="c", namespace=stack.namespace), data={"a": "theirs"})
    stack.api.apply(theirs, field_manager=UNKNOWN_FIELD_MANAGER, force=True)
    stack.program(text % ("2", ""))
    refused = stack.try_up(PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE="true")
    assert refused.code != 0, "a field of somebody else is not overwritten silently"
    assert UNKNOWN_FIELD_MANAGER in refused.output, f"the message says who holds it:\n{refused.output}"
    assert ".data.a" in refused.output, "and which field it is"
    stack.program(text % ("2", '"pulumi.com/patchForce": "true"'))
    stack.up(PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE="true")
    assert stack.api.get(ConfigMap, "c", namespace=stack.namespace).data == {"a": "2"}, "force takes it over"


# --- Waiting


def test_an_image_that_cannot_be_pulled_is_named_with_the_reason(stack: Stack) -> None:
    # The annotation would wait for long; the resource's own timeout wins over it.
    stack.program(
        'deployment("web", MISSING, annotations={"pulumi.com/timeoutSeconds": "170"}, '
        'custom_timeouts=pulumi.CustomTimeouts(create="25s"))'
    )
    failed = stack.try_up()
    assert failed.code != 0, "an environment that cannot start is no success"
    assert failed.seconds < 60, "the time for it is the resource's"
    assert MISSING_IMAGE in failed.output, f"the message names the image:\n{failed.output}"
    assert "ErrImagePull" in failed.output or "ImagePullBackOff" in failed.output, "and why it is not there"
    stack.program('deployment("web", GOOD)')
    assert "1 updated" in stack.up().output, "a correct up mends it: the object was kept in the state"


def test_a_container_that_crashes_is_shown_with_its_last_log_lines(stack: Stack) -> None:
    # Without a probe a container is ready as soon as it runs, and this one runs for a moment.
    container = {
        "env": [{"name": "EXIT_AFTER_START", "value": "1"}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1},
    }
    stack.program(f'deployment("web", GOOD, container={container}, annotations={{"pulumi.com/timeoutSeconds": "8"}})')
    failed = stack.try_up()
    assert failed.code != 0, "a container that crashes is no success"
    assert "exit code" in failed.output, f"the message gives the exit code:\n{failed.output}"
    assert "EXIT_AFTER_START is set" in failed.output, "and what the container said last"


def test_a_probe_that_fails_is_shown_with_its_answer(stack: Stack) -> None:
    probe = '{"readinessProbe": {"httpGet": {"path": "/fail", "port": 8080}, "periodSeconds": 1}}'
    stack.program(f'deployment("web", GOOD, container={probe}, annotations={{"pulumi.com/timeoutSeconds": "6"}})')
    failed = stack.try_up()
    assert failed.code != 0, "a container that is not ready is no success"
    assert "Readiness probe failed" in failed.output, f"the message says what the probe said:\n{failed.output}"


def test_a_quota_that_is_used_up_is_named(stack: Stack) -> None:
    where = ObjectMeta(name="none", namespace=stack.namespace)
    stack.api.create(ResourceQuota(metadata=where, spec=ResourceQuotaSpec(hard={"pods": "0"})))
    stack.program('deployment("web", GOOD, annotations={"pulumi.com/timeoutSeconds": "5"})')
    failed = stack.try_up()
    assert failed.code != 0, "a Deployment without pods is no success"
    assert "exceeded quota: none" in failed.output, f"the message names the quota:\n{failed.output}"


def test_nothing_is_awaited_where_the_annotation_says_so(stack: Stack) -> None:
    stack.program('deployment("web", MISSING, annotations={"pulumi.com/skipAwait": "true"})')
    assert stack.up().seconds < 20, "nobody waits for the image"


def test_an_object_is_awaited_until_it_shows_what_the_annotation_asks_for(stack: Stack) -> None:
    program = """
wanted = '["jsonpath={.data.state}=good", "jsonpath={.data.more}"]'
notes = {"pulumi.com/waitFor": wanted, "pulumi.com/timeoutSeconds": "%s"}
config_map("c", {"state": "bad"}, annotations=notes, ignore_changes=["data"])
"""
    stack.program(program % "3")
    failed = stack.try_up()
    assert failed.code != 0, "it never became good"
    assert "found 'bad'" in failed.output, f"the message says what was found instead:\n{failed.output}"

    def mend() -> None:
        stack.api.patch(ConfigMap, "c", {"data": {"state": "good", "more": "1"}}, namespace=stack.namespace)

    stack.program(program % "60")
    timer = threading.Timer(6, mend)
    timer.start()
    assert stack.up().seconds < 40, "the change ends the waiting"
    timer.join()


def test_an_interrupt_ends_the_waiting_at_once_and_keeps_the_object(stack: Stack) -> None:
    stack.program('deployment("web", MISSING)')
    running = stack.start("up", "--yes", "--skip-preview")
    wait_until(lambda: stack.has(Deployment, "web"), "the Deployment's creation")
    time.sleep(1)  # the wait itself must have begun
    interrupted = time.monotonic()
    os.kill(running.pid, signal.SIGINT)
    output, _ = running.communicate(timeout=60)
    assert time.monotonic() - interrupted < 10, f"nobody waits after an interrupt:\n{output}"
    assert running.returncode != 0, "an interrupted up is no success"
    assert "Traceback" not in output, f"nobody is shown a traceback:\n{output}"
    kept = [r for r in stack.state()["resources"] if r["type"].endswith(":Deployment")]
    assert kept, "the object is in the state"
    assert kept[0].get("initErrors"), "as not yet ready"
    stack.program('deployment("web", GOOD)')
    assert "1 updated" in stack.up().output, "the next up finishes what was begun"


def test_no_plugin_outlives_an_engine_that_is_killed(stack: Stack) -> None:
    stack.program('deployment("web", MISSING)')
    running = stack.start("up", "--yes", "--skip-preview")
    wait_until(lambda: stack.has(Deployment, "web"), "the Deployment's creation")
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
    plugins = [int(p) for task in children.parent.parent.iterdir() for p in (task / "children").read_text().split()]
    assert len(plugins) == 2, "the language host and the provider"
    running.kill()
    running.wait()
    wait_until(lambda: not any(Path(f"/proc/{p}").exists() for p in plugins), "the plugins' end", seconds=10)
    again = stack.pulumi("cancel", "--yes", stack.name)
    assert again.code == 0, "the lock that it left can be lifted"


def test_pods_are_waited_for_when_deleting_unless_in_the_background(stack: Stack) -> None:
    stack.program('deployment("web", GOOD, annotations={"pulumi.com/deletionPropagationPolicy": "foreground"})')
    stack.up()
    assert stack.destroy().code == 0, "deletion succeeds"
    assert not list(stack.api.list(Pod, namespace=stack.namespace)), "foreground deletion waits for the pods"


# --- Secrets, and what the provider is told


def test_secrets_are_neither_shown_nor_kept_in_the_clear(stack: Stack) -> None:
    stack.program(
        'Kube("kubernetes:core/v1:Secret", "s", {"metadata": {"namespace": space, "name": "s"}, '
        '"stringData": {"password": "geheim-1"}})\n'
        'config_map("c", {"url": pulumi.Output.secret("geheim-2"), "a": "1"})'
    )
    shown = stack.up(preview=True).output + stack.pulumi("up", "--yes", "--diff").output
    kept = json.dumps(stack.state())
    for secret in ("geheim-1", "Z2VoZWltLTE", "geheim-2"):
        assert secret not in shown, "a secret is not shown"
        assert secret not in kept, "and not kept in the clear"
    data = stack.api.get(Secret, "s", namespace=stack.namespace).data
    assert data == {"password": "Z2VoZWltLTE="}, "the cluster has it"
    assert "3 unchanged" in stack.up().output, "text and its encoded form are one"


def test_the_provider_goes_where_its_inputs_say(stack: Stack) -> None:
    stack.program(
        """
class Provider(pulumi.ProviderResource):
    pass

text = open(os.environ["OTHER_KUBECONFIG"]).read()
there = Provider("kubernetes", "there", {"kubeconfig": text, "namespace": space, "clusterIdentifier": "it"},
                 pulumi.ResourceOptions(version="4.34.2"))
Kube("kubernetes:core/v1:ConfigMap", "c", {"metadata": {"name": "c"}, "data": {"a": "1"}}, provider=there)
"""
    )
    kubeconfig = stack.env["KUBECONFIG"]
    stack.up(KUBECONFIG="/nowhere", OTHER_KUBECONFIG=kubeconfig)
    assert stack.has(ConfigMap, "c"), "the content, not the environment, was used, and the given namespace"


def test_a_cluster_that_does_not_answer_is_a_clear_error(stack: Stack, workdir: Path) -> None:
    stack.program('config_map("c", {"a": "1"})')
    stack.up()
    dead = workdir / "dead"
    dead.write_text(
        json.dumps(
            {
                "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
                "users": [{"name": "u", "user": {}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "c",
            }
        )
    )
    failed = stack.pulumi("destroy", "--yes", "--skip-preview", KUBECONFIG=str(dead))
    assert failed.code != 0, "what cannot be deleted is not forgotten"
    assert "http://127.0.0.1:9 does not answer" in failed.output, f"the message says who:\n{failed.output}"
    assert "PULUMI_K8S_DELETE_UNREACHABLE" in failed.output, "and what can be done"
    missing = stack.pulumi("destroy", "--yes", "--skip-preview", KUBECONFIG="/no/such/file")
    assert "/no/such/file cannot be read" in missing.output, f"a missing file is named:\n{missing.output}"


# --- Charts


def test_the_objects_of_a_chart_are_children_that_transforms_reach(stack: Stack, workdir: Path) -> None:
    templates = workdir / "chart" / "templates"
    templates.mkdir(parents=True)
    (workdir / "chart" / "Chart.yaml").write_text("apiVersion: v2\nname: c\nversion: 0.1.0\n")
    (templates / "all.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-c\n"
        "data:\n  day: 2020-01-01\n  who: {{ .Values.who }}\n"
        '  apps: {{ .Capabilities.APIVersions.Has "apps/v1" | quote }}\n'
    )
    program = """
class Chart(pulumi.ComponentResource):
    def __init__(self, name, props, **options):
        super().__init__("kubernetes:helm.sh/v4:Chart", name, props,
                         pulumi.ResourceOptions(version="4.34.2", **options), remote=True)

def mark(args):
    if "metadata" in args.props:
        args.props["metadata"].setdefault("labels", {})["marked"] = "yes"
        return pulumi.ResourceTransformResult(props=args.props, opts=args.opts)

Chart("web", {"chart": "./chart", "namespace": space, "values": {"who": "%s"}}, transforms=[mark])
"""
    stack.program(program % "me")
    stack.up(preview=True)
    live = stack.api.get(ConfigMap, "web-c", namespace=stack.namespace)
    assert live.data == {"day": "2020-01-01", "who": "me", "apps": "true"}, "the chart is rendered for this cluster"
    assert live.metadata, "it has metadata"
    assert live.metadata.labels == {"marked": "yes"}, "transforms reach its objects"
    urns = [r["urn"].split("::", 2)[2] for r in stack.state()["resources"]]
    child = f"kubernetes:helm.sh/v4:Chart$kubernetes:core/v1:ConfigMap::web:{stack.namespace}/web-c"
    assert child in urns, f"children are named as the official provider names them: {urns}"
    (templates / "all.yaml").write_text('{{ fail "no" }}')
    failed = stack.try_up()
    assert failed.code != 0, "a chart that cannot be rendered is an error"
    assert "Traceback" not in failed.output, f"put in Helm's words:\n{failed.output}"
    assert stack.destroy().code == 0, "a chart is destroyed from state alone"
    assert not stack.has(ConfigMap, "web-c"), "with its objects"


def test_the_objects_of_a_yaml_file_are_made(stack: Stack, workdir: Path) -> None:
    (workdir / "all.yaml").write_text(
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n"
        f"  metadata: {{name: c, namespace: {stack.namespace}}}\n"
    )
    stack.program(
        'pulumi.ComponentResource("kubernetes:yaml/v2:ConfigFile", "f", {"file": "all.yaml"}, '
        'pulumi.ResourceOptions(version="4.34.2"), remote=True)'
    )
    stack.up()
    assert stack.has(ConfigMap, "c"), "lists are taken apart"


# --- The language host


def test_a_run_error_shows_its_message_alone(stack: Stack) -> None:
    stack.program('class Wrong(pulumi.RunError):\n    pass\n\nraise Wrong("image: missing; give one")')
    failed = stack.try_up()
    assert failed.code != 0, "the program failed"
    assert "error: image: missing; give one" in failed.output, f"its message is shown:\n{failed.output}"
    assert "Traceback" not in failed.output, "and nothing that only a programmer can read"
    assert "exit code" not in failed.output, "nor a second error about the first"


def test_any_other_exception_shows_where_it_was_raised(stack: Stack) -> None:
    stack.program("def broken():\n    return 1 / 0\n\nbroken()")
    failed = stack.try_up()
    assert failed.code != 0, "the program failed"
    assert "ZeroDivisionError" in failed.output, f"the exception is shown:\n{failed.output}"
    assert "in broken" in failed.output, "with the program's line"
    assert "language_host.py" not in failed.output, "and without the host's own"


@pytest.mark.parametrize(("leaving", "code"), [("0", 0), ("3", 255), ("'no image'", 255)])
def test_leaving_the_program_early_counts_as_its_code(stack: Stack, leaving: str, code: int) -> None:
    stack.program(f"import sys\nprint('said', flush=True)\nsys.exit({leaving})")
    left = stack.try_up()
    assert (left.code != 0) == (code != 0), f"only a code other than 0 is a failure:\n{left.output}"
    assert "said" in left.output, "what a program prints is shown"
    if leaving == "3":
        assert "exit code: 3" in left.output, "the code is named"


def test_the_options_of_the_official_runtime_are_accepted(stack: Stack) -> None:
    options = "  options:\n    virtualenv: .venv\n    toolchain: pip\n    typechecker: mypy\n"
    stack.program("import helper\nassert helper.VALUE == 1", options=options)
    (stack.folder / "helper.py").write_text("VALUE = 1\n")
    up = stack.up()
    assert "warning" not in up.output.lower(), f"they are no reason for a warning:\n{up.output}"
    about = stack.pulumi("about", "--json")
    assert about.code == 0, f"`pulumi about` works:\n{about.output}"
    assert '"pulumi"' in about.output, "and lists the program's packages"
    assert stack.pulumi("install").code == 0, "`pulumi install` has nothing to do"


def test_an_interrupted_program_leaves_without_a_traceback(stack: Stack) -> None:
    stack.program('import time\nopen("started", "w").close()\ntime.sleep(60)')
    running = stack.start("up", "--yes", "--skip-preview")
    wait_until((stack.folder / "started").exists, "the program's start")
    os.kill(running.pid, signal.SIGINT)
    output, _ = running.communicate(timeout=30)
    assert running.returncode != 0, "an interrupted up is no success"
    assert "Traceback" not in output, f"it leaves quietly:\n{output}"
    assert "KeyboardInterrupt" not in output, f"it leaves quietly:\n{output}"
