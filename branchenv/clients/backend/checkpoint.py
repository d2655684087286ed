"""Pulumi's state files -> records: what a checkpoint, a tags file and a lock file say."""

import gzip
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from branchenv.model.records import DeployedObject, Lock, StackRecord, Tags

SECRET = "[secret]"  # noqa: S105 - what stands in the place of one

_SIGNATURE = "4dabf18193072939515e22adb298388d"
"""Pulumi's mark of an object that stands for a special value."""
_STACK_TYPE = "pulumi:pulumi:Stack"
_ZSTD = b"\x28\xb5\x2f\xfd"
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """What is asked of a stack's state."""

    outputs: Mapping[str, Any] = field(default_factory=dict)
    """Secrets are replaced by `SECRET`."""
    resources: int = 0
    """Without the stack itself."""
    pending: tuple[str, ...] = ()
    time: datetime | None = None
    objects: tuple[DeployedObject, ...] = ()
    """Its Kubernetes objects."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Of the config file that belongs to it: `encryptionsalt`, or `secretsprovider` and `encryptedkey`."""


def read_stack(name: str, content: bytes, *, tags: Tags, locks: tuple[Lock, ...] = ()) -> StackRecord:
    """Return what a state file says of its stack; of a damaged one, that it is.

    Args:
        name: of the stack.
        content: of the state file, as `read_checkpoint` takes it.
        tags: of the stack.
        locks: of the stack.
    """
    damaged, state = "", Checkpoint()
    try:
        state = read_checkpoint(content)
    except ValueError as e:
        damaged = str(e)
    return StackRecord(
        name=name,
        tags=tags,
        outputs=state.outputs,
        resources=state.resources,
        last_update=state.time,
        pending=state.pending,
        secrets=state.secrets,
        objects=state.objects,
        locks=locks,
        damaged=damaged,
    )


def read_checkpoint(content: bytes) -> Checkpoint:
    """Read a state file, `<stack>.json` or `<stack>.json.gz`, or what `pulumi stack export` prints.

    Raises:
        ValueError: it is damaged; says how.
    """
    try:
        state = json.loads(gzip.decompress(content) if content.startswith(_GZIP) else content)
    except (EOFError, OSError, zlib.error) as e:
        raise ValueError(f"it cannot be unpacked: {e}") from e
    except ValueError as e:
        if content.startswith(_ZSTD):
            raise ValueError("it is packed with zstd, which branchenv does not read: use gzip or none") from e
        raise ValueError("it is empty" if not content.strip() else f"it is no JSON: {e}") from e
    checkpoint = state.get("checkpoint", state) if isinstance(state, dict) else None
    if not isinstance(checkpoint, dict):
        raise ValueError("it is no checkpoint")  # noqa: TRY004 - the text is wrong, not a type in this program
    latest = checkpoint.get("latest") or checkpoint.get("deployment") or {}
    try:
        resources = latest.get("resources") or []
        stack: Mapping[str, Any] = next((each for each in resources if each["type"] == _STACK_TYPE), {})
        return Checkpoint(
            outputs=without_secrets(stack.get("outputs") or {}),
            resources=len(resources) - bool(stack),
            pending=tuple(each["resource"]["urn"] for each in latest.get("pending_operations") or []),
            time=_time(latest.get("manifest", {}).get("time")),
            objects=tuple(found for each in resources if (found := _object(each))),
            secrets=_secrets(latest.get("secrets_providers") or {}),
        )
    except (AttributeError, KeyError, TypeError) as e:
        raise ValueError(f"it is no checkpoint: {e!r}") from e


def read_tags(content: bytes) -> dict[str, str]:
    """Read a tags file; a damaged one counts as empty, as it is notes that the next deploy renews."""
    try:
        tags = json.loads(content).get("tags") or {}
        return {str(name): str(value) for name, value in tags.items()}
    except (AttributeError, ValueError):
        return {}


def write_tags(tags: Mapping[str, str]) -> bytes:
    """Write a tags file as Pulumi has it."""
    return json.dumps({"version": 1, "tags": dict(tags)}, ensure_ascii=False, separators=(",", ":")).encode()


def read_lock(key: str, content: bytes, written: datetime) -> Lock:
    """Read a lock file.

    Args:
        key: its place.
        content: of the file. A process that was killed while it wrote leaves half a lock, of nobody.
        written: when the file was written.
    """
    try:
        lock = json.loads(content)
        return Lock(
            key=key,
            user=str(lock["username"]),
            host=str(lock["hostname"]),
            pid=int(lock["pid"]),
            since=_time(lock["timestamp"]) or written,
        )
    except (KeyError, TypeError, ValueError):
        return Lock(key=key, user="", host="", pid=0, since=written)


def is_secret(value: object) -> bool:
    """Whether a value of `DeployedObject.wanted` or `.seen` stands for a secret."""
    return isinstance(value, Mapping) and _SIGNATURE in value


def _secrets(provider: Mapping[str, Any]) -> dict[str, str]:
    state = provider.get("state") or {}
    match provider.get("type"):
        case "passphrase":
            return {"encryptionsalt": state["salt"]}
        case "cloud":
            return {"secretsprovider": state["url"], "encryptedkey": state["encryptedkey"]}
        case _:
            return {}


def _object(resource: Mapping[str, Any]) -> DeployedObject | None:
    """Read a Kubernetes object; None where a resource is none, or a part of somebody else's, or about to be deleted."""
    kind = resource["type"]
    if not kind.startswith("kubernetes:") or ":helm.sh/" in kind or kind.endswith(("Patch", "List")):
        return None
    inputs = resource.get("inputs") or {}
    if not (resource.get("custom") and resource.get("id") and "kind" in inputs) or resource.get("delete"):
        return None
    namespace, _, name = str(resource["id"]).rpartition("/")
    return DeployedObject(
        urn=resource["urn"],
        api_version=str(inputs.get("apiVersion", "")),
        kind=str(inputs["kind"]),
        namespace=namespace,
        name=name,
        # As they are: hardly any command looks at them, and `list` reads hundreds of stacks.
        wanted=inputs,
        seen=resource.get("outputs") or {},
    )


def _time(text: str | None) -> datetime | None:
    # Go writes the zero time for "never".
    return datetime.fromisoformat(text) if text and not text.startswith("0001-") else None


def without_secrets(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Put `SECRET` in the place of every secret of a state."""
    if isinstance(value, dict):
        return SECRET if _SIGNATURE in value else {key: without_secrets(each) for key, each in value.items()}
    return [without_secrets(each) for each in value] if isinstance(value, list) else value
