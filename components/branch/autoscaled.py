"""Replicas that an autoscaler sets are not a chart's to say: they are taken out of what Helm renders.

A chart may give both a Deployment's `replicas` and a HorizontalPodAutoscaler for it. Helm then sets the number back at
every upgrade, and a server-side apply does the same. Only who sees all of a release knows which workloads are scaled,
so this file is run as Helm's post-renderer, and only for charts that name an autoscaler at all.
"""

import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

_AUTOSCALERS = ("HorizontalPodAutoscaler", "ScaledObject")
"""Kubernetes' own, and KEDA's, which makes one."""


class Program(NamedTuple):
    """What Helm runs, with the manifests as its input and its output."""

    command: str
    args: list[str]


def post_renderer(chart: Path) -> Program | None:
    """Return the post-renderer that a chart needs; None if it needs none.

    Args:
        chart: folder of the chart, with the charts that it depends on in it.
    """
    if not any(name.encode() in text for text in texts_of(chart) for name in _AUTOSCALERS):
        return None
    # Without this folder on Python's path: its files have names of their own.
    return Program(sys.executable, ["-P", str(Path(__file__).resolve())])


def texts_of(chart: Path) -> Iterator[bytes]:
    """Return the texts of a chart's templates and values, and of those that it depends on.

    Args:
        chart: folder of the chart.
    """
    for file in sorted(chart.rglob("*")):
        if file.suffix in (".yaml", ".yml", ".tpl"):
            yield file.read_bytes()
        elif file.suffix == ".tgz":
            with tarfile.open(file) as packed:
                for member in packed.getmembers():
                    if member.isfile() and (content := packed.extractfile(member)):
                        yield content.read()


def without_scaled_replicas(rendered: str) -> str:
    """Empty the replicas of every workload that an autoscaler of the same release scales; all else stays as it is.

    Args:
        rendered: manifests, as Helm hands them over.
    """
    documents = list(yaml.compose_all(rendered, Loader=yaml.CSafeLoader))
    scaled = {target for each in documents if each is not None for target in _targets(each)}
    cuts = []
    for each in documents:
        replicas = _at(_at(each, "spec"), "replicas")
        if replicas is not None and (_text(each, "kind"), _text(_at(each, "metadata"), "name")) in scaled:
            cuts.append((replicas.start_mark.index, replicas.end_mark.index))
    for start, end in reversed(cuts):
        # Not cut out: that it is a key of a mapping stays true in every style of YAML.
        rendered = f"{rendered[:start]}null{rendered[end:]}"
    return rendered


def _targets(document: yaml.Node) -> Iterator[tuple[str, str]]:
    if _text(document, "kind") in _AUTOSCALERS:
        target = _at(_at(document, "spec"), "scaleTargetRef")
        yield _text(target, "kind") or "Deployment", _text(target, "name")


def _at(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def _text(node: yaml.Node | None, key: str) -> str:
    found = _at(node, key)
    return str(found.value) if isinstance(found, yaml.ScalarNode) else ""


if __name__ == "__main__":
    sys.stdout.write(without_scaled_replicas(sys.stdin.read()))
