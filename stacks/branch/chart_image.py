"""Where a branch's images go in the values of a chart, and which of them cannot go there."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from stacks.branch.chart_known import KnownValues
from stacks.settings.chart_source import ImagePaths, ValuePaths
from stacks.settings.errors import Problem, SettingsError, inline, shown

_DEFAULT_REGISTRY = "docker.io"
# What `helm create` calls the parts of an image, and many charts that have more of them.
_PARTS = ("registry", "repository", "tag", "digest")


class Reference(NamedTuple):
    """An image reference in its parts; an empty text where it has none."""

    registry: str
    repository: str
    tag: str
    digest: str


def split(image: str) -> Reference:
    """Split an image reference, e.g. `registry.example.com:5000/shop/web:1.0@sha256:...`.

    Without tag and digest the tag is `latest`, as for every container runtime.
    """
    name, _, digest = image.partition("@")
    path, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:  # the colon belongs to the registry's port
        path, tag = name, ""
    first, slash, rest = path.partition("/")
    registry = first if slash and (re.search("[.:]", first) or first == "localhost") else ""
    return Reference(registry, rest if registry else path, tag or ("" if digest else "latest"), digest)


def image_values(
    paths: ValuePaths, known: KnownValues, *, image: str | None, images: Mapping[str, str], stack: str
) -> dict[str, str]:
    """Return what is set in the chart's values, by dotted path.

    Args:
        paths: as the environment file names them.
        known: values of the chart.
        image: that config gives.
        images: the same by name.
        stack: for the message.

    Raises:
        SettingsError: what is asked for cannot be set, with every reason.
    """
    problems, values = [], {}
    asked = []
    if image:
        if "image" in paths.model_fields_set:
            if paths.image:
                asked.append(("image", image, paths.image))
        elif found := _found(known):
            asked.append(("image", image, found))
        else:
            problems.append(_nowhere(image))
    for name, each in sorted(images.items()):
        if name in paths.images:
            asked.append((f"images.{name}", each, paths.images[name]))
        else:
            problems.append(_unnamed(name, each, paths.images))
    for key, each, place in asked:
        wrong = list(_mistakes(key, each, place, known))
        problems += wrong
        if not wrong:
            values.update(_set(each, place))
    if problems:
        raise SettingsError(stack, problems)
    return values


def _found(known: KnownValues) -> ImagePaths | str | None:
    """Find where a chart takes its image: in one text, or in parts as `helm create` writes them."""
    if not known.has("image"):
        return None
    if known.has("image.repository") and known.has("image.tag"):
        return ImagePaths(**{part: f"image.{part}" for part in _PARTS if known.has(f"image.{part}")})
    return None if isinstance(known.at("image"), Mapping) else "image"


def _set(image: str, place: ImagePaths | str) -> dict[str, str]:
    if isinstance(place, str):
        return {place: image}
    reference = split(image)
    registry, repository = reference.registry, reference.repository
    values = {}
    if place.registry:
        # Without a registry, a name of one part is of Docker Hub's own `library`.
        values[place.registry] = registry or _DEFAULT_REGISTRY
        repository = repository if registry or "/" in repository else f"library/{repository}"
    elif registry:
        repository = f"{registry}/{repository}"
    values[place.repository] = repository
    if place.tag and reference.tag:
        values[place.tag] = reference.tag
    if place.digest:
        # Empty too: the chart's own would be another image's.
        values[place.digest] = reference.digest
    return values


def _mistakes(key: str, image: str, place: ImagePaths | str, known: KnownValues) -> Iterator[Problem]:
    parts = {"": place} if isinstance(place, str) else place.model_dump(exclude_none=True)
    for part, path in parts.items():
        field = f"chart.valuePaths.{key}{f'.{part}' if part else ''}"
        if not known.has(path):
            yield Problem(
                field=field,
                value=shown(path),
                rule=f"the chart has such a value; its values.yaml and values.schema.json have no {path}",
                fix=f"name the one that its templates read, or add {path} to values.yaml",
            )
        elif isinstance(known.at(path), Mapping):
            yield Problem(
                field=field,
                value=shown(path),
                rule=f"an image is set as text; {path} is a mapping in the chart's values",
                fix=f"name the values inside: {_example(key, path)}",
            )
    if isinstance(place, str):
        parent, _, last = place.rpartition(".")
        if parent and last in _PARTS and any(known.has(f"{parent}.{each}") for each in _PARTS if each != last):
            yield Problem(
                field=f"chart.valuePaths.{key}",
                value=shown(place),
                rule=f"one path takes the whole image, and {place} is one part of it",
                fix=f"name the parts: {_example(key, parent)}",
            )
        return
    reference = split(image)
    if reference.digest and not place.digest:
        yield _no_part(key, image, "digest", "give the image by its tag alone", place)
    if reference.tag and not place.tag and not reference.digest:
        yield _no_part(key, image, "tag", "give the image by its digest", place)


def _example(key: str, parent: str) -> str:
    name, _, each = key.partition(".")
    parts = f"{{repository: {parent}.repository, tag: {parent}.tag}}"
    return f"valuePaths: {{{name}: {f'{{{each}: {parts}}}' if each else parts}}}"


def _no_part(key: str, image: str, part: str, instead: str, place: ImagePaths) -> Problem:
    parent = place.repository.rpartition(".")[0]
    return Problem(
        field=key,
        value=shown(image),
        rule=f"the image is set whole, and no value of the chart is known to take its {part}",
        fix=f"{instead}, or let the chart read it and name where: chart.valuePaths.{key}.{part}: "
        f"{f'{parent}.{part}' if parent else part}",
    )


def _nowhere(image: str) -> Problem:
    return Problem(
        field="image",
        value=shown(image),
        rule="the chart takes an image: its values.yaml has neither `image` nor `image.repository` and `image.tag`",
        fix="name where its values have it, in the environment file: chart: {valuePaths: {image: <path>}}, or "
        "{image: {repository: <path>, tag: <path>}}",
    )


def _unnamed(name: str, image: str, paths: Mapping[str, ImagePaths | str]) -> Problem:
    there = f"named there: {', '.join(sorted(paths))}" if paths else "none is named there"
    return Problem(
        field=f"images.{name}",
        value=shown(image),
        rule=f"the environment file says where in the chart's values each image goes; {there}",
        fix=f"add it: chart: {{valuePaths: {{images: {inline({name: f'{name}.image'})}}}}}, or "
        f"pulumi config rm --path 'images.{name}'",
    )
