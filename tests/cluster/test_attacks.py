"""What somebody with the deployer's credentials tries, and which rule stops it.

Attempts are server-side dry runs where kubectl can make one: rights and admission are asked as always, and nothing is
left if an attack should succeed.
"""

import copy
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.support.stacks import FIRST, Base, Branches
from tests.cluster.support.waiting import until

Manifest = dict[str, Any]
MINE, THEIRS = "attacker", "victim"


def kubectl(
    base: Base, *arguments: str, stdin: str | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run kubectl as the deployer, or with the credentials in another environment."""
    return subprocess.run(
        ["kubectl", f"--namespace={base.namespace}", *arguments],
        env=env or base.deployer_env,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


def create(base: Base, manifest: Manifest) -> subprocess.CompletedProcess[str]:
    """Try to make an object."""
    return kubectl(base, "create", "--dry-run=server", "--filename=-", stdin=json.dumps(manifest))


def take(base: Base, manifest: Manifest, *, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Try to make an object one's own, as `pulumi up` would."""
    flags = ("--server-side", "--force-conflicts", "--field-manager=branch-environments", "--dry-run=server")
    return kubectl(base, "apply", *flags, "--filename=-", stdin=json.dumps(manifest), env=env)


def denied(done: subprocess.CompletedProcess[str], *says: str) -> None:
    """Insist on a refusal that says why."""
    assert done.returncode != 0, f"the attack should have been refused: {done.stdout}"
    for text in says:
        assert text in done.stderr, f"the message should say {text!r}: {done.stderr}"


def labels(base: Base, slug: str) -> dict[str, str]:
    """Return the labels of a branch's objects."""
    return {
        "branch-environments/app": base.app,
        "branch-environments/slug": slug,
        "app.kubernetes.io/instance": slug,
        "app.kubernetes.io/name": base.app,
    }


def metadata(base: Base, slug: str) -> Manifest:
    """Return the metadata of a branch's objects."""
    return {"name": slug, "namespace": base.namespace, "labels": labels(base, slug)}


def deployment(base: Base, slug: str = MINE) -> Manifest:
    """Return a Deployment that breaks no rule."""
    amounts = {"cpu": "50m", "memory": "64Mi"}
    container = {"name": "app", "image": FIRST, "resources": {"requests": amounts, "limits": amounts}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(base, slug),
        "spec": {
            "replicas": 0,
            # The same for all, as it can never change: taking one over fails for no other reason than a rule.
            "selector": {"matchLabels": {"app.kubernetes.io/name": base.app}},
            "template": {
                "metadata": {"labels": labels(base, slug)},
                "spec": {"serviceAccountName": base.app, "containers": [container]},
            },
        },
    }


def service(base: Base, slug: str = MINE) -> Manifest:
    """Return a Service that breaks no rule."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(base, slug),
        "spec": {"selector": {"app.kubernetes.io/instance": slug}, "ports": [{"name": "http", "port": 80}]},
    }


def route(base: Base, slug: str = MINE) -> Manifest:
    """Return a VirtualService that breaks no rule."""
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": metadata(base, slug),
        "spec": {
            "hosts": [f"{slug}.{base.domain}"],
            "gateways": [f"istio-system/{base.app}"],
            "http": [{"route": [{"destination": {"host": slug, "port": {"number": 80}}}]}],
        },
    }


MAKERS: dict[str, Callable[[Base, str], Manifest]] = {
    "deployment": deployment,
    "service": service,
    "route": route,
}


@pytest.fixture(scope="module")
def target(base: Base) -> Iterator[Base]:
    """A namespace with main's objects and another branch's, in which the rules are at work."""
    mains = [copy.deepcopy(make(base, "main")) for make in MAKERS.values()]
    for each in mains:
        each["metadata"]["labels"] = {"app.kubernetes.io/instance": "main"}
        if each["kind"] == "Deployment":
            each["spec"]["template"]["metadata"]["labels"] = {"app.kubernetes.io/name": base.app}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "password", "namespace": base.namespace},
        "stringData": {"a": "b"},
    }
    victims = [make(base, THEIRS) for make in MAKERS.values()]
    base.cluster.apply(*mains, *victims, secret)
    wrong = route(base)
    wrong["spec"]["hosts"] = ["*"]
    # The API server takes a moment to compile a policy that is new.
    until(lambda: create(base, wrong).returncode != 0, what="the rules are at work")
    yield base
    for each in (*mains, *victims, secret):
        base.cluster.kubectl(
            "delete", each["kind"], each["metadata"]["name"], f"--namespace={base.namespace}", "--ignore-not-found"
        )


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_what_breaks_no_rule_is_let_through(target: Base, make: Callable[[Base, str], Manifest]) -> None:
    done = create(target, make(target, MINE))
    assert done.returncode == 0, f"the attacks below differ from this in one thing each: {done.stderr}"


@pytest.mark.parametrize(
    "host",
    [
        "main.{domain}",
        "victim.{domain}",
        "victim--admin.{domain}",
        "attacker-x.{domain}",
        "*",
        "*.{domain}",
        "attacker.other.localhost",
        "www.example.com",
    ],
)
def test_a_host_that_is_not_the_branchs_own(target: Base, host: str) -> None:
    attack = route(target)
    attack["spec"]["hosts"] = [host.format(domain=target.domain)]
    denied(create(target, attack), "rule host", f"its own hosts alone, {MINE}.{target.domain}", "fix:")
    attack["spec"]["hosts"].append(f"{MINE}.{target.domain}")
    denied(create(target, attack), "rule host")


@pytest.mark.parametrize("gateways", [["istio-system/other"], ["mesh"], None], ids=["other", "mesh", "none"])
def test_a_gateway_that_is_not_the_apps(target: Base, gateways: list[str] | None) -> None:
    attack = route(target)
    attack["spec"]["gateways"] = gateways
    denied(create(target, attack), "rule gateway", f"istio-system/{target.app}")


def test_the_page_of_hosts_without_an_environment_is_not_a_branchs_to_touch(target: Base) -> None:
    name = f"{target.app}-no-environment"
    assert target.cluster.get("virtualservice", name, "--namespace=istio-system"), "it is there"
    there = ("virtualservice", name, "--namespace=istio-system")
    patch = json.dumps({"spec": {"http": route(target)["spec"]["http"]}})
    for attempt in (
        ("delete", *there),
        ("patch", *there, "--type=merge", f"--patch={patch}"),
        ("label", *there, f"branch-environments/slug={MINE}"),
    ):
        done = kubectl(target, *attempt, "--dry-run=server")
        denied(done)
        assert "forbidden" in done.stderr.lower(), f"it is refused for want of a right: {done.stderr}"
    beside = route(target)
    beside["metadata"]["namespace"] = "istio-system"
    denied(kubectl(target, "create", "--namespace=istio-system", "--filename=-", stdin=json.dumps(beside)), "forbidden")
    shadow = route(target)
    shadow["spec"]["hosts"] = [f"*.{target.domain}"]
    denied(create(target, shadow), "rule host")
    half = route(target)
    half["spec"]["hosts"] = [f"*er.{target.domain}"]
    denied(create(target, half), "rule host")


@pytest.mark.parametrize("host", ["kubernetes.default.svc.cluster.local", "web.other", "www.example.com"])
def test_a_destination_outside_of_the_namespace(target: Base, host: str) -> None:
    elsewhere = {"host": host, "port": {"number": 80}}
    inside = route(target)["spec"]["http"][0]["route"]
    rules = [
        {"http": [{"route": [{"destination": elsewhere}]}]},
        {"http": [{"route": inside, "mirror": elsewhere}]},
        {"http": [{"route": inside, "mirrors": [{"destination": elsewhere}]}]},
        {"http": [{"delegate": {"name": "main", "namespace": "other"}}]},
        {"tcp": [{"route": [{"destination": elsewhere}]}]},
        {"tls": [{"match": [{"sniHosts": ["x"]}], "route": [{"destination": elsewhere}]}]},
    ]
    for rule in rules:
        attack = route(target)
        del attack["spec"]["http"]
        attack["spec"] |= rule
        denied(create(target, attack), "rule destination")


def test_a_destination_may_name_its_own_namespace(target: Base) -> None:
    fine = route(target)
    fine["spec"]["http"][0]["route"][0]["destination"]["host"] = f"{MINE}.{target.namespace}.svc.cluster.local"
    assert create(target, fine).returncode == 0, "it is the same Service"


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_mains_objects_are_neither_taken_nor_deleted(target: Base, make: Callable[[Base, str], Manifest]) -> None:
    attack = make(target, MINE)
    attack["metadata"]["name"] = "main"
    denied(take(target, attack), "rule no-branch-object", "main's")
    pretending = make(target, "main")
    denied(take(target, pretending), "rule no-branch-object")
    denied(kubectl(target, "delete", attack["kind"], "main", "--dry-run=server"), "rule no-branch-object")


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_another_branchs_objects_are_not_adopted(target: Base, make: Callable[[Base, str], Manifest]) -> None:
    attack = make(target, MINE)
    attack["metadata"]["name"] = THEIRS
    denied(take(target, attack), "rule other-branch", f"belongs to the branch with the slug {THEIRS}")


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
@pytest.mark.parametrize("whose", ["main", THEIRS])
def test_an_administrator_does_not_take_them_over_by_accident(
    target: Base, make: Callable[[Base, str], Manifest], whose: str
) -> None:
    attack = make(target, MINE)
    attack["metadata"]["name"] = whose
    denied(take(target, attack, env=target.cluster.env), "rule adoption", "is there already, and belongs to")


def test_labels_are_not_taken_off_to_try_again(target: Base) -> None:
    for label in ("branch-environments/slug-", "branch-environments/app-", "branch-environments/slug=attacker"):
        flags = ("--overwrite", "--dry-run=server")
        denied(kubectl(target, "label", "deployment", THEIRS, label, *flags), "rule other-branch")


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_an_object_of_nobody_or_of_another_app(target: Base, make: Callable[[Base, str], Manifest]) -> None:
    nobodys = make(target, MINE)
    del nobodys["metadata"]["labels"]
    denied(create(target, nobodys), "rule branch-labels", "missing")
    anothers = make(target, MINE)
    anothers["metadata"]["labels"]["branch-environments/app"] = "other"
    denied(create(target, anothers), "rule branch-labels")
    mains = make(target, "main")
    mains["metadata"]["name"] = "main-too"
    denied(create(target, mains), "rule branch-labels")


@pytest.mark.parametrize("name", ["somebody", "attacker-2", "attackers--web"])
def test_a_name_that_is_not_the_slugs(target: Base, name: str) -> None:
    attack = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(target, MINE) | {"name": name}}
    denied(create(target, attack), "rule branch-name", "<slug>--<rest>")


def pods(change: Manifest) -> Callable[[Manifest], None]:
    """Change the pod."""
    return lambda attack: attack["spec"]["template"]["spec"].update(change)


def container(change: Manifest) -> Callable[[Manifest], None]:
    """Change the container."""
    return lambda attack: attack["spec"]["template"]["spec"]["containers"][0].update(change)


def template(kind: str, change: dict[str, str]) -> Callable[[Manifest], None]:
    """Change the pods' labels or annotations."""
    return lambda attack: attack["spec"]["template"]["metadata"].setdefault(kind, {}).update(change)


def init(image: str) -> Callable[[Manifest], None]:
    """Add a container that runs first."""

    def add(attack: Manifest) -> None:
        pod = attack["spec"]["template"]["spec"]
        pod["initContainers"] = [{**pod["containers"][0], "name": "first", "image": image}]

    return add


CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
_AMOUNTS = {"cpu": "50m", "memory": "64Mi"}
PODS: dict[str, tuple[str, Callable[[Manifest], None]]] = {
    "another account": ("service-account", pods({"serviceAccountName": "other"})),
    "the default account": ("service-account", pods({"serviceAccountName": ""})),
    "the host's network": ("host-access", pods({"hostNetwork": True})),
    "the host's processes": ("host-access", pods({"hostPID": True})),
    "the host's IPC": ("host-access", pods({"hostIPC": True})),
    "the host's files": ("host-access", pods({"volumes": [{"name": "a", "hostPath": {"path": "/"}}]})),
    "a network volume": ("host-access", pods({"volumes": [{"name": "a", "nfs": {"server": "a", "path": "/"}}]})),
    "main's volume": (
        "volume-claims",
        pods({"volumes": [{"name": "a", "persistentVolumeClaim": {"claimName": "main"}}]}),
    ),
    "a volume that nobody counts": (
        "volume-claims",
        pods({"volumes": [{"name": "a", "ephemeral": {"volumeClaimTemplate": {"spec": CLAIM}}}]}),
    ),
    "a host port": ("host-access", container({"ports": [{"containerPort": 80, "hostPort": 80}]})),
    "privileged": ("privileges", container({"securityContext": {"privileged": True}})),
    "a capability": ("privileges", container({"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}})),
    "root": ("root", pods({"securityContext": {"runAsUser": 0}})),
    "perhaps root": ("root", container({"securityContext": {"runAsNonRoot": False}})),
    "a priority": ("scheduling", pods({"priorityClassName": "system-node-critical"})),
    "a node": ("scheduling", pods({"nodeName": "local"})),
    "51 replicas": ("replicas", lambda attack: attack["spec"].update(replicas=51)),
    "no resources": ("resources", container({"resources": {}})),
    "no limits": ("resources", container({"resources": {"requests": _AMOUNTS}})),
    "too much": ("resources", container({"resources": {"requests": _AMOUNTS, "limits": _AMOUNTS | {"cpu": "9"}}})),
    "an image from elsewhere": ("image", container({"image": "docker.io/library/miner:1"})),
    "an image from next door": ("image", container({"image": "shop.local/shopping:1"})),
    "a first image from elsewhere": ("image", init("miner:1")),
    "another's Secret as a variable": (
        "secrets",
        container({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "password", "key": "a"}}}]}),
    ),
    "all of another's Secret as variables": ("secrets", container({"envFrom": [{"secretRef": {"name": "password"}}]})),
    "another's Secret as files": (
        "secrets",
        pods({"volumes": [{"name": "a", "secret": {"secretName": "password"}}]}),
    ),
    "another's Secret for a driver": (
        "secrets",
        pods({"volumes": [{"name": "a", "csi": {"driver": "a", "nodePublishSecretRef": {"name": "password"}}}]}),
    ),
    "another's Secret for a registry": ("secrets", pods({"imagePullSecrets": [{"name": "password"}]})),
    "another's Secret among other files": (
        "secrets",
        pods({"volumes": [{"name": "a", "projected": {"sources": [{"secret": {"name": "password"}}]}}]}),
    ),
    "main's pods": ("pod-labels", template("labels", {"app.kubernetes.io/instance": "main"})),
    "another branch's pods": ("pod-labels", template("labels", {"branch-environments/slug": THEIRS})),
    "the gateway's pods": ("pod-labels", template("labels", {"istio": "ingressgateway"})),
    "the sidecar's volumes": ("injection", template("annotations", {"sidecar.istio.io/userVolume": "[]"})),
    "no sidecar": ("injection", template("labels", {"sidecar.istio.io/inject": "false"})),
    "another template": ("injection", template("annotations", {"inject.istio.io/templates": "gateway"})),
    "ports past the proxy": (
        "injection",
        template("annotations", {"traffic.sidecar.istio.io/excludeInboundPorts": "8080"}),
    ),
    "no TLS": ("injection", template("labels", {"security.istio.io/tlsMode": "disabled"})),
    "another control plane": ("injection", template("labels", {"istio.io/rev": "default"})),
}


