"""Many environments, quickly: copies of one that was deployed, with its objects and its state under other names."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.lab import APP, FIRST, Lab
from benchmarks.measure import run
from benchmarks.ways import Up
from local.cluster.addon_processes import KWOK_NODES

_MODEL = "model"
_LABEL = {"benchmarks/fill": "true"}
_SELECTOR = "benchmarks/fill=true"
_NODES = 6
_PODS_PER_NODE = 110
_TAINT = {"key": "benchmarks/played", "value": "true", "effect": "NoSchedule"}
_BATCH = 100
_KINDS = "deployments.apps,services,virtualservices.networking.istio.io"

Manifest = dict[str, Any]


def name_of(number: int) -> str:
    """Name one of the environments."""
    return f"env-{number:04}"


def play_nodes(lab: Lab) -> None:
    """Make nodes that kwok plays. Only pods that tolerate their taint go there."""
    label, _, value = KWOK_NODES.partition("=")
    amounts = {"cpu": "64", "memory": "256Gi", "pods": str(_PODS_PER_NODE)}
    nodes = [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": f"played-{number}", "labels": {label: value}},
            "spec": {"taints": [_TAINT]},
            "status": {"allocatable": amounts, "capacity": amounts},
        }
        for number in range(_NODES)
    ]
    _create(lab, nodes)
    lab.kubectl("wait", "--for=condition=Ready", "nodes", f"--selector={KWOK_NODES}", "--timeout=60s")


@dataclass
class Fill:
    """The copies that there are."""

    lab: Lab
    anchor: Manifest
    owned: list[Manifest]
    files: Mapping[str, str]
    """What Pulumi's backend has of it, state and history, by path."""
    slug: str
    count: int = 0

    @classmethod
    def begin(cls, lab: Lab) -> "Fill":
        """Deploy the one that the others are copies of, and keep what it is made of."""
        way = Up(lab=lab, name=_MODEL)
        way.prepare()
        run(way.deploy(FIRST))
        where = (f"--namespace={APP}", f"--selector={way.selector}")
        slug = f"bench-{_MODEL}"
        anchor = _bare(lab.get("configmaps", *where)["items"][0])
        owned = [_placed(_bare(item)) for item in lab.get(_KINDS, *where)["items"]]
        found = [file for file in lab.backend.rglob("*") if file.is_file() and way.stack in str(file)]
        files = {str(file.relative_to(lab.backend)): file.read_text() for file in found}
        run(way.remove())
        lab.await_deletion(way.selector)
        return cls(lab=lab, anchor=anchor, owned=owned, files=files, slug=slug)

    def up_to(self, count: int) -> None:
        """Add copies until there are so many, and wait until their pods are ready."""
        names = [name_of(number) for number in range(self.count + 1, count + 1)]
        anchors = _create(self.lab, [self._renamed(self.anchor, name) for name in names])
        uids = {item["metadata"]["name"]: item["metadata"]["uid"] for item in anchors}
        objects = []
        for name in names:
            for item in (self._renamed(each, name) for each in self.owned):
                item["metadata"]["ownerReferences"][0]["uid"] = uids[name]
                objects.append(item)
            for path, text in self.files.items():
                file = self.lab.backend / path.replace(self.slug, name)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text.replace(self.slug, name))
        _create(self.lab, objects)
        self.lab.kubectl(
            *("wait", "--for=condition=Available", "deployments", f"--namespace={APP}"),
            *(f"--selector={_SELECTOR}", "--timeout=180s"),
        )
        self.count = count

    def remove(self) -> None:
        """Remove all of them."""
        self.lab.kubectl("delete", "configmaps", f"--namespace={APP}", f"--selector={_SELECTOR}", "--wait=false")
        for number in range(1, self.count + 1):
            for path in self.files:
                (self.lab.backend / path.replace(self.slug, name_of(number))).unlink()

    def _renamed(self, item: Manifest, name: str) -> Manifest:
        found: Manifest = json.loads(json.dumps(item).replace(self.slug, name))
        return found


def _bare(item: Manifest) -> Manifest:
    """Return an object as it could be made."""
    made = {key: value for key, value in item.items() if key != "status"}
    kept = ("name", "namespace", "labels", "annotations", "ownerReferences")
    made["metadata"] = {key: value for key, value in item["metadata"].items() if key in kept}
    made["metadata"]["labels"] = {**made["metadata"]["labels"], **_LABEL}
    if made["kind"] == "Service":
        made["spec"] = {key: value for key, value in item["spec"].items() if not key.startswith("clusterIP")}
    return made


def _placed(item: Manifest) -> Manifest:
    """Send the pods of a Deployment to the nodes that are played."""
    if item["kind"] == "Deployment":
        label, _, value = KWOK_NODES.partition("=")
        pod = item["spec"]["template"]["spec"]
        pod["nodeSelector"] = {label: value}
        pod["tolerations"] = [{"key": _TAINT["key"], "operator": "Exists"}]
    return item


def _create(lab: Lab, items: list[Manifest]) -> list[Manifest]:
    """Make objects, and give them as the API server has them."""
    made: list[Manifest] = []
    for batch in _batches(items):
        listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": batch})
        made += _documents(lab.kubectl("create", "--filename=-", "--output=json", stdin=listed))
    return made


def _documents(text: str) -> Iterator[Manifest]:
    """Read JSON documents that follow one another, as kubectl prints them."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text.rstrip()):
        found, at = decoder.raw_decode(text, at)
        yield found
        at = len(text) - len(text[at:].lstrip())


def _batches(items: list[Manifest]) -> Iterable[list[Manifest]]:
    return (items[first : first + _BATCH] for first in range(0, len(items), _BATCH))
