"""A namespace per branch: its life, and what somebody with the deployer's credentials tries with it.

Attempts are server-side dry runs, as those of test_attacks.py.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.names import object_name
from tests.cluster.support.bases import branches_on
from tests.cluster.support.branchenv import Branchenv
from tests.cluster.support.pulumi import Pulumi
from tests.cluster.support.stacks import FIRST, SECOND, Base, Branch, Branches, at_once, write_config
from tests.cluster.support.waiting import until
from tests.cluster.test_attacks import CLAIM, Manifest, denied, deployment, kubectl, labels, route
from tests.cluster.test_kind_attacks import owner
from tests.cluster.test_network import address, until_answered, until_refused

MINE, THEIRS = "attacker", "victim"
GUARDS = (
    "resourcequotas",
    "networkpolicies",
    "peerauthentications.security.istio.io",
    "authorizationpolicies.security.istio.io",
    "sidecars.networking.istio.io",
)
ORDERED = {"istio-injection": "enabled", "pod-security.kubernetes.io/warn": "restricted"}


@pytest.fixture
def apart(branch_namespaces: Base) -> Iterator[Branches]:
    """Makes branches that have a namespace each; removes them after the test."""
    yield from branches_on(branch_namespaces)


def home(branch: Branch) -> str:
    """Return a branch's namespace."""
    return branch.base.home(branch.slug)


def tool(branch: Branch) -> Branchenv:
    """Return `branchenv` as a job has it."""
    return Branchenv(branch=branch, folder=branch.folder, env={"KUBECONFIG": branch.base.deployer_env["KUBECONFIG"]})


def found(base: Base, kind: str, slug: str) -> list[Manifest]:
    """Return what is in a branch's namespace, of one kind."""
    items: list[Manifest] = base.cluster.get(kind, f"--namespace={base.home(slug)}")["items"]
    return items


def test_a_branch_lives_in_a_namespace_of_its_own_and_is_gone_with_it(apart: Branches, workdir: Path) -> None:
    # Unlike its namespace, its objects cannot be called as it is: no name begins with a digit.
    branch = apart("123-apart")
    branch.up(image=FIRST)
    branch.base.gateway.until_status(branch.host)
    outside = [each for each in branch.objects() if f" {home(branch)}/" not in each]
    assert outside == [f"Namespace /{home(branch)}"], "all of it is in there"
    for kind in GUARDS:
        assert len(found(branch.base, kind, branch.slug)) == 1, f"and it is guarded: {kind}"
    (quota,) = found(branch.base, "resourcequotas", branch.slug)
    assert quota["spec"]["hard"]["pods"] == "5", "the room of one environment"
    (pod,) = branch.pods()
    assert pod["spec"]["serviceAccountName"] == branch.object_name(), "its pods have an identity of their own"
    branch.up(image=SECOND)
    branch.elsewhere(workdir).destroy("--remove").ok()
    assert not branch.objects(), "nothing is left, not even on its way out"


def test_pods_of_two_namespaces_do_not_reach_each_other(apart: Branches) -> None:
    mine, theirs = apart("feature/mine"), apart("feature/theirs")
    at_once([lambda: mine.up(image=FIRST), lambda: theirs.up(image=FIRST)])
    gateway = mine.base.gateway
    for each in (mine, theirs):
        gateway.until_status(each.host)
        until_answered(gateway, each, f"http://{each.object_name()}/")
    until_refused(gateway, mine, f"http://{address(theirs)}:8080/")
    until_refused(gateway, mine, f"http://{theirs.object_name()}.{home(theirs)}/")