@pytest.mark.parametrize(("rule", "change"), PODS.values(), ids=PODS.keys())
def test_pods_that_reach_for_more(target: Base, rule: str, change: Callable[[Manifest], None]) -> None:
    attack = deployment(target)
    change(attack)
    denied(create(target, attack), f"rule {rule}", "fix:")


def test_a_pod_may_read_what_the_base_stack_names_and_nothing_that_is_called_as_its_branch(target: Base) -> None:
    pod = deployment(target)
    pod["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [{"secretRef": {"name": "settings"}}]
    done = create(target, pod)
    assert done.returncode == 0, f"the base stack names it: {done.stderr}"
    pod["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [{"secretRef": {"name": f"{MINE}-settings"}}]
    # Whoever names a branch `shop` would otherwise read `shop-settings`.
    denied(create(target, pod), "rule secrets", "fix:")


def test_a_pod_may_name_its_service_for_metrics(target: Base) -> None:
    fine = deployment(target)
    fine["spec"]["template"]["metadata"]["labels"]["service.istio.io/canonical-name"] = "shop"
    done = create(target, fine)
    assert done.returncode == 0, f"public charts do, and it changes nothing else: {done.stderr}"


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("service-type", {"type": "NodePort"}),
        ("service-type", {"type": "LoadBalancer"}),
        ("service-type", {"type": "ExternalName", "externalName": "www.example.com"}),
        ("service-type", {"externalIPs": ["203.0.113.7"]}),
        ("service-selector", {"selector": {"app.kubernetes.io/instance": "main"}}),
        ("service-selector", {"selector": None}),
    ],
    ids=["NodePort", "LoadBalancer", "ExternalName", "external IP", "main's pods", "no pods"],
)
def test_a_service_that_is_a_way_in_or_out(target: Base, rule: str, change: Manifest) -> None:
    attack = service(target)
    attack["spec"] |= change
    denied(create(target, attack), f"rule {rule}")


