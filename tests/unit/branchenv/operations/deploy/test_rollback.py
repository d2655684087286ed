"""What a rollback goes back to, as the stack's history tells it."""

from pathlib import Path
from typing import Any

import pytest

from branchenv import git
from branchenv.clients import history, pulumi_cli
from branchenv.clients.history import Update
from branchenv.model.context import Target
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import StackRecord, Tags
from branchenv.operations import lookup
from branchenv.operations.deploy import rollback, up
from branchenv.operations.deploy.configured import Deploy, LastDeployed, configured
from branchenv.operations.deploy.tags import tags_of
from branchenv.operations.deploy.wanted import Checkout, Wanted
from core.contract import Lifecycle
from tests.unit.branchenv.operations.deploy.test_selection import _base

_TARGET = Target(app="shop", branch="feature", project="acme/shop")


def _push(commit: str, *, image: str = "", back: bool = False, root: str = "/builds/1", **more: Any) -> dict[str, Any]:
    source = {"commit": commit, "root": root} | ({"rollback": True} if back else {})
    file = {"image": image} if image else {"environment": f"{root}/environment.yaml"}
    return {"branch": "feature", "source": source, **file, **more}


def _up(config: dict[str, Any], *, succeeded: bool = True) -> Update:
    return Update(kind="update", succeeded=succeeded, config=config)


def _commit(*changes: Update, to: str = "") -> str:
    return str(rollback.chosen(changes, _TARGET, to)["source"]["commit"])


A, B, C = (_up(_push(commit * 40)) for commit in "abc")


def test_it_is_the_push_before_the_present_one() -> None:
    assert _commit(C, B, A) == "b" * 40


def test_a_retry_a_sleep_or_another_runner_is_no_push_of_its_own() -> None:
    retried = _up(_push("c" * 40, root="/builds/2"))
    slept = _up(_push("c" * 40, root="/builds/1", asleep="true"))
    from_git = _up({**_push("c" * 40), "environment": "/tmp/branchenv-checkout-x/environment.yaml"})
    assert _commit(from_git, slept, retried, C, B) == "b" * 40, "the files are those of the same commit"


def test_the_same_commit_with_another_image_is_another_push() -> None:
    one, two = (_up(_push("c" * 40, image=f"shop:{each}")) for each in (1, 2))
    assert rollback.chosen([two, one], _TARGET)["image"] == "shop:1", "as an app's own pipeline does it"


def test_a_failed_push_is_taken_back_to_what_is_deployed() -> None:
    failed = _up(_push("d" * 40), succeeded=False)
    assert _commit(failed, C, B) == "c" * 40, "it may have got half-way"
    assert _commit(_up(C.config, succeeded=False), C, B) == "b" * 40, "but a failed retry of it changes nothing"  # type: ignore[arg-type]


def test_a_second_rollback_goes_on_from_the_first() -> None:
    back_to_b = _up(_push("b" * 40, back=True))
    assert _commit(back_to_b, C, B, A) == "a" * 40, "and not forth to what was taken back"
    d = _up(_push("d" * 40))
    assert _commit(d, back_to_b, C, B, A) == "c" * 40, "the last good push before it"


def test_any_commit_can_be_named_by_its_beginning() -> None:
    assert _commit(C, B, A, to="aaaaaaaa") == "a" * 40
    for to in ("ffffffff", "a"):
        with pytest.raises(BranchenvError, match="no such commit") as caught:
            _commit(C, B, A, to=to)
        assert "bbbbbbbbbbbb" in caught.value.fix, "which there are"


def test_there_may_be_nothing_to_go_back_to() -> None:
    for changes in ([], [C], [C, Update(kind="destroy", succeeded=True), B], [_up(_push("d"), succeeded=False)]):
        with pytest.raises(BranchenvError, match="nothing else was deployed") as caught:
            rollback.chosen(changes, _TARGET)
        assert caught.value.code == ExitCode.BAD_INPUT, "nothing was done"
        assert "branchenv up feature --app shop" in caught.value.fix, "what can be done instead"


class _Backend:
    url = "file://x"

    def stack(self, name: str) -> StackRecord:
        tags = Tags(branch="feature", project="acme/shop", commit="c" * 40)
        return StackRecord(name=name, tags=tags, resources=5, outputs={"url": "http://x"})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Wanted]:
    """What would be deployed."""
    found: list[Wanted] = []

    def deploy(_target: Target, wanted: Wanted, **_how: object) -> StackRecord:
        found.append(wanted)
        return _Backend().stack("shop.feature")

    monkeypatch.setattr(rollback, "open_backend", _Backend)
    monkeypatch.setattr(lookup, "base_of", lambda _name: _base(Lifecycle()))
    monkeypatch.setattr(up, "up", deploy)
    return found


def test_what_ran_then_is_deployed_with_its_own_config(asked: list[Wanted], monkeypatch: pytest.MonkeyPatch) -> None:
    digests = {"shop:1": f"sha256:{'1' * 64}"}
    before = _up(_push("b" * 40, image="shop:1", readyTimeoutSeconds="30", asleep="true", chart="", digests=digests))
    monkeypatch.setattr(history, "updates", lambda _stack, **_: [_up(_push("c" * 40, image="shop:2")), before])
    rollback.rollback(_TARGET, max_wait=1, quiet=True)
    (wanted,) = asked
    assert wanted.config() == {"image": "shop:1", "readyTimeoutSeconds": 30}, "awake"
    assert wanted.digests == digests, "what the tag named then"
    assert wanted.again == Checkout(commit="b" * 40, root="/builds/1"), "of this commit"


def test_files_of_no_known_commit_are_not_deployed(asked: list[Wanted], monkeypatch: pytest.MonkeyPatch) -> None:
    before = {"environment": "/w/environment.yaml"}
    monkeypatch.setattr(history, "updates", lambda _stack, **_: [C, _up(before)])
    with pytest.raises(BranchenvError, match="from which commit"):
        rollback.rollback(_TARGET, max_wait=1, quiet=True)
    assert not asked, "they may be others by now"


def test_a_rollback_is_noted_until_the_next_deploy() -> None:
    record = _Backend().stack("shop.feature")
    back = tags_of(_TARGET, Wanted(again=Checkout(commit="b", root="/b"), rollback=True), None, record, None)
    assert (back.commit, back.root, back.rolled_back) == ("b", "/b", "c" * 40), "what runs, and what was taken back"
    after = tags_of(_TARGET, Wanted(), None, StackRecord(name=record.name, tags=back, resources=5), None)
    assert not after.rolled_back, "as usual"


def test_what_is_deployed_is_noted_in_the_stack_s_config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pulumi_cli, "config_file", lambda stack: tmp_path / f"Pulumi.{stack}.yaml")
    last = LastDeployed("shop.feature")

    def source(back: Checkout | None) -> object:
        wanted = Wanted(image="shop:1", again=back, rollback=back is not None)
        deploy = Deploy(target=_TARGET, wanted=wanted, base=_base(Lifecycle()), last=last)
        made = configured(deploy, None, Tags())
        return made["config"].get("branch-environments:source")

    assert source(Checkout(commit="b", root="/b")) == {"commit": "b", "root": "/b", "rollback": True}
    monkeypatch.setattr(git, "output", lambda _folder, *_arguments: "")
    assert source(None) is None, "where nothing is known, nothing is noted"