def test_an_environment_may_have_all_that_it_has_elsewhere(apart: Branches, tmp_path: Path) -> None:
    branch = apart("feature/options")
    file = tmp_path / "environment.yaml"
    web = {"image": FIRST, "routes": [{"path": "/"}], "canary": {"image": SECOND, "weight": 20}}
    file.write_text(yaml.safe_dump({"workloads": {"web": web, "api": {"image": FIRST}}}))
    branch.up(environment=str(file))
    branch.base.gateway.until_status(branch.host)
    command = tool(branch)
    command.run("sleep").ok()
    branch.base.gateway.until_status(branch.host, 503)
    command.run("wake").ok()
    branch.base.gateway.until_status(branch.host)
    listed = json.loads(command.run("list", "--json").ok().output)
    (known,) = [each for each in listed["environments"] if each["slug"] == branch.slug]
    assert (known["namespace"], known["state"]) == (home(branch), "ready"), "branchenv finds it, as the deployer"


def test_what_a_killed_up_left_goes_with_the_namespace(apart: Branches) -> None:
    branch = apart("feature/killed")
    branch.base.cluster.apply(namespace(branch.base, branch.slug))
    printed = tool(branch).run("down", "--yes").ok()
    assert home(branch) in printed.output, "no stack knew of it"
    branch.until_nothing_is_left()


def test_a_namespace_of_somebody_else_is_not_taken_over(apart: Branches) -> None:
    branch = apart("feature/taken")
    base = branch.base
    theirs = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": home(branch)}}
    base.cluster.apply(theirs)
    try:
        refused = tool(branch).run("up", "--image", FIRST)
        refused.refused("this object is in the way", f"Namespace {home(branch)}")
        branch.try_up(image=FIRST).refused("rule no-branch-namespace")
    finally:
        base.cluster.kubectl("delete", "namespace", home(branch))


def test_a_larger_quota_reaches_branches_that_run_at_their_next_push(apart: Branches) -> None:
    branch = apart("feature/grows")
    branch.up(image=FIRST)
    base = branch.base
    config = base.config()
    key = next(each for each in config if each.endswith(":apps"))
    config[key][0]["isolation"]["environment"] = {"pods": 6}
    try:
        write_config(base.folder, base.stack, config)
        branch_up = ("up", "--yes", "--skip-preview", "--stack", base.stack)
        Pulumi(base.folder, base.env).run(*branch_up).ok()
        # The API server takes a moment to compile the rule.
        until(lambda: branch.try_up(image=SECOND).code == 0, what="the next push goes through")
        (quota,) = found(base, "resourcequotas", branch.slug)
        assert quota["spec"]["hard"]["pods"] == "6", "as it is ordered now"
    finally:
        base.up()


def namespace(base: Base, slug: str = MINE) -> Manifest:
    """Return a branch's namespace that breaks no rule."""
    metadata = {"name": base.home(slug), "labels": {**labels(base, slug), **ORDERED}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def binding(base: Base, where: str, **more: Any) -> Manifest:
    """Return a RoleBinding that breaks no rule in a branch's namespace."""
    role = {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "ClusterRole",
        "name": f"branch-environments:{base.app}:branch",
    }
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": MINE, "namespace": where, "labels": labels(base, MINE)},
        "roleRef": role,
        "subjects": [{"kind": "ServiceAccount", "namespace": base.namespace, "name": base.deployer}],
        **more,
    }


def create(base: Base, manifest: Manifest) -> Any:
    """Try to make an object where it says that it belongs."""
    where = manifest["metadata"].get("namespace", base.namespace)
    return kubectl(
        base, f"--namespace={where}", "create", "--dry-run=server", "--filename=-", stdin=json.dumps(manifest)
    )


def take(base: Base, manifest: Manifest) -> Any:
    """Try to change an object, or to make it one's own."""
    where = manifest["metadata"].get("namespace", base.namespace)
    flags = ("--server-side", "--force-conflicts", "--field-manager=branch-environments", "--dry-run=server")
    return kubectl(base, f"--namespace={where}", "apply", *flags, "--filename=-", stdin=json.dumps(manifest))


def pods(base: Base, slug: str = MINE, where: str = MINE) -> Manifest:
    """Return a Deployment of a branch, in a branch's namespace."""
    made = deployment(base, slug)
    made["metadata"]["namespace"] = base.home(where)
    made["spec"]["template"]["spec"]["serviceAccountName"] = object_name(slug)
    return made


