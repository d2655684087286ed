"""Repairs what a killed `up` or a change by hand has left, before the next `pulumi up`."""

import time
from collections.abc import Sequence

from branchenv import console
from branchenv.clients import pulumi_cli
from branchenv.clients.pulumi_cli import PulumiError
from branchenv.model.context import Target
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import StackRecord
from branchenv.operations.repair.conflicts import refuse_conflicts
from branchenv.operations.repair.drift import Drift, What, find
from core.contract import App, Base
from core.route_kinds import route_kind

_LEAVING = 60.0
"""Seconds to wait until what is being deleted is deleted."""
_PAUSE = 0.5


def repair_stack(
    target: Target, record: StackRecord | None, base: Base, *, interrupted: bool, drifted: Sequence[Drift] = ()
) -> None:
    """Repair a stack before `pulumi up`.

    The program itself adopts objects of its own that its state does not know: they have fixed names, labels and field
    manager. What remains is to drop operations that were never finished, to let the state know what was deleted or
    edited by hand, and to refuse objects of somebody else, which would be adopted as well.

    Args:
        target: the branch.
        record: its stack as it was before it was selected; None if it is new.
        base: what its base stack promises.
        interrupted: whether a lock had to be broken: the state may be behind the cluster, and does not say so.
        drifted: what is no longer as the last deploy left it.

    Raises:
        BranchenvError: an object in the cluster belongs to somebody else, its namespace is not there, or
            `pulumi refresh` failed.
    """
    app = base.apps[target.app]
    if record is None or not record.resources or interrupted:
        refuse_conflicts(target, app, route_kind(gateway_api=base.gateway_api))
    if record is None:
        return
    if record.pending or interrupted:
        console.say(
            f"{target.stack}: the last `pulumi` was interrupted: its state is brought to what is in the cluster"
        )
        try:
            pulumi_cli.refresh(target.stack)
        except PulumiError as e:
            if not (e.is_empty or e.is_missing):
                raise
        _make_way(target, record, app)
    elif drifted:
        bring_back(record, drifted)


def _make_way(target: Target, record: StackRecord, app: App) -> None:
    """Delete Jobs that an interrupted `pulumi up` has made and its state does not know.

    A Job cannot be changed, so the next one of its name would be refused; and it may still be at work.
    """
    # Imported here: it is rarely needed.
    from branchenv.clients.kubernetes import JOBS, Cluster

    if "Job" not in app.kinds:
        return
    cluster, namespace = Cluster.connect(), app.namespace_of(target.slug)
    known = {each.name for each in record.objects if each.kind == "Job"}

    def unknown() -> list[str]:
        (found,) = cluster.of_branch(target, namespace, JOBS)
        own = [each["metadata"] for each in found]
        # A CronJob makes its own.
        owned = {
            each["name"] for each in own if any(ref["kind"] == "CronJob" for ref in each.get("ownerReferences", ()))
        }
        return sorted({each["name"] for each in own} - owned - known)

    try:
        left = unknown()
    except BranchenvError:
        # `pulumi up` says so itself.
        return
    for name in left:
        console.say(f"{target.stack}: the Job {name} is of the interrupted `pulumi up`, and is deleted")
        cluster.delete_job(namespace, name)
    end = time.monotonic() + _LEAVING
    while left and time.monotonic() < end:
        time.sleep(_PAUSE)
        left = unknown()


def drift_of(record: StackRecord | None, base: str = "") -> list[Drift]:
    """Look whether a stack's objects are as its last deploy left them; a cluster that does not tell has no drift.

    Args:
        record: the stack; None if there is none.
        base: base stack of the cluster that is looked at; empty for that of the last deploy. Where the environment
            moves from one cluster to another, nothing of it is missing there.
    """
    from branchenv.clients.kubernetes import Cluster

    if record is None or not record.objects or base not in ("", record.base):
        return []
    try:
        return find(record, Cluster.connect())
    except BranchenvError:
        # `pulumi up` says so itself, with more of what it wanted.
        return []


def bring_back(record: StackRecord, drifted: Sequence[Drift]) -> None:
    """Record in a stack's state what was deleted or edited by hand, so that the next `pulumi up` restores it.

    Args:
        record: the stack.
        drifted: what `drift_of` has found; nothing is done if it is empty.

    Raises:
        BranchenvError: the namespace itself is not there and is not the branch's to make, or `pulumi` failed.
    """
    if not drifted:
        return
    listed = "".join(f"\n  {each}" for each in drifted)
    console.say(f"{record.name} was changed since its deploy, and is restored:{listed}")
    drifted = _once_deleted(record, drifted)
    _check_namespace(record, drifted)
    namespaces = {each.name for each in drifted if each.kind == "Namespace" and each.what == What.DELETED}
    if namespaces:
        # Who had rights in that namespace alone cannot see that it is deleted: a refresh would fail.
        pulumi_cli.forget(record.name, [each.urn for each in drifted if {each.namespace, each.name} & namespaces])
    if any(not {each.namespace, each.name} & namespaces for each in drifted):
        pulumi_cli.refresh(record.name)


def _once_deleted(record: StackRecord, drifted: Sequence[Drift]) -> Sequence[Drift]:
    """Wait for what is being deleted: it would disappear while `pulumi up` runs.

    Raises:
        BranchenvError: it is not deleted in time, or the cluster does not answer.
    """
    from branchenv.clients.kubernetes import Cluster

    end = time.monotonic() + _LEAVING
    cluster = None
    while leaving := [each for each in drifted if each.what == What.LEAVING]:
        if time.monotonic() > end:
            raise BranchenvError(
                f"{leaving[0].object} is still being deleted after {console.seconds(_LEAVING)}",
                fix=f"see what it waits for (its finalizers): kubectl get {_kubectl(leaving[0])} -o yaml; "
                "when it is deleted, run this again",
                code=ExitCode.CLUSTER,
            )
        time.sleep(_PAUSE)
        cluster = cluster or Cluster.connect()
        drifted = find(record, cluster)
    return drifted


def _kubectl(each: Drift) -> str:
    return f"{each.kind.lower()} {each.name}{f' -n {each.namespace}' if each.namespace else ''}"


def _check_namespace(record: StackRecord, drifted: Sequence[Drift]) -> None:
    """Say so where the app's namespace was deleted: no branch can bring that back."""
    from branchenv.clients.kubernetes import Cluster

    if len(drifted) < len(record.objects) or any(each.what != What.DELETED for each in drifted):
        return
    if any(each.kind == "Namespace" for each in drifted):
        return
    namespace = drifted[0].namespace
    try:
        there = Cluster.connect().has(f"/api/v1/namespaces/{namespace}")
    except BranchenvError:
        # A branch's deployer may not ask for namespaces.
        return
    if not there:
        raise BranchenvError(
            f"the namespace {namespace} of {record.app} was deleted, and its branches with it",
            fix=f"have the platform team bring it back: pulumi up --refresh --stack {record.base}; then run this again",
            code=ExitCode.BASE,
            field="base",
            value=record.base,
        )
