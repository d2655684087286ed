"""The engine's calls, translated: properties in and out, and errors put the way the engine shows them."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Never

import grpc
from google.protobuf import any_pb2, empty_pb2

from local.plugins.kubernetes import diff, manifest
from local.plugins.kubernetes.crud import Objects, OperationError, Outcome, PartialError
from local.plugins.kubernetes.inputs import InputError, Naming, Token, check
from local.plugins.kubernetes.protocol import (
    engine_pb2,
    engine_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
    status_pb2,
    version_of,
)
from local.plugins.kubernetes.settings import Settings, SettingsError
from local.plugins.kubernetes.values import from_struct, plain, to_struct

if TYPE_CHECKING:  # importing it takes longer than a whole update without changes may
    from local.plugins.kubernetes.client import Client

_KINDS = {
    (diff.Change.ADD, False): "ADD",
    (diff.Change.ADD, True): "ADD_REPLACE",
    (diff.Change.DELETE, False): "DELETE",
    (diff.Change.DELETE, True): "DELETE_REPLACE",
    (diff.Change.UPDATE, False): "UPDATE",
    (diff.Change.UPDATE, True): "UPDATE_REPLACE",
}
_SAME_CLUSTER = ("kubeconfig", "context", "cluster")


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """One provider: configured once, then asked for many things at once."""

    def __init__(self, engine_address: str) -> None:
        self.engine_address = engine_address
        self.settings = Settings()
        self._cancelled = asyncio.Event()
        self._connecting: asyncio.Task[Client] | None = None
        self._engine: Any = None
        self.objects = Objects(self.settings, self.connect, self._cancelled)

    # --- The plugin itself

    async def Handshake(self, request: Any, _context: Any) -> Any:
        """Learn the engine's address, and say what this provider can do."""
        self.engine_address = request.engine_address or self.engine_address
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=True,
            accept_resources=False,
            accept_outputs=True,
            supports_autonaming_configuration=True,
        )

    async def GetPluginInfo(self, _request: Any, _context: Any) -> Any:
        """The version of the SDK that programs use, for which this provider stands in."""
        return plugin_pb2.PluginInfo(version=version_of("pulumi-kubernetes"))

    async def GetSchema(self, _request: Any, _context: Any) -> Any:
        """No schema: the SDKs are the official ones."""
        return provider_pb2.GetSchemaResponse(schema="{}")

    async def Attach(self, request: Any, _context: Any) -> Any:
        """Be used by another engine (when debugging)."""
        self.engine_address = request.address
        return empty_pb2.Empty()

    async def Cancel(self, _request: Any, _context: Any) -> Any:
        """End every wait at once; what was made stays in the state."""
        self._cancelled.set()
        return empty_pb2.Empty()

    # --- Configuration

    async def CheckConfig(self, request: Any, _context: Any) -> Any:
        """Take every input that the official provider takes."""
        return provider_pb2.CheckResponse(inputs=request.news)

    async def DiffConfig(self, request: Any, _context: Any) -> Any:
        """Objects are replaced only if the provider comes to point at another cluster."""
        old, new = plain(from_struct(request.olds)), plain(from_struct(request.news))
        changed = [k for k in sorted(old.keys() | new.keys()) if old.get(k) != new.get(k)]
        replaces: list[str] = []
        if "clusterIdentifier" in changed:
            replaces = ["clusterIdentifier"]
        elif "clusterIdentifier" not in new:
            before, after = await asyncio.to_thread(lambda: (_server_of(old), _server_of(new)))
            if before and after and before != after:
                replaces = [k for k in changed if k in _SAME_CLUSTER]
        some = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=some, diffs=changed, replaces=replaces)

    async def Configure(self, request: Any, _context: Any) -> Any:
        """Read the inputs; the cluster is looked for when it is first needed."""
        self.settings = Settings.of(plain(from_struct(request.args)))
        self.objects = Objects(self.settings, self.connect, self._cancelled)
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True,
            supportsPreview=True,
            acceptOutputs=True,
            supports_autonaming_configuration=True,
        )

    def connect(self) -> "asyncio.Task[Client]":
        """The cluster's client: to be awaited where it is needed, and called earlier where it will be.

        Awaiting it raises `SettingsError` if there is no way to the cluster.
        """
        if self._connecting is None:
            self._connecting = asyncio.ensure_future(asyncio.to_thread(_client_of, self.settings))
            # Whoever awaits it learns of an error; if nobody does, nobody needs to.
            self._connecting.add_done_callback(lambda done: done.cancelled() or done.exception())
        return self._connecting

    def default_namespace(self) -> str:
        """The namespace of objects that name none: the provider's, else the kubeconfig's."""
        if self.settings.namespace:
            return self.settings.namespace
        try:
            return self.settings.connection().namespace
        except SettingsError:
            return "default"

    # --- Objects

    async def Check(self, request: Any, context: Any) -> Any:
        """Complete and normalise what the program asks for."""

        async def work() -> Any:
            token = _token(request.urn)
            asked, old = from_struct(request.news), from_struct(request.olds)
            if not old:
                self.connect()  # it will be created next
            checked = check(asked, old, token, naming=_naming(request))
            if manifest.lacks_namespace(checked) and await self.objects.is_namespaced(
                str(plain(checked["apiVersion"])), str(plain(checked["kind"]))
            ):
                checked["metadata"]["namespace"] = self.default_namespace()
            return provider_pb2.CheckResponse(inputs=to_struct(checked))

        try:
            return await work()
        except InputError as e:
            field, _, reason = str(e).partition(": ")
            failure = provider_pb2.CheckFailure(property=field, reason=reason)
            return provider_pb2.CheckResponse(inputs=request.news, failures=[failure])
        except Exception as e:  # noqa: BLE001
            return await _fail(context, e)

    async def Diff(self, request: Any, context: Any) -> Any:
        """Which fields would change."""

        async def work() -> Any:
            verdict = self.objects.diff(
                from_struct(request.olds),
                from_struct(request.news),
                _token(request.urn),
                list(request.ignoreChanges),
            )
            changes, replacing = verdict.difference.changes, verdict.difference.replacing
            if changes:
                self.connect()  # it will be changed next
            return provider_pb2.DiffResponse(
                changes=provider_pb2.DiffResponse.DIFF_SOME if changes else provider_pb2.DiffResponse.DIFF_NONE,
                replaces=sorted(diff.path_text(path) for path in replacing),
                deleteBeforeReplace=verdict.delete_first,
                hasDetailedDiff=True,
                detailedDiff={
                    diff.path_text(path): provider_pb2.PropertyDiff(
                        kind=provider_pb2.PropertyDiff.Kind.Value(_KINDS[change, path in replacing]),
                        inputDiff=change is diff.Change.DELETE,
                    )
                    for path, change in changes.items()
                },
            )

        return await _guarded(work, context)

    async def Create(self, request: Any, context: Any) -> Any:
        """Make an object."""

        async def work() -> Any:
            async with Teller(self, request.urn) as tell:
                made = await self.objects.create(
                    from_struct(request.properties),
                    _token(request.urn),
                    seconds=request.timeout,
                    preview=request.preview,
                    tell=tell,
                )
            return provider_pb2.CreateResponse(id=made.id, properties=to_struct(made.state))

        return await _guarded(work, context)

    async def Update(self, request: Any, context: Any) -> Any:
        """Change an object."""

        async def work() -> Any:
            async with Teller(self, request.urn) as tell:
                made = await self.objects.update(
                    from_struct(request.olds),
                    from_struct(request.news),
                    _token(request.urn),
                    seconds=request.timeout,
                    preview=request.preview,
                    ignored=list(request.ignoreChanges),
                    tell=tell,
                )
            return provider_pb2.UpdateResponse(properties=to_struct(made.state))

        return await _guarded(work, context)

    async def Read(self, request: Any, context: Any) -> Any:
        """Look at an object: on refresh, on import, and for `get`."""

        async def work() -> Any:
            found: Outcome | None = await self.objects.read(
                request.id,
                from_struct(request.properties),
                from_struct(request.inputs),
                _token(request.urn),
            )
            if found is None:
                return provider_pb2.ReadResponse()
            return provider_pb2.ReadResponse(
                id=found.id, properties=to_struct(found.state), inputs=to_struct(found.inputs)
            )

        return await _guarded(work, context)

    async def Delete(self, request: Any, context: Any) -> Any:
        """Delete an object."""

        async def work() -> Any:
            async with Teller(self, request.urn) as tell:
                await self.objects.delete(
                    request.id,
                    from_struct(request.properties),
                    _token(request.urn),
                    seconds=request.timeout,
                    tell=tell,
                )
            return empty_pb2.Empty()

        return await _guarded(work, context)

    async def Construct(self, request: Any, context: Any) -> Any:
        """Make a component: a Helm chart, or the objects of a YAML file."""
        from local.plugins.kubernetes.charts import construct

        return await _guarded(lambda: construct(self, request), context)

    # --- Telling the person

    async def log(self, message: str, *, urn: str, passing: bool = False, warn: bool = False) -> None:
        """Show a message at a resource. A passing one is replaced by the next."""
        if not self.engine_address:
            return
        if self._engine is None:
            self._engine = engine_pb2_grpc.EngineStub(grpc.aio.insecure_channel(self.engine_address))
        severity = engine_pb2.WARNING if warn else engine_pb2.INFO
        try:
            await self._engine.Log(
                engine_pb2.LogRequest(severity=severity, message=message, urn=urn, ephemeral=passing)
            )
        except grpc.RpcError:
            return  # an engine that does not listen must not make an operation fail


