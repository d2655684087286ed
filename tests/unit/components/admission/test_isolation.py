"""What an app's branches may do, as far as no API server is needed to see it; the attacks are tests on the cluster."""

import re

import cel
import pytest

from components.admission.network_policies import network_policy_policy, sidecar_policy
from components.admission.rules import policies
from components.admission.service_accounts import account_policy
from components.app.deployer import BRANCHENV_GRANTS, DeployerArgs, needed_grants, reading_grants
from components.app.quota import quota
from core.kinds import KEEPING, USUAL
from tests.unit.components.test_components import admission_args, limits_args, pod_limits
from tests.unit.inventory import examples
from tests.unit.recording import ROOT, run_program

SECURITY = (ROOT / "docs/security.md").read_text(encoding="utf-8")
ATTACKS = "".join(
    (ROOT / "tests/cluster" / name).read_text(encoding="utf-8")
    for name in ("test_attacks.py", "test_branch_identity.py", "test_kind_attacks.py", "test_branch_namespace.py")
)
MORE = [account_policy(role_prefix="", image_pull_secrets=[]), network_policy_policy(), sidecar_policy()]
EVERY = [
    *policies(
        admission_args(
            pods=pod_limits(images=["shop.local"], branch_service_account=True),
            room={"pods": "4"},
            more=MORE,
            kinds=USUAL,
        )
    ),
    # Beside claims a StatefulSet may have them, too.
    *(each for each in policies(admission_args(kinds=KEEPING)) if each.name in ("claims", "secrets")),
]
RULES = [rule.name for policy in EVERY for rule in policy.rules]


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_in_the_threat_model(rule: str) -> None:
    assert f"`{rule}`" in SECURITY, "a message that names a rule leads to where it is explained"


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "room"])
def test_every_rule_is_attacked(rule: str) -> None:
    assert re.search(rf'"(rule )?{rule}"', ATTACKS), "a rule that nothing breaks in a test may not hold"


def test_the_threat_model_names_tests_that_there_are() -> None:
    written = "".join(each.read_text(encoding="utf-8") for each in (ROOT / "tests").rglob("test_*.py"))
    for name in re.findall(r"`(test_\w+)`", SECURITY):
        assert f"def {name}(" in written, f"docs/security.md says that {name} tests something"


def test_rule_names_are_told_apart() -> None:
    assert len(RULES) == len(set(RULES)), "a message names one rule"


def test_the_quota_has_room_for_every_environment_and_main() -> None:
    hard = quota(limits_args(environments=2, cpu="500m", memory="1Gi", pods=4))
    assert hard["requests.cpu"] == "1500m", "two environments, and main"
    assert hard["requests.memory"] == str(3 * 2**30), "in bytes"
    assert hard["pods"] == "12", "four each"


def test_without_a_cap_only_ways_in_are_limited() -> None:
    assert quota(limits_args(environments=0)) == {"services.loadbalancers": "0", "services.nodeports": "0"}, (
        "no number of environments gives no size"
    )
    names = [policy.name for policy in policies(admission_args(room={}))]
    assert "room" not in names, "there is no quota to ask for room in"


def test_any_image_is_let_in_where_none_is_listed() -> None:
    rules = {rule.name for policy in policies(admission_args()) for rule in policy.rules}
    assert "image" not in rules, "an empty list is no rule, not a rule that refuses everything"


@pytest.mark.parametrize(
    ("image", "let_in"),
    [
        ("a.b/shop", True),
        ("a.b/shop/web:1.0", True),
        ("a.b/shop:1.0", True),
        ("a.b/shop@sha256:0a", True),
        ("a.b/shopping:1.0", False),
        ("c.d/a.b/shop:1.0", False),
        ("shop:1.0", False),
    ],
)
def test_an_image_comes_from_a_listed_repository_and_from_none_that_begins_like_it(image: str, let_in: bool) -> None:
    (policy,) = (each for each in policies(admission_args(pods=pod_limits(images=["a.b/shop"]))) if each.name == "pods")
    (rule,) = (each for each in policy.rules if each.name == "image")
    variables = {"containers": [{"image": image}], "images": cel.evaluate(policy.variables["images"], {})}
    assert cel.evaluate(rule.holds.strip(), {"variables": variables}) is let_in, f"{image} beside a.b/shop"


def test_nothing_of_a_deployer_is_cluster_wide_and_none_of_it_is_about_secrets() -> None:
    made = run_program("base-local", examples()["base-local"].config)
    assert not made.of_type(":ClusterRole"), "an app's deployer has no business outside of its namespace"
    assert not made.of_type(":ClusterRoleBinding"), "nor in any other way"
    args = DeployerArgs(app="shop", namespace="shop")
    grants = (*needed_grants(args), *reading_grants(args), *BRANCHENV_GRANTS)
    resources = {what for grant in grants for what in grant.resources}
    assert not resources & {"*", "secrets", "pods/exec", "pods/attach", "roles", "rolebindings", "serviceaccounts"}, (
        "each of these is a way around the rules"
    )
    assert "*" not in {verb for grant in grants for verb in grant.verbs}, "verbs are counted, not waved through"


def test_there_is_no_deployer_without_its_rules() -> None:
    made = run_program("base-local", examples()["base-local"].config)
    (account,) = [each for each in made.of_type("v1:ServiceAccount") if each.name.endswith("-deployer")]
    needed = "".join(account.depends_on)
    for policy in made.of_type(":ValidatingAdmissionPolicyBinding"):
        assert policy.name in needed, f"{policy.name} must be there before somebody can act as the deployer"


def test_a_deployer_touches_service_accounts_only_where_each_branch_has_its_own() -> None:
    on, off = (DeployerArgs(app="shop", namespace="shop", branch_service_accounts=each) for each in (True, False))
    more = [
        *(grant for grant in needed_grants(on) if grant not in needed_grants(off)),
        *(grant for grant in reading_grants(on) if grant not in reading_grants(off)),
    ]
    assert {grant.resources for grant in more} == {("serviceaccounts",)}, "the switch gives this, and nothing else"
