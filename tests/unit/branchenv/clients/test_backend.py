"""Pulumi's own files, read where they lie."""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from branchenv.clients.backend import Backend, backend_url, open_backend
from branchenv.clients.backend.checkpoint import SECRET
from branchenv.model import tags as tag_texts
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import StackRecord, Tags

_STACKS = ".pulumi/stacks/branch-environments"
_MOMENT = datetime(2026, 11, 24, 1, 2, 3, tzinfo=UTC)
_SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "x"}


def _state(**more: object) -> str:
    stack = {
        "type": "pulumi:pulumi:Stack",
        "urn": "urn:stack",
        "outputs": {"url": "http://a.b", "branch": "feature/a", "key": _SECRET},
    }
    latest = {
        "manifest": {"time": "2026-11-24T01:02:03.000000001Z"},
        "secrets_providers": {"type": "passphrase", "state": {"salt": "v1:salt"}},
        "resources": [stack, {"type": "kubernetes:core/v1:ConfigMap", "urn": "urn:anchor"}],
        **more,
    }
    return json.dumps({"version": 3, "checkpoint": {"stack": "x", "latest": latest}})


@pytest.fixture
def backend(tmp_path: Path) -> Backend:
    (tmp_path / _STACKS).mkdir(parents=True)
    return open_backend(f"file://{tmp_path}?metadata=skip")


def _write(folder: Path, name: str, content: str | bytes) -> None:
    (folder / _STACKS / name).write_bytes(content.encode() if isinstance(content, str) else content)


def test_a_stack_is_read_with_outputs_resources_and_time(backend: Backend, tmp_path: Path) -> None:
    _write(tmp_path, "shop.a.json", _state())
    record = backend.stack("shop.a")
    assert record is not None, "it is there"
    assert (record.app, record.slug, record.branch, record.url) == ("shop", "a", "feature/a", "http://a.b"), "outputs"
    assert record.outputs["key"] == SECRET, "secrets are not shown"
    assert record.resources == 1, "the stack itself does not count"
    assert record.last_update == _MOMENT, "of the last update"
    assert record.secrets == {"encryptionsalt": "v1:salt"}, "as its config file has it"
    assert not record.damaged, "it is whole"


def test_all_stacks_are_read_and_other_files_left_out(backend: Backend, tmp_path: Path) -> None:
    for name in ("shop.b.json", "shop.a.json", "base-local.json"):
        _write(tmp_path, name, _state())
    _write(tmp_path, "shop.c.json.gz", gzip.compress(_state().encode()))
    for name in ("shop.a.json.bak", "shop.a.json.attrs", "shop.gone.pulumi-tags", "notes.txt"):
        _write(tmp_path, name, "{}")
    found = backend.stacks()
    assert [each.name for each in found] == ["base-local", "shop.a", "shop.b", "shop.c"], "by name, packed ones too"
    assert found[0] == StackRecord(name="base-local"), "a base stack's state, with its secrets, is not opened"
    assert found[1:] == [backend.stack(each.name) for each in found[1:]], "as one by one"


def test_pending_operations_are_told(backend: Backend, tmp_path: Path) -> None:
    _write(tmp_path, "shop.a.json", _state(pending_operations=[{"resource": {"urn": "urn:x"}, "type": "creating"}]))
    record = backend.stack("shop.a")
    assert record is not None, "it is there"
    assert record.pending == ("urn:x",), "an interrupted update left it open"


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"checkpoint": {"latest": {"resources": [1]}}}', "\x1f\x8b"]
)
def test_a_damaged_state_is_told_and_hides_no_other_stack(backend: Backend, tmp_path: Path, content: str) -> None:
    _write(tmp_path, "shop.a.json", content.encode("latin-1"))
    _write(tmp_path, "shop.b.json", _state())
    damaged, whole = backend.stacks()
    assert damaged.damaged, "it says what is wrong"
    assert not whole.damaged, "the others are read"


def test_a_stack_without_any_update_is_empty(backend: Backend, tmp_path: Path) -> None:
    _write(tmp_path, "shop.a.json", '{"version":0,"checkpoint":{"stack":"organization/branch-environments/shop.a"}}')
    record = backend.stack("shop.a")
    assert record is not None, "it is there"
    assert not record.damaged, "that is how a new stack looks"
    assert not record.resources, "nothing was deployed"


