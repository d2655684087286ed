"""A ServiceAccount per branch: whose pods run as it, and what somebody with the deployer's credentials tries with it.

Attempts are server-side dry runs, as those of test_attacks.py.
"""

import copy
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.identity.aws_iam import ROLE_ANNOTATION
from core.names import object_name
from tests.cluster.support.bases import branches_on
from tests.cluster.support.cluster import REPOSITORY, Cluster
from tests.cluster.support.slots import remove, slot
from tests.cluster.support.stacks import FIRST, Base, Branches
from tests.cluster.support.waiting import until
from tests.cluster.test_attacks import MINE, THEIRS, Manifest, create, denied, deployment, kubectl, metadata, take
from tests.unit.inventory import examples, run_example


def account(base: Base, slug: str = MINE, **more: Any) -> Manifest:
    """Return a ServiceAccount that breaks no rule."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata(base, slug), **more}


def pods(base: Base, service_account: str) -> Manifest:
    """Return a Deployment whose pods run as somebody."""
    made = deployment(base)
    made["spec"]["template"]["spec"]["serviceAccountName"] = service_account
    return made


@pytest.fixture(scope="module")
def target(branch_service_accounts: Base) -> Iterator[Base]:
    """A namespace with main's and another branch's ServiceAccount, in which the rules are at work."""
    victim = account(branch_service_accounts, THEIRS)
    branch_service_accounts.cluster.apply(victim)
    wrong = account(branch_service_accounts, secrets=[{"name": "password"}])
    # The API server takes a moment to compile a policy that is new.
    until(lambda: create(branch_service_accounts, wrong).returncode != 0, what="the rules are at work")
    yield branch_service_accounts
    branch_service_accounts.cluster.kubectl(
        "delete", "serviceaccount", THEIRS, f"--namespace={branch_service_accounts.namespace}", "--ignore-not-found"
    )


@pytest.fixture
def own_branches(branch_service_accounts: Base) -> Iterator[Branches]:
    """Makes branches of the app whose branches have a ServiceAccount each; removes them after the test."""
    yield from branches_on(branch_service_accounts)


@pytest.mark.parametrize("name", ["feature/own-identity", "123-own-identity"])
def test_pods_run_as_their_branchs_own_account(own_branches: Branches, name: str, workdir: Path) -> None:
    branch = own_branches(name)
    branch.up(image=FIRST)
    branch.base.gateway.until_status(branch.host)
    (pod,) = branch.pods()
    assert pod["spec"]["serviceAccountName"] == branch.object_name(), "no other branch's pods run as this one"
    variables = {each["name"]: each.get("value") for each in pod["spec"]["containers"][0]["env"]}
    assert variables["BRANCH_IDENTITY"] == branch.object_name(), "the app finds what `${branch}` in its policies is"
    here = f"--namespace={branch.base.namespace}"
    made = branch.base.cluster.get("serviceaccount", branch.object_name(), here)
    (owner,) = made["metadata"]["ownerReferences"]
    anchor = branch.base.cluster.get("configmap", branch.object_name(), here)
    assert owner["uid"] == anchor["metadata"]["uid"], "what a killed `up` does not know of goes with the anchor"
    assert made["imagePullSecrets"] == [{"name": "registry"}], "images of a private registry can be pulled"
    assert made["automountServiceAccountToken"] is False, "pods have no token that they did not ask for"
    branch.elsewhere(workdir).destroy("--remove").ok()
    branch.until_nothing_is_left()


def test_an_account_that_no_state_knows_goes_with_the_anchor(own_branches: Branches) -> None:
    branch = own_branches("feature/own-orphan")
    branch.up(image=FIRST)
    here = f"--namespace={branch.base.namespace}"
    branch.base.cluster.kubectl("delete", "configmap", branch.object_name(), here)
    branch.until_nothing_is_left()


def test_a_chart_is_given_the_accounts_name(own_branches: Branches, workdir: Path) -> None:
    branch = own_branches("feature/own-chart")
    file = workdir / "chart.yaml"
    chart = {
        "path": str(REPOSITORY / "examples" / "shop" / "chart"),
        "values": {"gateway": f"istio-system/{branch.base.app}", "serviceAccount": branch.base.app},
    }
    file.write_text(yaml.safe_dump({"chart": chart}))
    branch.try_up(environment=str(file), image=FIRST).refused("rule service-account", "valuePaths.serviceAccount")
    file.write_text(yaml.safe_dump({"chart": {**chart, "valuePaths": {"serviceAccount": "serviceAccount"}}}))
    branch.up(environment=str(file), image=FIRST)
    branch.base.gateway.until_status(branch.host)
    (pod,) = branch.pods()
    assert pod["spec"]["serviceAccountName"] == branch.object_name(), "the chart's pods are the branch's, too"


def test_what_breaks_no_rule_is_let_through(target: Base) -> None:
    fine = account(target, imagePullSecrets=[{"name": "registry"}], automountServiceAccountToken=False)
    fine["metadata"]["annotations"] = {"branch-environments/branch": MINE}
    for each in (fine, pods(target, MINE), pods(target, "shared")):
        done = create(target, each)
        assert done.returncode == 0, f"the attacks below differ from this in one thing each: {done.stderr}"


@pytest.mark.parametrize("whose", ["{app}", "{app}-deployer", THEIRS, "default", ""])
def test_pods_do_not_run_as_somebody_else(target: Base, whose: str) -> None:
    denied(create(target, pods(target, whose.format(app=target.app))), "rule service-account", f"{MINE} or shared")


@pytest.mark.parametrize(
    "annotations",
    [
        {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/dev--shop"},
        {"eks.amazonaws.com/audience": "other"},
        {"iam.gke.io/gcp-service-account": "shop@my-project.iam.gserviceaccount.com"},
    ],
    ids=["a role", "another audience", "a Google account"],
)
def test_an_account_is_bound_to_no_foreign_identity(target: Base, annotations: dict[str, str]) -> None:
    attack = account(target)
    attack["metadata"]["annotations"] = annotations
    denied(create(target, attack), "rule account-identity", "fix:")
    owned = account(target, THEIRS)
    owned["metadata"]["annotations"] = annotations
    denied(take(target, owned), "rule account-identity")


@pytest.mark.parametrize(
    "secrets",
    [
        {"secrets": [{"name": "password"}]},
        {"imagePullSecrets": [{"name": "another"}]},
        # What may be pulled with may not be mounted.
        {"secrets": [{"name": "registry"}]},
    ],
    ids=["mountable", "for images", "for images, mountable"],
)
def test_an_account_names_no_foreign_secret(target: Base, secrets: Manifest) -> None:
    denied(create(target, account(target, **secrets)), "rule account-secrets", "imagePullSecrets")
    denied(take(target, account(target, THEIRS, **secrets)), "rule account-secrets")


def test_a_branch_has_one_account(target: Base) -> None:
    attack = account(target)
    attack["metadata"]["name"] = f"{MINE}--second"
    denied(create(target, attack), "rule own-account", f"called {MINE}")


@pytest.mark.parametrize("name", ["{app}", "{app}-deployer", "default", THEIRS])
def test_accounts_that_are_there_are_neither_taken_nor_deleted(target: Base, name: str) -> None:
    name = name.format(app=target.app)
    rule = "rule other-branch" if name == THEIRS else "rule no-branch-object"
    attack = account(target)
    attack["metadata"]["name"] = name
    denied(take(target, attack), rule)
    if name != THEIRS:
        pretending = account(target, name)
        denied(take(target, pretending), rule)
        denied(kubectl(target, "delete", "serviceaccount", name, "--dry-run=server"), rule)


@pytest.mark.parametrize("name", ["{app}", "{app}-deployer", "default", "shared"])
def test_no_branch_is_called_as_an_account_that_is_there(target: Base, name: str) -> None:
    slug = name.format(app=target.app)
    attack = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(target, slug)}
    denied(create(target, attack), "rule branch-labels")


def test_an_account_gives_no_rights_and_no_token(target: Base) -> None:
    for arguments in (
        ("create", "token", THEIRS),
        ("create", "token", target.app),
        ("create", "rolebinding", MINE, "--clusterrole=view", "--serviceaccount=x:y", "--dry-run=server"),
    ):
        done = kubectl(target, *arguments)
        denied(done)
        assert "forbidden" in done.stderr.lower(), f"it is refused for want of a right: {done.stderr}"


def test_where_branches_share_an_account_none_is_made(base: Base) -> None:
    done = create(base, account(base))
    denied(done)
    assert "forbidden" in done.stderr.lower(), "the Role has no right that nothing needs"
    denied(create(base, pods(base, MINE)), "rule service-account", f"the ServiceAccount {base.app}, not as {MINE}")


@pytest.fixture
def irsa_rules(cluster: Cluster) -> Iterator[str]:
    """A namespace in which the rules for ServiceAccounts are those of the EKS example, for its deployer."""
    with slot(cluster) as namespace:
        made = run_example(examples()["base-eks-irsa-per-branch"])
        (policy, binding) = (
            copy.deepcopy(each.inputs) for each in made.made if each.metadata.get("name") == "shop.accounts"
        )
        for each in (policy, binding):
            # By which a run that was killed is tidied up.
            each["metadata"] = {"name": f"{namespace}.accounts", "labels": {"branch-environments/app": namespace}}
        policy["spec"]["matchConstraints"]["namespaceSelector"] = {
            "matchLabels": {"kubernetes.io/metadata.name": namespace}
        }
        binding["spec"]["policyName"] = f"{namespace}.accounts"
        cluster.kubectl("create", "namespace", namespace)
        cluster.kubectl(
            "create", "rolebinding", "it", f"--namespace={namespace}", "--clusterrole=edit", f"--user={USER}"
        )
        cluster.apply(policy, binding)
        wrong = annotated(namespace, MINE, f"{ROLE}other")
        until(lambda: tried(cluster, wrong).returncode != 0, what="the rules are at work")
        yield namespace
        remove(cluster, int(namespace.rpartition("-")[2]))


USER = "system:serviceaccount:shop:shop-deployer"
ROLE = "arn:aws:iam::123456789012:role/branch-environments/dev/shop/dev--shop--"


def annotated(namespace: str, slug: str, role: str) -> Manifest:
    """Return a ServiceAccount of the example's app that is bound to a role."""
    labels = {"branch-environments/app": "shop", "branch-environments/slug": slug}
    name = object_name(slug)
    metadata = {"name": name, "namespace": namespace, "labels": labels, "annotations": {ROLE_ANNOTATION: role}}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}