@pytest.fixture(scope="module")
def target(branch_namespaces: Base) -> Iterator[Base]:
    """The attacker's and the victim's environments, run, and the rules are at work."""
    branches = Branches(branch_namespaces)
    try:
        at_once([lambda name=name: branches(name).up(image=FIRST) for name in (MINE, THEIRS)])  # type: ignore[misc]
        yield branch_namespaces
    finally:
        branches.remove()


def test_what_breaks_no_rule_is_let_through(target: Base) -> None:
    other = namespace(target, "third")
    fine = pods(target)
    fine["metadata"]["name"] = f"{MINE}--second"
    for each in (
        other,
        fine,
        binding(
            target,
            target.home(MINE),
            metadata={**binding(target, "")["metadata"], "name": f"{MINE}--b", "namespace": target.home(MINE)},
        ),
    ):
        done = create(target, each)
        assert done.returncode == 0, f"the attacks below differ from this in one thing each: {done.stderr}"


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("{home}", "namespace-name"),
        ("kube-attack", "namespace-name"),
        ("{app}", "namespace-name"),
        ("{app}--main", "namespace-name"),
    ],
)
def test_a_namespace_is_called_as_its_branch_or_is_not_made(target: Base, name: str, rule: str) -> None:
    attack = namespace(target, "third")
    attack["metadata"]["name"] = name.format(home=target.home("fourth"), app=target.app + "x")
    if name.endswith("--main"):
        attack = namespace(target, "main")
    denied(create(target, attack), f"rule {rule}", "fix:")
    del attack["metadata"]["labels"]
    denied(create(target, attack), "rule namespace-name")


@pytest.mark.parametrize("whose", ["{app}", "kube-system", "istio-system", "default"])
def test_namespaces_of_others_are_neither_taken_nor_deleted(target: Base, whose: str) -> None:
    name = whose.format(app=target.app)
    attack = namespace(target, "third")
    attack["metadata"]["name"] = name
    denied(take(target, attack), "rule no-branch-namespace")
    done = kubectl(target, "delete", "namespace", name, "--dry-run=server")
    # Some of them the API server itself keeps from everybody.
    denied(done, "may not be deleted" if name in ("kube-system", "default") else "rule no-branch-namespace")


@pytest.mark.parametrize(
    "change",
    [
        {"istio-injection": "disabled"},
        {"istio-injection": None},
        {"pod-security.kubernetes.io/enforce": "privileged"},
        {"branch-environments/app": "another"},
        {"branch-environments/slug": THEIRS},
        {"somebodys.example.com/label": "x"},
    ],
    ids=" ".join,
)
def test_the_labels_of_a_namespace_are_those_that_were_ordered(target: Base, change: dict[str, Any]) -> None:
    patch = json.dumps({"metadata": {"labels": change}})
    name = target.home(MINE)
    denied(
        kubectl(target, "patch", "namespace", name, "--dry-run=server", "--type=merge", f"--patch={patch}"),
        "rule namespace-",
    )
    attack = namespace(target, "third")
    attack["metadata"]["labels"].update({key: value for key, value in change.items() if value})
    if change.get("istio-injection", "") is None:
        del attack["metadata"]["labels"]["istio-injection"]
    denied(create(target, attack), "rule namespace-")


def test_annotations_that_somebody_elses_controller_reads_are_not_the_branchs_to_set(target: Base) -> None:
    attack = namespace(target, "third")
    attack["metadata"]["annotations"] = {"scheduler.alpha.kubernetes.io/node-selector": "pool=production"}
    denied(create(target, attack), "rule namespace-annotations")


def test_what_others_added_to_a_namespace_stays_and_is_in_nobodys_way(target: Base) -> None:
    name = target.home(MINE)
    target.cluster.kubectl("label", "namespace", name, "somebodys.example.com/label=x")
    try:
        done = take(target, namespace(target))
        assert done.returncode == 0, f"a push goes on as before: {done.stderr}"
        patch = json.dumps({"metadata": {"labels": {"somebodys.example.com/label": None}}})
        denied(
            kubectl(target, "patch", "namespace", name, "--dry-run=server", "--type=merge", f"--patch={patch}"),
            "rule namespace-labels",
        )
    finally:
        target.cluster.kubectl("label", "namespace", name, "somebodys.example.com/label-")


