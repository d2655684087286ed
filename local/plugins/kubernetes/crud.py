"""Create, read, update and delete objects, and wait for the outcome."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.plugins.kubernetes import diff as differ
from local.plugins.kubernetes import manifest, ownership, waiting
from local.plugins.kubernetes.conditions import ConditionError
from local.plugins.kubernetes.errors import ApiError, UnknownKindError, UnreachableError
from local.plugins.kubernetes.inputs import Token
from local.plugins.kubernetes.kinds import Kind, builtin_kind
from local.plugins.kubernetes.manifest import Manifest
from local.plugins.kubernetes.settings import Settings, SettingsError
from local.plugins.kubernetes.values import has_unknown, plain, with_secrets_of
from local.plugins.kubernetes.waiting import NotReadyError, Tell

if TYPE_CHECKING:  # importing it takes longer than a whole update without changes may
    from local.plugins.kubernetes.client import Client

_NOT_FOUND = 404
_FORBIDDEN = 403
_PAUSES = (
    0.1,
    0.1,
    0.2,
    0.3,
    0.3,
    0.5,
    0.5,
    1.0,
    1.0,
    2.0,
    2.0,
    2.0,
)  # for a namespace or a definition that is just being made
# Between tries, when a controller is changing the object as well.
_SHORT_PAUSES = (0.0, 0.05, 0.1, 0.2, 0.4)
_SECRET = re.compile(r'"[^"]*"')


class OperationError(Exception):
    """An operation failed, and nothing that it would have made exists. The message is for the person."""


@dataclass
class PartialError(Exception):
    """The object exists, but it is not (or not known to be) as it should be. Its state must be kept."""

    id: str
    state: dict[str, Any]
    causes: list[str]
    inputs: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return "\n".join(self.causes)


@dataclass(frozen=True)
class Outcome:
    """What the engine is told of an object: its id, what to keep of it, and (when read) what would ask for it."""

    id: str
    state: dict[str, Any]
    inputs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """The answer to "what would change": fields, and whether the old object must go before the new one can come."""

    difference: differ.Difference
    delete_first: bool


class Objects:
    """Objects in one cluster, as one provider sees them."""

    def __init__(
        self, settings: Settings, connect: Callable[[], Awaitable["Client"]], cancelled: asyncio.Event
    ) -> None:
        self._settings = settings
        self._connect = connect
        self._cancelled = cancelled

    async def is_namespaced(self, api_version: str, kind: str) -> bool:
        """Whether objects of a kind live in namespaces; assumed of kinds that the cluster does not know (yet)."""
        known = builtin_kind(api_version, kind)
        if known is not None:
            return known.namespaced
        try:
            return (await (await self._connect()).kind(api_version, kind)).namespaced
        except (UnknownKindError, UnreachableError, SettingsError, ApiError):
            return True

    def diff(self, kept: dict[str, Any], asked: dict[str, Any], token: Token, ignored: list[str]) -> Verdict:
        """What would change if the object became as asked."""
        old_inputs, live, _ = manifest.parse_state(kept)
        new = manifest.normal(plain(asked))
        old = differ.prune(live, manifest.normal(old_inputs))
        fixed = differ.fixed_fields(
            new,
            mutable_config_maps=self._settings.mutable_config_maps,
            mutable_secrets=self._settings.mutable_secrets,
        )
        if token.patch:
            fixed = fixed[:2]  # name and namespace: which object it is
        old, new = _placed(old, live, new)
        difference = differ.difference(old, new, fixed=fixed, ignored=ignored)
        same_place = (
            manifest.name(new) == manifest.name(live)
            and (manifest.namespace(new) or "default") == (manifest.namespace(live) or "default")
            and not manifest.is_true(new, manifest.AUTONAMED)
        )
        return Verdict(difference, bool(difference.replacing) and same_place)

    async def create(
        self, asked: dict[str, Any], token: Token, *, seconds: float, preview: bool, tell: Tell
    ) -> Outcome:
        """Make an object and wait until it is ready. A preview makes it on dry run, and waits for nothing.

        Raises:
            OperationError: it was not made.
            PartialError: it was made, but is not ready.
        """
        inputs: Manifest = manifest.normal(plain(asked))
        if preview and (has_unknown(inputs) or token.patch):
            return Outcome("", asked)
        manager = ownership.manager_name(inputs, "")
        try:
            live = await waiting.retrying(
                lambda: self._make(inputs, token, manager, preview=preview),
                worth_it=lambda e: not preview and _comes_later(e),
                pauses=_PAUSES,
                cancelled=self._cancelled,
                tell=tell,
            )
        except (ApiError, UnknownKindError, UnreachableError, SettingsError) as e:
            if preview and _unpreviewable(e):
                return Outcome("", asked)
            raise OperationError(_creation_failed(inputs, e, manager)) from e
        if preview:
            live.pop("status", None)
            return Outcome("", manifest.kept_state(inputs, live, asked, manager))
        return await self._ready(inputs, live, asked, manager, seconds=seconds, tell=tell)

    async def _make(self, inputs: Manifest, token: Token, manager: str, *, preview: bool) -> Manifest:
        client, kind = await self._kind_of(inputs)
        body = _placed_for(kind, inputs)
        if self._settings.upsert or token.patch:
            return await self._apply(client, kind, body, manager, force=preview, preview=preview)
        return await client.request(
            "POST",
            kind.path(manifest.namespace(body)),
            params={"fieldManager": ownership.CREATOR, **_dry(preview)},
            body=body,
        )

    async def update(
        self,
        kept: dict[str, Any],
        asked: dict[str, Any],
        token: Token,
        *,
        seconds: float,
        preview: bool,
        ignored: list[str],
        tell: Tell,
    ) -> Outcome:
        """Change an object to be as asked, and wait until it is ready again.

        Raises:
            OperationError: it was not changed.
            PartialError: it was changed, but is not ready.
        """
        inputs: Manifest = manifest.normal(plain(asked))
        if preview and has_unknown(inputs):
            return Outcome("", asked)
        _, old_live, kept_manager = manifest.parse_state(kept)
        manager = ownership.manager_name(inputs, kept_manager)
        try:
            live = await waiting.retrying(
                lambda: self._change(inputs, old_live, token, manager, preview=preview, ignored=ignored),
                worth_it=_was_overtaken,
                pauses=_SHORT_PAUSES,
                cancelled=self._cancelled,
                tell=tell,
            )
        except (ApiError, UnknownKindError, UnreachableError, SettingsError) as e:
            if preview and _unpreviewable(e):
                return Outcome("", asked)
            raise OperationError(_change_failed(inputs, e, manager)) from e
        if preview:
            return Outcome("", manifest.kept_state(inputs, live, asked, manager))
        if kept_manager and kept_manager != manager:
            await self._relinquish(inputs, kept_manager)
        return await self._ready(inputs, live, asked, manager, seconds=seconds, tell=tell)

    async def _change(
        self,
        inputs: Manifest,
        old_live: Manifest,
        token: Token,
        manager: str,
        *,
        preview: bool,
        ignored: list[str],
    ) -> Manifest:
        client, kind = await self._kind_of(inputs)
        body = _placed_for(kind, inputs)
        path = kind.path(manifest.namespace(body), manifest.name(old_live) or manifest.name(body))
        live = await client.request("GET", path)
        if body.get("kind") == "CustomResourceDefinition":
            # Its lists are merged by key under apply, which can leave two versions stored; a replacement cannot.
            version = manifest.metadata(live).get("resourceVersion")
            body = {**body, "metadata": {**body["metadata"], "resourceVersion": version}}
            return await client.request("PUT", path, params={"fieldManager": manager, **_dry(preview)}, body=body)
        foreign = not manifest.metadata(live).get("managedFields")
        patch = [] if token.patch else ownership.takeover(live, manager)
        if patch and not preview:
            live = await client.request("PATCH", path, body=patch, content_type="application/json-patch+json")
        body = ownership.with_ignored(body, live, manager, ignored)
        return await self._apply(
            client, kind, body, manager, force=foreign or (preview and bool(patch)), preview=preview
        )

    async def _apply(
        self,
        client: "Client",
        kind: Kind,
        body: Manifest,
        manager: str,
        *,
        force: bool,
        preview: bool,
    ) -> Manifest:
        forced = force or self._settings.patch_force or manifest.is_true(body, manifest.PATCH_FORCE)
        return await client.request(
            "PATCH",
            kind.path(manifest.namespace(body), manifest.name(body)),
            params={"fieldManager": manager, "force": str(forced).lower(), **_dry(preview)},
            body=body,
            content_type="application/apply-patch+yaml",
        )

    async def _relinquish(self, inputs: Manifest, manager: str) -> None:
        """Give up the fields held under a name; an object that is gone has none."""
        client, kind = await self._kind_of(inputs)
        data = {k: v for k, v in inputs["metadata"].items() if k in ("name", "namespace")}
        body = {"apiVersion": inputs["apiVersion"], "kind": inputs["kind"], "metadata": data}
        path = kind.path(manifest.namespace(inputs), manifest.name(inputs))
        try:
            await client.request("GET", path)  # an apply would make an object that is gone
        except ApiError as e:
            if e.code == _NOT_FOUND:
                return
            raise
        await self._apply(client, kind, _placed_for(kind, body), manager, force=False, preview=False)

    async def _ready(
        self,
        inputs: Manifest,
        live: Manifest,
        asked: dict[str, Any],
        manager: str,
        *,
        seconds: float,
        tell: Tell,
    ) -> Outcome:
        client = await self._connect()
        try:
            live = await waiting.until_ready(
                client,
                inputs,
                live,
                seconds=manifest.timeout_seconds(inputs, seconds),
                cancelled=self._cancelled,
                tell=tell,
            )
        except NotReadyError as e:
            state = manifest.kept_state(inputs, e.live, asked, manager)
            raise PartialError(manifest.identity(e.live), state, e.causes) from e
        except (ApiError, UnreachableError, ConditionError) as e:
            state = manifest.kept_state(inputs, live, asked, manager)
            what = f"{live.get('kind')} {manifest.identity(live)} exists, but"
            cause = f"{what} it is not known whether it is ready: {e}"
            raise PartialError(manifest.identity(live), state, [cause]) from e
        tell("")
        return Outcome(manifest.identity(live), manifest.kept_state(inputs, live, asked, manager))

    async def read(self, identity: str, kept: dict[str, Any], asked: dict[str, Any], token: Token) -> Outcome | None:
        """The object as it is now; none if it is gone. Without inputs (an import), what would ask for it as well.

        Raises:
            OperationError: it cannot be told.
            PartialError: it is there, but not ready.
        """
        namespace, name = manifest.parse_identity(identity)
        inputs: Manifest = manifest.normal(plain(asked))
        imported = not inputs.get("kind")
        if imported:
            inputs = {"apiVersion": token.api_version, "kind": token.kind, **inputs}
        try:
            client, kind = await self._kind_of(inputs)
            live = await client.request("GET", kind.path(namespace, name))
        except UnknownKindError:
            return None  # without its definition there can be no object
        except (ApiError, UnreachableError, SettingsError) as e:
            if isinstance(e, ApiError) and e.code == _NOT_FOUND:
                return None
            if self._settings.delete_unreachable and not isinstance(e, ApiError):
                return None
            raise OperationError(f"{inputs['kind']} {identity} cannot be read: {e}") from e
        _, _, kept_manager = manifest.parse_state(kept)
        manager = ownership.manager_name(inputs, kept_manager)
        wanted = _importable(live) if imported else differ.prune(live, inputs)
        marked = with_secrets_of(wanted, asked)
        state = manifest.kept_state(wanted, live, marked, manager)
        if not imported:
            try:
                causes = await waiting.readiness_now(client, inputs, live)
            except (ApiError, UnreachableError):
                causes = []
            if causes:
                raise PartialError(identity, state, causes, marked)
        return Outcome(identity, state, marked)

    async def delete(self, identity: str, kept: dict[str, Any], token: Token, *, seconds: float, tell: Tell) -> None:
        """Delete an object and wait until it is gone; one that is gone already is success.

        Raises:
            OperationError: it is still there, or it cannot be told.
        """
        inputs, live, manager = manifest.parse_state(kept)
        inputs = {"apiVersion": token.api_version, "kind": token.kind, **inputs}
        live = {**inputs, **live}
        namespace, name = manifest.parse_identity(identity)
        what = f"{live['kind']} {identity}"
        try:
            if token.patch:
                await self._relinquish(inputs, manager)
                return
            client, kind = await self._kind_of(live)
            answer = await client.request(
                "DELETE",
                kind.path(namespace, name),
                body={"propagationPolicy": manifest.propagation_policy(inputs)},
            )
            if answer.get("kind") == "Status":
                return  # gone already: nothing held it
            # The uid of what is going: it may be another than the one that was made.
            await waiting.until_gone(
                client,
                inputs,
                {**live, "metadata": answer.get("metadata") or live["metadata"]},
                path=kind.path(namespace),
                seconds=manifest.timeout_seconds(inputs, seconds),
                cancelled=self._cancelled,
                tell=tell,
            )
        except UnknownKindError:
            return  # its definition is gone, and so is it
        except NotReadyError as e:
            raise OperationError(str(e)) from e
        except (ApiError, UnreachableError, SettingsError) as e:
            if isinstance(e, ApiError) and e.code == _NOT_FOUND:
                return
            if self._settings.delete_unreachable and not isinstance(e, ApiError):
                return
            hint = (
                ""
                if isinstance(e, ApiError)
                else '\nIf the cluster is gone for good, run again with PULUMI_K8S_DELETE_UNREACHABLE="true" '
                "to forget its objects."
            )
            raise OperationError(f"{what} cannot be deleted: {e}{hint}") from e
        tell("")

    async def _kind_of(self, obj: Manifest) -> tuple["Client", Kind]:
        client = await self._connect()
        return client, await client.kind(str(obj.get("apiVersion")), str(obj.get("kind")))


def _dry(preview: bool) -> dict[str, str]:
    return {"dryRun": "All"} if preview else {}


def _placed_for(kind: Kind, obj: Manifest) -> Manifest:
    """The object without a namespace if its kind has none, and in `default` if it names none."""
    data = {k: v for k, v in obj["metadata"].items() if k != "namespace"}
    if kind.namespaced:
        data["namespace"] = manifest.namespace(obj) or "default"
    return {**obj, "metadata": data}


def _placed(old: Manifest, live: Manifest, new: Manifest) -> tuple[Manifest, Manifest]:
    """Both objects with name and namespace spelled out, so that leaving the usual one out is no change.

    The live object tells whether its kind lives in namespaces: then it has one.
    """
    old_data, new_data = manifest.metadata(old), new.get("metadata")
    if not isinstance(new_data, dict):
        return old, new
    old_data, new_data = dict(old_data), dict(new_data)
    for data, space in ((old_data, manifest.namespace(live)), (new_data, new_data.get("namespace"))):
        data.pop("namespace", None)
        if manifest.namespace(live):
            data["namespace"] = space or "default"
    if new_data.get("name"):
        old_data["name"] = manifest.name(live)
    return {**old, "metadata": old_data}, {**new, "metadata": new_data}


def _importable(live: Manifest) -> Manifest:
    """What a program would have to ask for to get this object."""
    obj = manifest.normal({k: v for k, v in live.items() if k != "status"})
    notes = manifest.metadata(obj).get("annotations")
    if isinstance(notes, dict):
        kept = {
            k: v
            for k, v in notes.items()
            if k
            not in (
                "deployment.kubernetes.io/revision",
                "kubectl.kubernetes.io/last-applied-configuration",
            )
        }
        obj["metadata"] = {k: v for k, v in obj["metadata"].items() if k != "annotations"} | (
            {"annotations": kept} if kept else {}
        )
    return obj


def _comes_later(error: Exception) -> bool:
    """Whether something missing may be on its way: the namespace, or the definition of the kind."""
    return isinstance(error, UnknownKindError) or (isinstance(error, ApiError) and error.code == _NOT_FOUND)


def _was_overtaken(error: Exception) -> bool:
    """Whether somebody (most often a controller) changed the object between our looking and our writing."""
    return isinstance(error, ApiError) and error.reason == "Conflict" and not error.causes


def _unpreviewable(error: Exception) -> bool:
    """Whether a dry run failed for a reason that need not hold when it is done for real."""
    return (
        not isinstance(error, ApiError)
        or error.code in (_FORBIDDEN, _NOT_FOUND)
        or error.reason == "AlreadyExists"
        or "does not support dry run" in str(error)
    )


def _creation_failed(inputs: Manifest, error: Exception, manager: str) -> str:
    what = f"{inputs.get('kind')} {manifest.identity(inputs)} was not created"
    if isinstance(error, ApiError) and error.reason == "AlreadyExists":
        return (
            f"{what}: {error}\nIt is in the cluster, but not in this stack. Either import it "
            f"(pulumi import, id {manifest.identity(inputs)!r}), or delete it, or set "
            'PULUMI_K8S_UPSERT_EXISTING_OBJECTS="true" to take it over as it is.'
        )
    if isinstance(error, UnknownKindError):
        return f"{what}: {error}. Is the CustomResourceDefinition of this kind in the cluster?"
    return f"{what}: {_reason(inputs, error, manager)}"


def _change_failed(inputs: Manifest, error: Exception, manager: str) -> str:
    what = f"{inputs.get('kind')} {manifest.identity(inputs)} was not changed"
    if isinstance(error, ApiError) and error.code == _NOT_FOUND:
        return f"{what}: {error}. Run `pulumi refresh`, so that the next `pulumi up` makes it anew."
    return f"{what}: {_reason(inputs, error, manager)}"


def _reason(inputs: Manifest, error: Exception, manager: str) -> str:
    if isinstance(error, ApiError) and (told := ownership.conflict_message(error, manager)):
        return told
    text = str(error)
    # The API server quotes refused values; those of a Secret must not reach a terminal or a log.
    return _SECRET.sub('"..."', text) if inputs.get("kind") == "Secret" else text