class Teller:
    """Tells how one operation goes, in the line of its resource, in order and without repeats.

    Telling does not hold the operation up; leaving the context waits until all is told, so that no message comes after
    the operation's end.
    """

    def __init__(self, provider: Provider, urn: str) -> None:
        self._provider = provider
        self._urn = urn
        self._last = ""
        self._told: asyncio.Task[None] | None = None

    def __call__(self, message: str) -> None:
        """Tell this next; nothing clears what was told last."""
        if message != self._last:
            self._last = message
            self._told = asyncio.ensure_future(self._tell(message, self._told))

    async def _tell(self, message: str, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await before
        await self._provider.log(message, urn=self._urn, passing=True)

    async def __aenter__(self) -> "Teller":
        return self

    async def __aexit__(self, *_error: object) -> None:
        if self._told is not None:
            await self._told


def _client_of(settings: Settings) -> "Client":
    from local.plugins.kubernetes.client import Client

    return Client(settings.connection())


def _server_of(variables: dict[str, Any]) -> str:
    """The address of the cluster that provider inputs point at; empty if they do not (or it is not known yet)."""
    if not variables.get("kubeconfig"):
        return ""
    try:
        return str(Settings.of(variables).connection().cluster.server)
    except SettingsError:
        return ""


def _token(urn: str) -> Token:
    """The type of the resource that a URN names; the URN's types from the outermost component on are joined by `$`."""
    return Token.parse(urn.split("::")[2].rpartition("$")[2])


def _naming(request: Any) -> Naming:
    wish = request.autonaming
    disabled = wish.mode == provider_pb2.CheckRequest.AutonamingOptions.DISABLE
    return Naming(
        logical=request.urn.split("::", 3)[3],
        seed=request.randomSeed,
        proposed=wish.proposed_name if request.HasField("autonaming") else "",
        disabled=request.HasField("autonaming") and disabled,
    )


async def _guarded(work: Callable[[], Awaitable[Any]], context: Any) -> Any:
    try:
        return await work()
    except Exception as e:  # noqa: BLE001 (everything must reach the engine in its own form)
        return await _fail(context, e)


async def _fail(context: Any, error: Exception) -> Never:
    """Answer with an error; with the state of the object, if there is one to keep."""
    known = isinstance(error, PartialError | OperationError | InputError | SettingsError)
    message = str(error) if known else f"the Kubernetes provider failed: {error!r}"
    if not known and os.environ.get("PULUMI_DEBUG_COMMANDS"):
        import traceback

        message += "\n" + "".join(traceback.format_exception(error))
    trailing: tuple[tuple[str, bytes], ...] = ()
    if isinstance(error, PartialError):
        detail = provider_pb2.ErrorResourceInitFailed(
            id=error.id,
            properties=to_struct(error.state),
            reasons=error.causes,
            inputs=to_struct(error.inputs) if error.inputs else None,
        )
        packed = any_pb2.Any()
        packed.Pack(detail)
        status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=message, details=[packed])
        trailing = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(grpc.StatusCode.UNKNOWN, message, trailing)
    raise AssertionError  # abort raises; this line is for the type checker
