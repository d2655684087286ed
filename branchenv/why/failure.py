"""Why a `pulumi up` failed: what Pulumi reports, and what the cluster shows of it."""

from collections.abc import Sequence

from branchenv.clients.event_log import Diagnostic
from branchenv.clients.kubernetes import Cluster
from branchenv.clients.pulumi_cli import PulumiError
from branchenv.model.context import Target
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.why import report
from branchenv.why.reason import Reason, ReasonKind
from branchenv.why.report import Report
from core.contract import App


def explained(error: PulumiError, app: App, target: Target, *, shown: bool) -> BranchenvError:
    """Return the error by which a command ends.

    Args:
        error: of its `pulumi up`.
        app: as the base stack promises it.
        target: the branch, with the slugs that the base stack reserves.
        shown: whether Pulumi's output was seen.

    Returns:
        One with the reasons that the cluster shows; the given one where the cluster has nothing to do with it.

    Raises:
        BranchenvError: the cluster cannot be looked at.
    """
    if error.code == ExitCode.CLUSTER or not _of_kubernetes(error.log.errors):
        return error.about(target)
    return report.error(report_of(error.log.errors, app, target), shown=shown)


def report_of(errors: Sequence[Diagnostic], app: App, target: Target) -> Report:
    """Combine what Pulumi reports of a failed `up` with what the cluster shows.

    Args:
        errors: of Pulumi.
        app: as the base stack promises it.
        target: the branch, with the slugs that the base stack reserves.

    Raises:
        BranchenvError: the cluster does not answer, or refuses.
    """
    found: Sequence[Reason] = ()
    if _of_kubernetes(errors):
        try:
            found = report.of_pods(Cluster.connect(), target, app.namespace_of(target.slug))
        except BranchenvError:
            # A namespace that was refused gives no right to look into it.
            if not any(each.kind == ReasonKind.REFUSED for each in report.after(errors, (), target).reasons):
                raise
    return report.after(errors, found, target)


def _of_kubernetes(errors: Sequence[Diagnostic]) -> bool:
    return any(each.of_kubernetes for each in errors)
