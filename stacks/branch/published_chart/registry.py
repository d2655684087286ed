"""A chart in a registry, beside images: a manifest, one of whose parts is the packed chart.

https://helm.sh/docs/topics/registries/
"""

import json
from collections.abc import Mapping
from typing import Any

from core.registry import NOT_FOUND, AccessError, Registry, RegistryError
from stacks.branch.published_chart.digest import check_listed, check_pinned
from stacks.branch.published_chart.refusal import ChartError
from stacks.branch.published_chart.versions import no_such_version
from stacks.settings.chart_source import PublishedChart

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CHART = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
_SCHEME = "oci://"


def pull(chart: PublishedChart, registry: Registry, *, most: int) -> tuple[bytes, str]:
    """Return a packed chart, and the digest of its manifest.

    Args:
        chart: that is asked for; its repository is the folder of the registry that has it.
        registry: that has it.
        most: bytes that it may have.

    Raises:
        ChartError: it does not come, or another one does.
    """
    repository = "/".join(filter(None, [_folder(chart.repository), chart.name]))
    try:
        # A tag has no plus.
        answer = registry.manifest(repository, chart.version.replace("+", "_"), [_MANIFEST])
        if answer.status == NOT_FOUND:
            raise no_such_version(chart, _versions(registry, repository, chart))
        found = check_pinned(answer.body, chart)
        part = _part(answer.body)
        packed = registry.blob(repository, part, most=most)
    except AccessError as e:
        raise ChartError(
            "repository",
            str(e),
            f"helm registry login {registry.host} (or docker login); in a job, DOCKER_AUTH_CONFIG: the registry of the "
            "job's own GitLab is asked with the job's token",
        ) from e
    except RegistryError as e:
        raise ChartError("repository", str(e), f"see what this machine gets: helm show chart {chart.words}") from e
    check_listed(packed, part, by="its manifest in the registry")
    return packed, found


def host_of(repository: str) -> str:
    """Return the registry's host, with its port, of a repository's URL.

    Args:
        repository: oci://<host>/<path>.
    """
    return repository.removeprefix(_SCHEME).partition("/")[0]


def _folder(repository: str) -> str:
    return repository.removeprefix(_SCHEME).partition("/")[2].strip("/")


def _part(manifest: bytes) -> str:
    """Return the digest of the packed chart."""
    try:
        layers = json.loads(manifest)["layers"]
        return next(str(each["digest"]) for each in layers if each.get("mediaType") == _CHART)
    except (ValueError, LookupError, TypeError, AttributeError, StopIteration) as e:
        raise ChartError(
            "name",
            "what has this name in the registry is no chart: its manifest lists none",
            "write the name of a chart; an image is given as image, or to a chart's values",
        ) from e


def _versions(registry: Registry, repository: str, chart: PublishedChart) -> list[str]:
    answer = registry.tags(repository)
    if answer.status == NOT_FOUND:
        twice = chart.repository.endswith(f"/{chart.name}")
        raise ChartError(
            "name",
            f"{registry.host} has no {repository}, or hides it",
            f"write repository: {chart.repository.removesuffix(f'/{chart.name}')}, without the chart's name"
            if twice
            else f"helm show chart {chart.words} says the same; a registry may hide it from who has not logged in: "
            f"helm registry login {registry.host}",
        )
    try:
        tags: Mapping[str, Any] = json.loads(answer.body)
        return [str(each).replace("_", "+") for each in tags.get("tags") or []]
    except (ValueError, AttributeError):
        return []
