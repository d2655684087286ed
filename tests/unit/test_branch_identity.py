"""A branch's own identity: who gets one, what it is called, what waits for it."""

from typing import Any

import pytest

from branchenv.base import read_base
from branchenv.names import object_name, slug
from tests.unit.inventory import examples, run_example
from tests.unit.recording import PROJECT, Recorder, run_program


def on(base: str) -> dict[str, Any]:
    """Give the outputs of an example of a base stack."""
    return run_example(examples()[base]).exports


def branch(base: str, stack: str, config: dict[str, Any] | None = None) -> Recorder:
    """Run a branch stack on an example of a base stack."""
    recorder = Recorder(stacks={f"organization/{PROJECT}/{base}": on(base)})
    return run_program(stack, {"image": "a:1", "base": base, **(config or {})}, recorder)


@pytest.mark.parametrize("stack", ["shop.x", "shop.123-fix"])
def test_a_branch_has_an_account_called_as_its_other_objects(stack: str) -> None:
    made = branch("base-local-own-accounts", stack)
    name = object_name(stack.partition(".")[2])
    (account,) = made.of_type(":ServiceAccount")
    assert account.metadata["name"] == name, "the admission rules know a branch's objects by their name"
    (deployment,) = made.of_type(":Deployment")
    pod = deployment.inputs["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == name, "pods run as their branch"
    (container,) = pod["containers"]
    assert {"name": "BRANCH_IDENTITY", "value": name} in container["env"], "the app knows its own prefix"


def test_a_branch_of_a_base_stack_that_knows_of_no_such_thing_shares_the_apps_account() -> None:
    made = run_program("shop.x", {"image": "a:1"})
    assert not made.of_type(":ServiceAccount"), "the base stack made one for all"
    (deployment,) = made.of_type(":Deployment")
    pod = deployment.inputs["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "shop", "the app's"
    assert "BRANCH_IDENTITY" not in str(pod), "nothing changes for who leaves it off"


def test_a_workload_may_name_another_account(tmp_path: Any) -> None:
    file = tmp_path / "environment.yaml"
    file.write_text("image: a:1\nserviceAccount: shared\n")
    made = branch("base-local-own-accounts", "shop.x", {"environment": str(file)})
    (deployment,) = made.of_type(":Deployment")
    assert deployment.inputs["spec"]["template"]["spec"]["serviceAccountName"] == "shared", (
        "whether it may is the admission rules' to say"
    )


def test_a_chart_is_given_the_accounts_name_where_it_asks_for_it(tmp_path: Any) -> None:
    (tmp_path / "Chart.yaml").write_text("name: x\nversion: 1.0.0\n")
    file = tmp_path / "environment.yaml"
    file.write_text("chart:\n  path: .\n  places: {serviceAccount: serviceAccount.name}\n")
    config = {"environment": str(file)}
    for made, name in (
        (branch("base-local-own-accounts", "shop.x", config), "x"),
        (run_program("shop.x", {"image": "a:1", **config}), "shop"),
    ):
        (chart,) = made.of_type(":Chart")
        assert chart.inputs["values"]["serviceAccount"] == {"name": name}, "its pods run as whom they should"
    (own,) = [each for each in branch("base-local-own-accounts", "shop.x", config).made if each.type.endswith(":Chart")]
    assert any(urn.endswith("::x-service-account") for urn in own.depends_on), "its pods do not come before it"


@pytest.mark.parametrize("name", ["shop", "shop-deployer", "default"])
def test_no_branch_takes_the_name_of_an_account_that_is_there(name: str) -> None:
    reserved = on("base-local-own-accounts")["apps"]["shop"]["reservedSlugs"]
    assert name in reserved, "it would be that account"
    assert slug(name, reserved) != name, "the branch is called otherwise"
    assert name not in on("base-local")["apps"]["shop"]["reservedSlugs"], "nothing changes for who leaves it off"


def test_branchenv_knows_whether_there_are_accounts() -> None:
    for base, expected in (("base-local-own-accounts", True), ("base-local", False)):
        assert read_base(on(base), base).app("shop").own_accounts is expected, "it looks for one in the way"


def test_the_apps_own_account_is_mains_alone() -> None:
    made = run_example(examples()["base-local-own-accounts"])
    (pods,) = [each for each in made.of_type(":ValidatingAdmissionPolicy") if each.metadata["name"] == "shop.pods"]
    (rule,) = [
        each["expression"]
        for each in pods.inputs["spec"]["validations"]
        if each["messageExpression"].startswith('"rule service-account')
    ]
    assert rule == "variables.account == variables.stem", "who runs as main's account has main's cloud identity"
