"""Istio as its users have it: in pods, from its own charts, installed by a base stack (`addons.istio`).

The local cluster's own istiod and gateway are processes beside the cluster and give no pod a proxy. This one stands
beside them as a revision, so neither is in the other's way: both sign with the one key in istio-system, and a pod gets
a proxy where its namespace asks for this revision.
"""

from typing import Any

from local.cluster import files
from local.cluster.processes import Programs
from local.images import istio as istio_images
from local.paths import CLUSTER
from local.toolchain import go

REVISION = "sidecars"
"""For `apps[].istioRevision`."""
GATEWAY = "sidecars-ingressgateway"
"""Name of its gateway's objects: the usual one is the process'."""
GATEWAY_LABEL = "sidecars"
"""For `gateway.istioLabel`: the gateway's pods, and not the process."""


def addons(programs: Programs) -> dict[str, Any]:
    """Write the `addons` of a base stack that installs it from what the local cluster has."""
    images = {"hub": istio_images.HUB, "tag": istio_images.tag(programs)}
    little = {"requests": {"cpu": "10m", "memory": "64Mi"}}
    istiod = {
        "revision": REVISION,
        "global": images,
        "pilot": {
            "resources": little,
            "autoscaleEnabled": False,
            # Filters that only Istio's own Envoy has: the upstream one would reject what it is told.
            "env": {"PILOT_ENABLE_METADATA_EXCHANGE": "false", "PILOT_ENABLE_ALPN_FILTER": "false"},
        },
        "telemetry": {"enabled": False},
        "meshConfig": {"enablePrometheusMerge": False},
    }
    cni = {
        "cniBinDir": str(files.cni_plugins(CLUSTER)),
        "cniConfDir": str(files.cni_configuration(CLUSTER)),
        "resources": little,
        # It would set up the redirection of pods that began without, with an iptables that its image lacks.
        "repair": {"enabled": False},
    }
    gateway = {
        "name": GATEWAY,
        "revision": REVISION,
        "labels": {"istio": GATEWAY_LABEL},
        "resources": little,
        # Its chart leaves the image to the injector, so Kubernetes takes it for one without a tag and pulls it always.
        "imagePullPolicy": "IfNotPresent",
        # One node: what scales by its use would only move.
        "autoscaling": {"enabled": False},
    }
    return {
        "istio": {
            "repository": str(go.folder(go.ISTIO_CNI) / "charts"),
            "values": istiod,
            "releaseValues": {
                # The cluster has had these definitions since it began.
                "istio-base": {"global": {"resourceScope": "namespace"}, "defaultRevision": ""},
                "istio-cni": cni,
                "istio-ingressgateway": gateway,
            },
        }
    }