def tried(cluster: Cluster, manifest: Manifest) -> subprocess.CompletedProcess[str]:
    """Try to make an object as the example's deployer."""
    return subprocess.run(
        ["kubectl", "create", "--dry-run=server", "--filename=-", f"--as={USER}"],
        env=cluster.env,
        input=json.dumps(manifest),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_role_is_named_by_its_own_branchs_account_alone(cluster: Cluster, irsa_rules: str) -> None:
    for slug in (MINE, "123-fix"):
        own = annotated(irsa_rules, slug, f"{ROLE}{object_name(slug)}")
        done = tried(cluster, own)
        assert done.returncode == 0, f"it is what the branch's stack makes: {done.stderr}"
    for role in (
        f"{ROLE}{THEIRS}",
        f"{ROLE}{MINE}-2",
        f"{ROLE}",
        "arn:aws:iam::123456789012:role/dev--shop",
        f"arn:aws:iam::999999999999:role/branch-environments/dev/shop/dev--shop--{MINE}",
        ROLE.replace("shop", "search") + MINE,
    ):
        denied(tried(cluster, annotated(irsa_rules, MINE, role)), "rule account-identity", f"{ROLE}{MINE}")
    other = annotated(irsa_rules, MINE, f"{ROLE}{MINE}")
    other["metadata"]["annotations"]["eks.amazonaws.com/audience"] = "x"
    denied(tried(cluster, other), "rule account-identity")
