"""What is in a pod's spec, as Kubernetes counts it."""

from collections.abc import Mapping
from typing import Any


def running_together(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the containers that run for as long as the pod does: its own, and sidecars, such as Istio's proxy.

    Kubernetes has sidecars among the init containers, as those that are restarted always.
    """
    sidecars = [each for each in spec.get("initContainers", ()) if each.get("restartPolicy") == "Always"]
    return [*spec.get("containers", ()), *sidecars]
