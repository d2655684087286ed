"""`branchenv diff`."""

from typing import TYPE_CHECKING, Any

from branchenv import console
from branchenv.cli import options
from branchenv.clients.backend import open_backend
from branchenv.operations import lookup
from branchenv.operations.ownership import check_state

if TYPE_CHECKING:
    from branchenv.model.context import Target
    from branchenv.model.records import StackRecord
    from branchenv.operations.repair.drift import Drift


def command(which: options.Which, how: options.Output) -> None:
    """Show what was deleted or edited by hand since a branch's last deploy. Nothing is changed, and no lock is taken.

    What the environment does not say is left out: others may add to it, and an autoscaler sets its replicas. The next
    `branchenv up` brings back what is shown.
    """
    # Imported here: `--help` does not need them.
    from branchenv.clients.kubernetes import Cluster
    from branchenv.operations.repair.drift import find

    backend = open_backend()
    there = lookup.find(backend, which.target())
    check_state(there.record, backend)
    with console.step("looking"):
        found = find(there.record, Cluster.connect())
    if how.json:
        console.json_data(data(there.record, found))
    else:
        _show(there.record, found, there.target)


def data(record: "StackRecord", found: "list[Drift]") -> dict[str, Any]:
    """Return what was found as `--output json` and the sweep print it."""
    return {
        "name": record.name,
        "branch": record.branch,
        "objects": len(record.objects),
        "drift": [
            {
                "kind": each.kind,
                "namespace": each.namespace,
                "name": each.name,
                "what": each.what.value,
                "fields": [{"path": one.path, "deployed": one.deployed, "now": one.now} for one in each.fields],
            }
            for each in found
        ],
    }


def _show(record: "StackRecord", found: "list[Drift]", target: "Target") -> None:
    from branchenv.operations.repair.drift import shown

    if not found:
        console.data(f"{record.name}: all {len(record.objects)} objects are as they were deployed")
        return
    console.data(f"{record.name}: {len(found)} of {len(record.objects)} objects are not as they were deployed")
    for each in found:
        console.data(f"  {each.object}: {each.what.value}")
        width = max((len(one.path) for one in each.fields), default=0)
        for one in each.fields:
            console.data(f"      {one.path:{width}}  {shown(one.deployed)} -> {shown(one.now)}")
    console.data(f"  fix: {target.command('up')} brings it back")
