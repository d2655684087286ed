"""The volume claims of one workload, as manifests."""

from collections.abc import Iterator
from typing import Any

from components.branch.pod import Placed, claim_name, metadata_of
from components.branch.spec.workload import Workload
from components.kubernetes_object import present


def claims(workload: Workload, placed: Placed) -> Iterator[dict[str, Any]]:
    """Make a PersistentVolumeClaim for every volume.

    Its name has that of the branch's data: a reset gives the pods others, and the old ones go with the old name.

    Args:
        workload: whose volumes.
        placed: where it goes.
    """
    for name, volume in sorted(workload.volumes.items()):
        spec = {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": volume.storage_class,
            "resources": {"requests": {"storage": volume.size}},
        }
        yield {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            # Most classes of storage make a volume for the first pod that uses it, which waits for the claim.
            "metadata": metadata_of(placed, {"pulumi.com/skipAwait": "true"}) | {"name": claim_name(placed, name)},
            "spec": present(spec),
        }
