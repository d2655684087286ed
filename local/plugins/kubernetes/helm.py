"""`helm template`: a chart and its values -> objects."""

import asyncio
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from local.plugins.kubernetes.errors import ApiError, UnreachableError
from local.plugins.kubernetes.manifest import Manifest
from local.plugins.kubernetes.yaml_file import objects

_ASSET = "c44067f5952c0a294b673a41bacd8c17"
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_NOT_SUPPORTED = ("postRenderer", "keyring", "verify")


class HelmError(Exception):
    """A chart cannot be rendered. The message is Helm's own, or says what is missing."""


async def render(asked: dict[str, Any], *, release: str, namespace: str, client: Any) -> list[Manifest]:
    """The objects of a chart; without its hooks, which need Helm itself to run them.

    `asked` are the inputs of `kubernetes:helm.sh/v4:Chart`. `client` is asked for the cluster's version and kinds, for
    charts that look at them; none, or one that gets no answer, leaves Helm's own defaults.

    Raises:
        HelmError: there is no Helm, or it refuses the chart.
        YamlError: the chart renders to something that is no Kubernetes object.
    """
    unsupported = [name for name in _NOT_SUPPORTED if asked.get(name)]
    if unsupported:
        raise HelmError(f"Chart {release}: {', '.join(unsupported)}: not supported by this provider; leave it out")
    helm = shutil.which("helm")
    if helm is None:
        raise HelmError(f"Chart {release}: the program `helm` is not on PATH, and charts are rendered with it")
    with tempfile.TemporaryDirectory(prefix="chart-") as folder:
        arguments = [
            *("template", release, str(asked["chart"])),
            *(["--namespace", namespace] if namespace else []),
            "--no-hooks",
            *([] if asked.get("skipCrds") else ["--include-crds"]),
            *_where_from(asked),
            *_values(asked, Path(folder)),
            *await _capabilities(client),
        ]
        text = await _run(helm, arguments, release)
    return objects(text, f"Chart {release}")


def _where_from(asked: dict[str, Any]) -> list[str]:
    repository = asked.get("repositoryOpts") or {}
    options = {
        "--version": asked.get("version"),
        "--repo": repository.get("repo"),
        "--username": repository.get("username"),
        "--password": repository.get("password"),
        "--ca-file": repository.get("caFile"),
        "--cert-file": repository.get("certFile"),
        "--key-file": repository.get("keyFile"),
    }
    flags = {
        "--devel": asked.get("devel"),
        "--dependency-update": asked.get("dependencyUpdate"),
        "--plain-http": asked.get("plainHttp"),
    }
    return [
        *(part for option, value in options.items() if value for part in (option, str(value))),
        *(flag for flag, on in flags.items() if on),
    ]


def _values(asked: dict[str, Any], folder: Path) -> list[str]:
    """The options that give Helm the values: files first, so that the values themselves win."""
    options: list[str] = []
    for number, asset in enumerate(asked.get("valueYamlFiles") or []):
        if asset.get("path"):
            options += ["--values", str(asset["path"])]
        else:
            file = folder / f"{number}.yaml"
            file.write_text(str(asset.get("text") or ""))
            options += ["--values", str(file)]
    if asked.get("values"):
        file = folder / "values.json"
        file.write_text(json.dumps(_without_assets(asked["values"])))
        options += ["--values", str(file)]
    return options


def _without_assets(value: Any) -> Any:
    """Values in which an asset stands for its text."""
    if isinstance(value, dict):
        if value.get(_SIGNATURE) == _ASSET:
            return value.get("text") or Path(str(value["path"])).read_text()
        return {k: _without_assets(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_without_assets(item) for item in value]
    return value


async def _capabilities(client: Any) -> list[str]:
    """What charts may ask of the cluster: its version, and the kinds it serves."""
    if client is None:
        return []
    try:
        version, *listings = await asyncio.gather(
            client.request("GET", "/version"),
            client.request("GET", "/api", accept=_AGGREGATED),
            client.request("GET", "/apis", accept=_AGGREGATED),
        )
    except (ApiError, UnreachableError):
        return []
    served = {
        text
        for listing in listings
        for group in listing.get("items", [])
        for text in _served(str(group["metadata"].get("name") or ""), group.get("versions", []))
    }
    return ["--kube-version", version["gitVersion"], "--api-versions", ",".join(sorted(served))]


def _served(group: str, versions: list[dict[str, Any]]) -> list[str]:
    found = []
    for version in versions:
        name = f"{group}/{version['version']}" if group else str(version["version"])
        found.append(name)
        found += [
            f"{name}/{resource['responseKind']['kind']}"
            for resource in version.get("resources", [])
            if resource.get("responseKind", {}).get("kind")
        ]
    return found


async def _run(helm: str, arguments: list[str], release: str) -> str:
    process = await asyncio.create_subprocess_exec(
        helm,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    if process.returncode:
        lines = err.decode(errors="replace").strip().splitlines()
        told = [line for line in lines if line and not line.startswith("Use --debug")]
        raise HelmError(f"Chart {release}: " + ("\n".join(told).removeprefix("Error: ") or "helm template failed"))
    return out.decode()