@pytest.mark.parametrize("where", ["{app}", "kube-system", "default"])
def test_nobody_gets_rights_elsewhere(target: Base, where: str) -> None:
    # In the app's own, another rule refuses as well, and one of the two is told.
    says = "denied request: rule " if where == "{app}" else "rule rights-elsewhere"
    denied(create(target, binding(target, where.format(app=target.app))), says)


@pytest.mark.parametrize(
    "change",
    [
        {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}},
        {"subjects": [{"kind": "ServiceAccount", "namespace": "default", "name": "default"}]},
        {"subjects": [{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "system:authenticated"}]},
    ],
    ids=["more rights", "another account", "everybody"],
)
def test_a_branchs_namespace_gives_no_other_rights_and_to_nobody_else(target: Base, change: Manifest) -> None:
    attack = binding(target, target.home(MINE), **change)
    attack["metadata"]["name"] = f"{MINE}--more"
    # The API server itself refuses rights that one has not.
    refused = create(target, attack)
    assert refused.returncode != 0, f"nobody gives more than is given: {refused.stdout}"
    assert "rule rights" in refused.stderr or "attempting to grant RBAC permissions" in refused.stderr, refused.stderr


def test_cluster_wide_rights_are_not_bound(target: Base) -> None:
    attack = binding(target, "")
    attack["kind"] = "ClusterRoleBinding"
    attack["metadata"] = {"name": MINE}
    denied(create(target, attack), "forbidden", "clusterrolebindings")


@pytest.mark.parametrize("kind", GUARDS)
def test_a_guard_cannot_be_deleted(target: Base, kind: str) -> None:
    done = kubectl(target, f"--namespace={target.home(MINE)}", "delete", kind, MINE, "--dry-run=server")
    denied(done, "forbidden", "cannot delete")


@pytest.mark.parametrize(
    ("kind", "patch", "rule"),
    [
        ("resourcequotas", {"spec": {"hard": {"pods": "500"}}}, "quota"),
        ("resourcequotas", {"spec": {"hard": {"pods": None}}}, "quota"),
        ("networkpolicies", {"spec": {"ingress": [{}]}}, "ordered-networkpolicy"),
        ("networkpolicies", {"spec": {"podSelector": {"matchLabels": {"a": "b"}}}}, "ordered-networkpolicy"),
        ("peerauthentications.security.istio.io", {"spec": {"mtls": {"mode": "PERMISSIVE"}}}, "ordered-peerauth"),
        ("authorizationpolicies.security.istio.io", {"spec": {"rules": [{}]}}, "ordered-authorizationpolicy"),
        ("sidecars.networking.istio.io", {"spec": {"egress": [{"hosts": ["*/*"]}]}}, "ordered-sidecar"),
    ],
)
def test_a_guard_cannot_be_weakened(target: Base, kind: str, patch: Manifest, rule: str) -> None:
    flags = ("--dry-run=server", "--type=merge", f"--patch={json.dumps(patch)}")
    denied(kubectl(target, f"--namespace={target.home(MINE)}", "patch", kind, MINE, *flags), f"rule {rule}")


def kept(base: Base, kind: str, **more: Any) -> Manifest:
    """Return a Secret or a claim in the branch's own namespace that breaks no rule."""
    place = {"name": MINE, "namespace": base.home(MINE)}
    where = {**place, "labels": labels(base, MINE), "ownerReferences": [owner(MINE)]}
    return {"apiVersion": "v1", "kind": kind, "metadata": where, **more}


