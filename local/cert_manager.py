"""cert-manager as its users have it: in pods, from its own chart, installed by a base stack (`addons.cert-manager`).

It stands in for the add-on of the same name, which is a process beside the cluster: there can be one of them at a time,
as Helm takes no definitions that it has not made.
"""

from typing import Any

from local.images import cert_manager as images
from local.toolchain import go


def addons() -> dict[str, Any]:
    """Write the `addons` of a base stack that installs it from what the local cluster has."""

    def image(part: str) -> dict[str, Any]:
        return {"image": {"repository": images.repository(part), "tag": images.tag()}}

    parts = {part: image(part) for part in images.PARTS if part != "controller"}
    values = {**image("controller"), **parts}
    return {"cert-manager": {"repository": str(go.folder(go.CERT_MANAGER_PODS) / "charts"), "values": values}}
