"""Components: `kubernetes:helm.sh/v4:Chart` and `kubernetes:yaml/v2:ConfigFile`.

What they hold is registered with the engine as their children, so that the program's transforms apply to each.

Left out: `yaml/v2:ConfigGroup`, Kustomize, files behind URLs, hooks, post-renderers, signatures, and the `lookup`
function of chart templates (which finds nothing).
"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.plugins.kubernetes import components, manifest
from local.plugins.kubernetes.errors import ApiError, UnreachableError
from local.plugins.kubernetes.helm import HelmError, render
from local.plugins.kubernetes.inputs import InputError
from local.plugins.kubernetes.manifest import Manifest
from local.plugins.kubernetes.protocol import provider_pb2, whole_sdk
from local.plugins.kubernetes.settings import SettingsError
from local.plugins.kubernetes.values import from_struct, has_unknown, plain
from local.plugins.kubernetes.yaml_file import YamlError, objects

if TYPE_CHECKING:
    from local.plugins.kubernetes.server import Provider

_CHART = "kubernetes:helm.sh/v4:Chart"
_FILE = "kubernetes:yaml/v2:ConfigFile"
_INCOMPLETE = "Input properties have unknown values. Preview is incomplete."


async def construct(provider: "Provider", request: Any) -> Any:
    """Make a component for a `ConstructRequest`.

    Raises:
        InputError: its inputs are wrong, or it is none of the components known here.
    """
    if request.type not in (_CHART, _FILE):
        raise InputError(f"{request.type}: this provider has no such component; it has {_CHART} and {_FILE}")
    sdk = await _sdk_for(provider, request)
    from pulumi.provider.server import ProviderServicer
    from pulumi.runtime.rpc import serialize_properties
    from pulumi.runtime.stack import wait_for_rpcs

    # The SDK has no public way from a request to options, and its own way of serving components awaits no rendering.
    options = ProviderServicer._construct_options(request)  # noqa: SLF001
    component = sdk.ComponentResource(request.type, request.name, {}, options)
    urn = await component.urn.future()
    asked = from_struct(request.inputs)
    if has_unknown(asked):
        await provider.log(_INCOMPLETE, urn=urn, warn=True)
        return provider_pb2.ConstructResponse(urn=urn)
    known = plain(asked)
    try:
        found = await _objects(provider, request, known)
    except (HelmError, YamlError) as e:
        raise InputError(str(e)) from e
    needed = {u for dependencies in request.inputDependencies.values() for u in dependencies.urns}
    made = components.register(
        sdk,
        found,
        prefix=str(known.get("resourcePrefix", request.name)),
        skip_await=bool(known.get("skipAwait")),
        parent=component,
        after=[sdk.resource.DependencyResource(u) for u in sorted(needed)],
    )
    state = await serialize_properties({"resources": made}, {})
    await wait_for_rpcs(await_all_outstanding_tasks=False)
    return provider_pb2.ConstructResponse(urn=urn, state=state)


async def _sdk_for(provider: "Provider", request: Any) -> Any:
    """The SDK, pointed at this request's engine and monitor."""
    sdk = await asyncio.to_thread(whole_sdk)
    from pulumi.runtime import settings
    from pulumi.runtime.config import set_all_config

    settings.reset_options(
        organization=request.organization or "organization",
        project=request.project or None,
        stack=request.stack or None,
        parallel=request.parallel or None,
        engine_address=provider.engine_address,
        monitor_address=request.monitorEndpoint,
        preview=request.dryRun,
    )
    # As the SDK's own server does.
    await settings._load_monitor_feature_support()  # type: ignore[no-untyped-call] # noqa: SLF001
    set_all_config(dict(request.config), list(request.configSecretKeys))
    return sdk


async def _objects(provider: "Provider", request: Any, asked: dict[str, Any]) -> list[Manifest]:
    """The component's objects, each in its namespace."""
    default = provider.default_namespace()
    if request.type == _FILE:
        found = await asyncio.to_thread(_read, str(asked.get("file", "")))
    else:
        default = str(asked.get("namespace") or default)
        name = str(asked.get("name") or request.name)
        found = await render(asked, release=name, namespace=default, client=await _client(provider))
    scopes = _scopes(found)
    for obj in found:
        key = (str(obj["apiVersion"]).rpartition("/")[0], str(obj["kind"]))
        if manifest.namespace(obj):
            continue
        known = scopes.get(key)
        if known if known is not None else await provider.objects.is_namespaced(str(obj["apiVersion"]), key[1]):
            obj["metadata"]["namespace"] = default
    return found


def _scopes(found: list[Manifest]) -> dict[tuple[str, str], bool]:
    """Whether kinds live in namespaces, of those that are defined among the objects themselves."""
    return {
        (str(o["spec"]["group"]), str(o["spec"]["names"]["kind"])): o["spec"].get("scope") != "Cluster"
        for o in found
        if o["kind"] == "CustomResourceDefinition"
    }


async def _client(provider: "Provider") -> Any:
    """The cluster's client if there is one; a preview does without."""
    try:
        return await provider.connect()
    except (SettingsError, ApiError, UnreachableError):
        return None


def _read(file: str) -> list[Manifest]:
    if "://" in file:
        raise YamlError(f"file: {file}: only files on this machine can be read; download it first")
    try:
        return objects(Path(file).read_text(), file)
    except OSError as e:
        raise YamlError(f"file: {file} cannot be read ({e.strerror}); give the path of a YAML file") from e