@pytest.mark.parametrize(("kind", "more"), [("Secret", {}), ("PersistentVolumeClaim", {"spec": CLAIM})])
def test_a_branch_keeps_secrets_and_volumes_in_its_own_namespace(target: Base, kind: str, more: Manifest) -> None:
    done = create(target, kept(target, kind, **more))
    assert done.returncode == 0, f"the attacks below differ from this in one thing each: {done.stderr}"
    attack = kept(target, kind, **more)
    del attack["metadata"]["ownerReferences"]
    denied(create(target, attack), "rule owner", "fix:")


def test_volumes_hold_no_more_than_an_environment_may_have(target: Base) -> None:
    larger = {**CLAIM, "resources": {"requests": {"storage": "1Ti"}}}
    denied(create(target, kept(target, "PersistentVolumeClaim", spec=larger)), "exceeded quota", "requests.storage")


@pytest.mark.parametrize("kind", ["kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token"])
def test_a_secret_that_would_be_a_way_into_the_cluster(target: Base, kind: str) -> None:
    attack = kept(target, "Secret", type=kind)
    attack["metadata"]["annotations"] = {"kubernetes.io/service-account.name": MINE}
    denied(create(target, attack), "rule secret-type", "fix:")


@pytest.mark.parametrize("spec", [{"volumeName": "of-another-branch"}, {"selector": {"matchLabels": {"a": "b"}}}])
def test_a_claim_on_a_volume_that_is_there(target: Base, spec: Manifest) -> None:
    denied(create(target, kept(target, "PersistentVolumeClaim", spec={**CLAIM, **spec})), "rule claim-volume", "fix:")


def test_a_second_network_policy_opens_nothing(target: Base) -> None:
    attack = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"{MINE}--open", "namespace": target.home(MINE), "labels": labels(target, MINE)},
        "spec": {"podSelector": {}, "ingress": [{}]},
    }
    denied(create(target, attack), "rule ordered-networkpolicy")


def test_pods_wait_for_their_guards(target: Base) -> None:
    bare, where = "bare", target.home("bare")
    target.cluster.apply(namespace(target, bare))
    rights = binding(target, where)
    rights["metadata"].update(name=bare, labels=labels(target, bare))
    target.cluster.apply(rights)
    try:
        attack = pods(target, bare, bare)
        until(lambda: "no params found" in create(target, attack).stderr, what="it is refused for want of guards")
        denied(create(target, attack), f"{target.app}.guards")
        (ordered,) = found(target, "resourcequotas", MINE)
        quota = {**ordered, "metadata": {"name": bare, "namespace": where, "labels": labels(target, bare)}}
        target.cluster.apply({key: value for key, value in quota.items() if key != "status"})
        until(lambda: "rule guards" in create(target, attack).stderr, what="the quota alone will not do")
    finally:
        target.cluster.kubectl("delete", "namespace", where)


def test_an_object_stays_in_its_branchs_namespace(target: Base) -> None:
    denied(create(target, pods(target, THEIRS, MINE)), "rule own-namespace")
    denied(create(target, pods(target, MINE, THEIRS)), "rule own-namespace")
    denied(
        create(target, {**pods(target), "metadata": {**pods(target)["metadata"], "namespace": target.namespace}}),
        "forbidden",
    )


def test_a_route_leads_to_its_own_namespace_alone(target: Base) -> None:
    def to(host: str) -> Manifest:
        made = route(target)
        made["metadata"].update(name=f"{MINE}--route", namespace=target.home(MINE))
        made["spec"]["http"][0]["route"][0]["destination"]["host"] = host
        return made

    done = create(target, to(f"{MINE}.{target.home(MINE)}.svc.cluster.local"))
    assert done.returncode == 0, done.stderr
    for host in (f"{THEIRS}.{target.home(THEIRS)}", f"{THEIRS}.{target.home(THEIRS)}.svc.cluster.local", "example.com"):
        denied(create(target, to(host)), "rule destination", target.home(MINE))


def test_the_apps_own_namespace_is_out_of_reach(target: Base) -> None:
    for attempt in (
        ("get", "pods"),
        ("get", "configmaps"),
        ("get", "secrets"),
        ("delete", "serviceaccount", target.app),
    ):
        denied(kubectl(target, *attempt), "forbidden")