def network_policy(base: Base, slug: str = MINE) -> Manifest:
    """Return a NetworkPolicy that breaks no rule."""
    selector = {"matchLabels": {"branch-environments/app": base.app, "branch-environments/slug": slug}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(base, slug),
        "spec": {
            "podSelector": selector,
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [{"podSelector": selector}]}],
            "egress": [{"to": [{"podSelector": selector}]}],
        },
    }


NETWORK: dict[str, Manifest] = {
    "another branch's pods": {"podSelector": {"matchLabels": {"branch-environments/slug": THEIRS}}},
    "everybody's pods": {"podSelector": {}},
    "from everywhere": {"ingress": [{}]},
    "from another branch": {"ingress": [{"from": [{"podSelector": {"matchLabels": {"a": "b"}}}]}]},
    "from another namespace": {"ingress": [{"from": [{"namespaceSelector": {}}]}]},
    "from addresses": {"ingress": [{"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]},
    "to everywhere": {"egress": [{"ports": [{"port": 443}]}]},
    "to addresses": {"egress": [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]},
}


@pytest.mark.parametrize("change", NETWORK.values(), ids=NETWORK.keys())
def test_a_network_policy_that_opens_more_than_the_branch(target: Base, change: Manifest) -> None:
    attack = network_policy(target)
    assert create(target, attack).returncode == 0, "the attack differs from this in one thing"
    attack["spec"] |= change
    denied(create(target, attack), "rule network-policy", "nobody but each other", "fix:")


@pytest.mark.parametrize("whose", ["{app}-branches", "{app}-main"])
def test_the_network_policies_that_close_the_namespace_stay(target: Base, whose: str) -> None:
    name = whose.format(app=target.app)
    denied(kubectl(target, "delete", "networkpolicy", name, "--dry-run=server"), "rule no-branch-object")
    patch = ("--type=merge", '--patch={"spec": {"ingress": [{}]}}', "--dry-run=server")
    denied(kubectl(target, "patch", "networkpolicy", name, *patch), "rule no-branch-object")


SIDECARS: dict[str, Manifest] = {
    "another branch's proxies": {"workloadSelector": {"labels": {"branch-environments/slug": THEIRS}}},
    "everybody's proxies": {"workloadSelector": None},
    "how they are reached": {
        "ingress": [{"port": {"number": 80, "protocol": "HTTP"}, "defaultEndpoint": "0.0.0.0:80"}]
    },
}


@pytest.mark.parametrize("change", SIDECARS.values(), ids=SIDECARS.keys())
def test_a_sidecar_that_is_for_more_than_the_branch(closed: Base, change: Manifest) -> None:
    spec: Manifest = {
        "workloadSelector": {"labels": {"branch-environments/slug": MINE}},
        "egress": [{"hosts": ["./*"]}],
    }
    attack = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Sidecar",
        "metadata": metadata(closed, MINE),
        "spec": spec,
    }
    until(lambda: create(closed, attack).returncode == 0, what="the deployer may make one")
    attack["spec"] = {**spec, **change}
    until(lambda: "rule sidecar" in create(closed, attack).stderr, what="the rule is at work")
    denied(create(closed, attack), "rule sidecar", "fix:")


@pytest.mark.parametrize(
    "arguments",
    [
        ("get", "secrets"),
        ("get", "secret", "password"),
        ("create", "rolebinding", "mine", "--clusterrole=admin", "--serviceaccount=default:x", "--dry-run=server"),
        ("create", "token", "{app}"),
        ("create", "secret", "generic", "attacker", "--dry-run=server"),
        ("run", "attacker", "--image=shop.local/shop:1.0", "--dry-run=server"),
        ("get", "pods", "--namespace=istio-system"),
        ("get", "configmaps", "--all-namespaces"),
        ("get", "nodes"),
        ("get", "configmaps", "--as=system:admin"),
        ("patch", "gateway.networking.istio.io", "{app}", "--namespace=istio-system", "--type=merge", "--patch={{}}"),
        ("patch", "validatingadmissionpolicy", "{app}.routes", "--type=merge", "--patch={{}}"),
        ("delete", "validatingadmissionpolicybinding", "{app}.routes"),
        ("label", "namespace", "{app}", "pod-security.kubernetes.io/enforce=privileged"),
        ("patch", "role", "{app}-deployer", "--type=merge", "--patch={{}}"),
        ("patch", "resourcequota", "{app}-limits", "--type=merge", "--patch={{}}"),
        ("delete", "configmaps", "--all"),
    ],
    ids=" ".join,
)
def test_rights_that_the_deployer_has_not(target: Base, arguments: tuple[str, ...]) -> None:
    done = kubectl(target, *(each.format(app=target.app) for each in arguments))
    denied(done)
    assert "forbidden" in done.stderr.lower(), f"it is refused for want of a right: {done.stderr}"


def test_the_deployer_is_not_let_into_a_pod(target: Base) -> None:
    for what in ("pods/exec", "pods/attach", "pods/portforward", "serviceaccounts/token", "deployments/scale"):
        resource, _, subresource = what.partition("/")
        done = kubectl(target, "auth", "can-i", "create", resource, f"--subresource={subresource}")
        assert done.stdout.strip() == "no", f"{what} is a way around the rules"


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("service-account", {"serviceAccount": "other"}),
        ("resources", {"resources": {"limits": {"cpu": "9"}}}),
        ("privileges", {"security": {"addCapabilities": ["SYS_ADMIN"]}}),
        ("root", {"runAs": "root"}),
        ("image", {"image": "miner:1"}),
    ],
    ids=["account", "resources", "capability", "root", "image"],
)
def test_pulumi_up_says_which_rule_was_broken(branches: Branches, tmp_path: Path, rule: str, text: Manifest) -> None:
    branch = branches(f"attack-{rule}")
    file = tmp_path / "environment.yaml"
    file.write_text(yaml.safe_dump({"image": FIRST, **text}))
    branch.try_up(environment=str(file)).refused(f"rule {rule}", "fix:", "was not successfully created")
    assert not [each for each in branch.objects() if each.startswith("Deployment")], "no pods come of it"
