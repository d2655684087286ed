"""What `branchenv select` decides before anything is made, and the config file that it writes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
import yaml

from branchenv import locks
from branchenv.clients import pulumi_cli
from branchenv.clients.backend import Backend
from branchenv.model.context import Target
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import StackRecord, Tags
from branchenv.operations import lookup, ownership
from branchenv.operations.config import stack_config
from branchenv.operations.config.digests import MovingTags
from branchenv.operations.deploy import select
from branchenv.operations.deploy.tags import expiry, tags_of
from branchenv.operations.deploy.wanted import Wanted
from branchenv.operations.lifetime import limits
from branchenv.operations.repair import repair
from core.contract import App, Base, Lifecycle

_NOW = datetime.now(UTC)
_TARGET = Target(app="shop", branch="new", project="acme/shop")


class _Backend:
    """Some stacks."""

    url = "s3://key:secret@bucket/states?region=x"

    def __init__(self, *records: StackRecord) -> None:
        self._records = records

    def stacks(self) -> list[StackRecord]:
        return list(self._records)


def _record(slug: str, *, hours: float = 0, asleep: bool = False, resources: int = 5) -> StackRecord:
    tags = Tags(branch=slug, updated=_NOW - timedelta(hours=hours), asleep=asleep)
    return StackRecord(name=f"shop.{slug}", tags=tags, resources=resources)


def _app(policy: Lifecycle) -> App:
    return App(
        namespace="shop",
        domain="shop.test",
        service_account="shop",
        default_branch="main",
        reserved_slugs=(),
        lifecycle=policy,
    )


def _base(policy: Lifecycle) -> Base:
    return Base(
        name="base-x",
        cluster="uid",
        platform="local",
        gateway="a/b",
        gateway_selector="a=b",
        gateway_metrics=(),
        scheme="https",
        port=443,
        prices=None,
        apps={"shop": _app(policy)},
    )


def test_at_the_cap_one_more_is_refused_with_the_oldest() -> None:
    backend = _Backend(
        _record("young"),
        _record("old", hours=50),
        _record("asleep", hours=90, asleep=True),
        _record("empty", hours=90, resources=0),
        StackRecord(name="other.x", resources=9),
        StackRecord(name="base-x", resources=9),
    )
    with pytest.raises(BranchenvError) as caught:
        limits.make_room(cast("Backend", backend), _base(Lifecycle(max_environments=2)), _TARGET)
    assert caught.value.code == ExitCode.CAP, "which a script can tell"
    message = str(caught.value)
    assert "branchenv down old --app shop" in message, "a command that can be pasted"
    assert message.index("old,") < message.index("young,"), "the oldest first"
    for left_out in ("asleep", "empty", "other.x"):
        assert f"\n      {left_out}" not in message, f"{left_out} takes no place"


def test_below_the_cap_there_is_room() -> None:
    backend = _Backend(_record("young"), _record("new"))
    limits.make_room(cast("Backend", backend), _base(Lifecycle(max_environments=2)), _TARGET)


def test_at_the_cap_the_least_recently_updated_is_put_to_sleep_if_that_is_the_policy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slept: list[str] = []

    def sleep(_backend: Backend, record: StackRecord) -> None:
        slept.append(record.name)

    monkeypatch.setattr(limits, "_put_to_sleep", lambda record, backend: sleep(backend, record))
    backend = _Backend(_record("young"), _record("old", hours=50), _record("older", hours=60))
    limits.make_room(cast("Backend", backend), _base(Lifecycle(max_environments=2, on_limit="sleep")), _TARGET)
    assert slept == ["shop.older", "shop.old"], "as many as make room for one"


@pytest.mark.parametrize("asked", [timedelta(0), timedelta(days=9)])
def test_an_expiry_that_is_not_allowed_is_refused(asked: timedelta) -> None:
    with pytest.raises(BranchenvError) as caught:
        expiry(asked, _app(Lifecycle(max_lifetime=timedelta(days=8))), None)
    assert caught.value.code == ExitCode.BAD_INPUT, "it is in the past, or too far"
    assert caught.value.field == "--expires-in", "which option"


def test_a_push_renews_the_expiry_and_does_not_cut_an_extension_short() -> None:
    policy = Lifecycle(lifetime=timedelta(days=7))
    before = datetime.now(UTC)
    renewed = expiry(None, _app(policy), None)
    assert renewed is not None, "it has an end"
    # Noted without fractions of a second.
    assert before - timedelta(seconds=1) <= renewed - timedelta(days=7) <= datetime.now(UTC), "a lifetime from now"
    extended = _NOW + timedelta(days=20)
    record = StackRecord(name="shop.new", tags=Tags(expires=extended), resources=5)
    assert expiry(None, _app(policy), record) == extended, "somebody wanted it longer"
    stopped = StackRecord(name="shop.new", tags=Tags(expires=extended), resources=0)
    assert expiry(None, _app(policy), stopped) != extended, "what comes back is new"
    assert expiry(None, _app(Lifecycle()), None) is None, "without a lifetime it stays"


def test_what_was_stopped_and_comes_back_is_created_anew() -> None:
    long_ago = _NOW - timedelta(days=30)
    stopped = StackRecord(name="shop.new", tags=Tags(created=long_ago, requests=9), resources=0)
    tags = tags_of(_TARGET, Wanted(), None, stopped, None)
    assert tags.created != long_ago, "it is another environment"
    assert tags.requests is None, "with its own counts"
    running = StackRecord(name="shop.new", tags=Tags(created=long_ago, asleep=True, warned=_NOW), resources=5)
    kept = tags_of(_TARGET, Wanted(), None, running, None)
    assert kept.created == long_ago, "a push does not make it younger"
    assert not kept.asleep, "a push wakes it"
    assert kept.warned is None, "and the next expiry is warned of again"


def test_a_stack_of_another_branch_or_project_is_refused() -> None:
    for tags in (Tags(branch="other"), Tags(branch="new", project="acme/other")):
        with pytest.raises(BranchenvError) as caught:
            ownership.check_owner(_TARGET, StackRecord(name="shop.new", tags=tags))
        assert caught.value.code == ExitCode.NOT_YOURS, "which a script can tell"
    ownership.check_owner(_TARGET, StackRecord(name="shop.new"))


def test_a_damaged_state_names_pulumi_s_own_copies_and_shows_no_key() -> None:
    record = StackRecord(name="shop.new", damaged="it is empty")
    with pytest.raises(BranchenvError) as caught:
        ownership.check_state(record, cast("Backend", _Backend()))
    assert caught.value.code == ExitCode.STATE, "which a script can tell"
    for part in (".pulumi/stacks/branch-environments/shop.new.json.bak", ".pulumi/backups/", "s3://bucket/states"):
        assert part in caught.value.fix, "where they are"
    assert "secret" not in str(caught.value), "a URL may hold a key"


@pytest.mark.parametrize(
    "message", ["error: a stack named shop.new already exists", "error: stack 'shop.new' already exists"]
)
def test_who_is_second_to_make_a_stack_goes_on_with_it(
    message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tried: list[str] = []

    def made(stack: str, *, secrets_provider: str) -> None:
        tried.append(stack + secrets_provider)
        if len(tried) == 1:
            raise pulumi_cli.PulumiError(["stack", "select"], 1, message, shown=False)

    class _New:
        """A stack that another has just begun to make."""

        url = "file://x"

        def stack(self, name: str) -> StackRecord | None:
            return StackRecord(name=name, resources=1) if name.startswith("base-") else None

        def tags(self, _name: str) -> Tags:
            return Tags()

        def locks(self, _name: str) -> tuple[()]:
            return ()

        def write_tags(self, _name: str, _tags: Tags) -> None:
            return

    monkeypatch.setattr(select, "open_backend", _New)
    monkeypatch.setattr(lookup, "base_of", lambda _name: _base(Lifecycle()))
    monkeypatch.setattr(repair, "repair_stack", lambda *_, **__: None)
    monkeypatch.setattr(pulumi_cli, "select", made)
    monkeypatch.setattr(pulumi_cli, "config_file", lambda stack: tmp_path / f"Pulumi.{stack}.yaml")
    monkeypatch.setattr(locks, "give_way", lambda: None)
    found = select.select(_TARGET, Wanted(image="shop:2", moving_tags=MovingTags.OFF), max_wait=60)
    assert len(tried) == 2, "with the time that it was given"
    assert found.config["config"]["branch-environments:image"] == "shop:2", "what was asked travels with the run"
    assert not list(tmp_path.iterdir()), "and not in a file that another run may write"
    tried.clear()
    with pytest.raises(pulumi_cli.PulumiError):
        select.select(_TARGET, Wanted(image="shop:2", moving_tags=MovingTags.OFF), max_wait=0)


def test_a_run_has_a_config_file_of_its_own_that_the_cli_may_write_to() -> None:
    with stack_config.of_one_run({"config": {"a": 1}}) as first, stack_config.of_one_run({"config": {}}) as second:
        assert first != second, "two runs never read each other's"
        first.write_text("encryptionsalt: v1:x\nconfig: {a: 1}\n")
        assert stack_config.read(first)["encryptionsalt"] == "v1:x", "how a new stack is encrypted is read back"
    assert not first.exists(), "nothing is left of it"


def test_the_config_file_keeps_what_is_not_ours_and_drops_what_no_longer_runs(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.shop.new.yaml"
    file.write_text(
        "encryptionsalt: v1:mine\nconfig:\n  kubernetes:x: 'y'\n  branch-environments:environment: old.yaml\n"
        "  branch-environments:asleep: true\n"
    )
    values = {"base": "base-x", "image": "shop:2", "images": {"web": "w:1"}}
    without = (*stack_config.WHAT_RUNS, "asleep")
    whole = stack_config.composed(file, values, without=without, secrets={"encryptionsalt": "v1:other"})
    stack_config.save(file, whole)
    assert yaml.safe_load(file.read_text()) == {
        "encryptionsalt": "v1:mine",
        "config": {
            "kubernetes:x": "y",
            "branch-environments:base": "base-x",
            "branch-environments:image": "shop:2",
            "branch-environments:images": {"web": "w:1"},
        },
    }, "salt and others' keys stay; the environment file of before goes"
    assert [each.name for each in tmp_path.iterdir()] == [file.name], "no draft is left"


def test_a_new_checkout_gets_the_salt_that_the_state_was_made_with(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.shop.new.yaml"
    whole = stack_config.composed(file, {"base": "base-x"}, without=(), secrets={"encryptionsalt": "v1:state"})
    assert whole["encryptionsalt"] == "v1:state", "so that a wrong passphrase is told"


@pytest.mark.parametrize("content", ["[", "- a list", "config: [1]"])
def test_a_config_file_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "Pulumi.shop.new.yaml"
    file.write_text(content)
    with pytest.raises(BranchenvError) as caught:
        stack_config.composed(file, {}, without=(), secrets={})
    assert caught.value.code == ExitCode.BAD_INPUT, "nothing was done"
    assert file.read_text() == content, "it is a person's to repair"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("error: the stack is currently locked by 1 lock(s).", ExitCode.LOCKED),
        ("error: incorrect passphrase", ExitCode.BAD_INPUT),
        ('error: unable to open state directory "file:///x"', ExitCode.BACKEND),
        ("error: failed to load checkpoint: EOF", ExitCode.STATE),
        ("error: something new", ExitCode.FAILED),
    ],
)
def test_what_pulumi_says_has_an_exit_code(message: str, code: ExitCode) -> None:
    error = pulumi_cli.PulumiError(["up"], 255, message, shown=False)
    assert error.code == code, "which a script can tell"
    assert message in str(error), "Pulumi's own words are shown"


def test_the_commands_that_a_failure_of_pulumi_names_can_be_pasted() -> None:
    target = Target(app="shop", branch="feature/x", base="base-prod")
    error = pulumi_cli.PulumiError(["up"], 255, "error: the stack is currently locked by 1 lock(s).", shown=False)
    assert error.about(target).fix.endswith("branchenv unlock feature/x --app shop --base base-prod"), "it is whole"
    missing = pulumi_cli.PulumiError(["destroy"], 255, "error: no stack named 'x' found", shown=False)
    assert "branchenv up feature/x --app shop --base base-prod" in missing.about(target).fix, "as this one"
    unknown = pulumi_cli.PulumiError(["up"], 255, "error: something new", shown=False)
    assert unknown.about(target).fix == unknown.fix, "where none is named, none is added"


def test_the_passphrase_is_to_reach_branches_that_are_not_protected() -> None:
    error = pulumi_cli.PulumiError(["up"], 255, "error: incorrect passphrase", shown=False)
    assert "but not protected" in error.fix, "GitLab gives protected variables to protected branches only"