def test_no_stack_is_none(backend: Backend) -> None:
    assert backend.stack("shop.a") is None, "there is none"
    assert backend.stacks() == [], "nor any other"
    assert backend.locks("shop.a") == (), "nor a lock"


def test_tags_are_written_at_once_and_those_of_others_stay(backend: Backend, tmp_path: Path) -> None:
    _write(tmp_path, "shop.a.json", _state())
    _write(tmp_path, "shop.a.pulumi-tags", '{"version":1,"tags":{"team":"blue","owner":"carol","warned":"x"}}')
    tags = Tags(branch="feature/ü", merge_request=7, created=_MOMENT, asleep=True, requests=0, project="acme/shop")
    backend.write_tags("shop.a", tags)
    record = backend.stack("shop.a")
    assert record is not None, "it is there"
    assert record.tags == tags, "they come back as they were"
    kept = json.loads((tmp_path / _STACKS / "shop.a.pulumi-tags").read_text())
    assert kept["version"] == 1, "as Pulumi has it"
    assert kept["tags"]["team"] == "blue", "somebody else's tag stays"
    assert "owner" not in kept["tags"], "ours are set as a whole"
    assert kept["tags"]["merge-request"] == "7", "in Pulumi's usual spelling"


def test_a_tag_that_cannot_be_read_hides_no_other() -> None:
    assert tag_texts.decode({"branch": "a", "created": "yesterday", "merge-request": "x"}) == Tags(branch="a"), "notes"


def test_a_folder_that_is_not_there_is_a_backend_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(BranchenvError, match="nowhere") as caught:
        open_backend(f"file://{tmp_path}/nowhere")
    assert caught.value.code == ExitCode.BACKEND, "which a script can tell"


def test_an_s3_that_does_not_answer_is_a_backend_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    backend = open_backend("s3://bucket?region=us-east-1&endpoint=127.0.0.1:1&disableSSL=true")
    with pytest.raises(BranchenvError) as caught:
        backend.stack("shop.a")
    assert caught.value.code == ExitCode.BACKEND, "which a script can tell"


def test_the_backend_is_where_pulumi_is_logged_in(tmp_path: Path) -> None:
    (tmp_path / "credentials.json").write_text('{"current": "s3://states"}')
    assert backend_url({"PULUMI_HOME": str(tmp_path)}) == "s3://states", "as `pulumi login` left it"
    chosen = {"PULUMI_HOME": str(tmp_path), "PULUMI_BACKEND_URL": "gs://other"}
    assert backend_url(chosen) == "gs://other", "the variable goes first"
    with pytest.raises(BranchenvError, match="nothing says"):
        backend_url({"PULUMI_HOME": str(tmp_path / "empty")})


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket on loopback; gives the backend's URL."""
    import boto3
    from moto.server import ThreadedMotoServer

    for name, value in {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1")
        client.create_bucket(Bucket="states")
        for name in ("shop.a.json", "shop.b.json"):
            client.put_object(Bucket="states", Key=f"team/{_STACKS}/{name}", Body=_state())
        lock = {"pid": 1, "username": "carol", "hostname": "laptop", "timestamp": "2026-11-24T01:02:03Z"}
        key = "team/.pulumi/locks/organization/branch-environments/shop.a/1.json"
        client.put_object(Bucket="states", Key=key, Body=json.dumps(lock))
        yield f"s3://states/team?endpoint={host}:{port}&disableSSL=true&s3ForcePathStyle=true"
    finally:
        server.stop()


def test_s3_is_read_and_written_as_files_are(s3: str) -> None:
    backend = open_backend(s3)
    first, second = backend.stacks()
    assert (first.name, second.name) == ("shop.a", "shop.b"), "below the prefix of the URL"
    assert [lock.user for lock in first.locks] == ["carol"], "locks are those of the stack"
    backend.write_tags("shop.a", Tags(branch="feature/a"))
    assert backend.tags("shop.a").branch == "feature/a", "tags come back"
    backend.break_locks("shop.a", first.locks)
    assert not backend.locks("shop.a"), "the lock is gone"
    backend.forget("shop.a")
    backend.forget("shop.a")
    assert backend.tags("shop.a") == Tags(), "and so are the tags, however often"
