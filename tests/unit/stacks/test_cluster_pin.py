"""A stack stays on its cluster: another one is refused before anything is made."""

from typing import Any

import pytest

from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import StackRecord
from branchenv.operations.ownership import check_cluster
from stacks.settings.errors import SettingsError
from tests.unit.recording import BASE_CONTRACT, CLUSTER, Recorder, run_program

OTHER = "another-cluster"
BASE: dict[str, Any] = {"platform": "local", "apps": [{"name": "shop", "domain": "shop.localhost"}]}
BRANCH: dict[str, Any] = {"image": "a:1"}


@pytest.mark.parametrize(("stack", "config"), [("base-x", BASE), ("shop.x", BRANCH)])
def test_a_stack_of_another_cluster_is_refused(stack: str, config: dict[str, Any]) -> None:
    recorder = Recorder(outputs={"cluster": OTHER})
    with pytest.raises(SettingsError) as caught:
        run_program(stack, config, recorder)
    message = str(caught.value)
    for part in (stack, OTHER, CLUSTER, "kubectl config use-context"):
        assert part in message, f"{part} is missing: a person must see both clusters, and what to do"
    assert not recorder.made, "nothing may be made in a cluster that is not the stack's"


@pytest.mark.parametrize(("stack", "config"), [("base-x", BASE), ("shop.x", BRANCH)])
def test_a_stack_notes_its_cluster_and_stays_there(stack: str, config: dict[str, Any]) -> None:
    first = run_program(stack, config)
    assert first.exports["cluster"] == CLUSTER, "the next `up` asks for it"
    assert run_program(stack, config, Recorder(outputs=first.exports)).made, "and goes on in the same cluster"


def test_config_names_the_cluster_before_the_first_up() -> None:
    with pytest.raises(SettingsError, match="kube-system"):
        run_program("base-x", {**BASE, "cluster": OTHER})
    assert run_program("base-x", {**BASE, "cluster": CLUSTER}).made, "the right one is taken"


def test_a_base_stack_that_is_to_move_says_so_in_its_config() -> None:
    moved = Recorder(outputs={"cluster": OTHER})
    made = run_program("base-x", {**BASE, "cluster": CLUSTER}, moved)
    assert made.exports["cluster"] == CLUSTER, "config comes before what was noted"


def test_a_branch_of_another_cluster_is_refused_where_base_stacks_are_called_alike() -> None:
    recorder = Recorder(contracts={"base-local": {**BASE_CONTRACT, "cluster": OTHER}}, outputs={"cluster": CLUSTER})
    with pytest.raises(SettingsError, match="is in another cluster"):
        run_program("shop.x", BRANCH, recorder)


@pytest.mark.parametrize(
    ("noted", "here", "refused"),
    [(CLUSTER, OTHER, True), (CLUSTER, CLUSTER, False), ("", OTHER, False), (CLUSTER, "", False)],
)
def test_branchenv_refuses_only_what_is_known_to_be_elsewhere(noted: str, here: str, refused: bool) -> None:
    record = StackRecord(name="shop.x", outputs={"cluster": noted} if noted else {})
    if not refused:
        check_cluster(record, here)
        return
    with pytest.raises(BranchenvError, match="use-context") as caught:
        check_cluster(record, here)
    assert caught.value.code == ExitCode.CLUSTER, "scripts tell it apart"
