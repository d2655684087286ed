"""Whose stack is it, and can its state be read?"""

from urllib.parse import urlsplit

from branchenv.clients.backend import Backend
from branchenv.model.context import PULUMI_PROJECT, Target
from branchenv.model.errors import BranchenvError, ExitCode
from branchenv.model.records import StackRecord


def check_owner(target: Target, record: StackRecord) -> None:
    """Refuse a stack that another branch or project made under the same name.

    Raises:
        BranchenvError: with who made it.
    """
    other_branch = record.tags.branch or str(record.outputs.get("branch", ""))
    if other_branch and other_branch != target.branch:
        rule = f"this stack belongs to branch {other_branch}"
    elif record.tags.project and target.project and record.tags.project != target.project:
        rule = f"this stack belongs to branch {target.branch} of another project, {record.tags.project}"
    else:
        return
    raise BranchenvError(
        rule,
        fix="two projects cannot share an app: give this one an app of its own (BRANCHENV_APP), or rename the branch; "
        "if that environment is not needed any more, remove it from where it was made",
        code=ExitCode.NOT_YOURS,
        field="stack",
        value=record.name,
    )


def check_cluster(record: StackRecord, cluster: str) -> None:
    """Refuse a stack whose objects are in another cluster.

    Args:
        record: of the stack.
        cluster: identity of the one that is connected to; empty if nothing tells.

    Raises:
        BranchenvError: with both.
    """
    if cluster in ("", record.cluster) or not record.cluster:
        return
    raise BranchenvError(
        f"it is in another cluster: its namespace kube-system has the UID {record.cluster}, the one here {cluster}",
        fix="choose the stack's cluster: kubectl config use-context <context>; if that one no longer exists: "
        f"pulumi destroy --remove --yes --stack organization/{PULUMI_PROJECT}/{record.name}",
        code=ExitCode.CLUSTER,
        field="stack",
        value=record.name,
    )


def check_state(record: StackRecord, backend: Backend) -> None:
    """Refuse a stack whose state is damaged, and say how it is repaired.

    Raises:
        BranchenvError: with where Pulumi's own copies lie.
    """
    if not record.damaged:
        return
    state = f".pulumi/stacks/{PULUMI_PROJECT}/{record.name}.json"
    copies = f".pulumi/backups/{PULUMI_PROJECT}/{record.name}/"
    # A backend's URL may hold a key, as a user's name or in its query.
    parts = urlsplit(backend.url)
    place = f"{parts.scheme}://{parts.hostname or ''}{parts.path}".rstrip("/")
    raise BranchenvError(
        f"the stack's state is damaged: {record.damaged}",
        fix=f"Pulumi keeps the state before the last change in {state}.bak, and one per update in {copies}: look at "
        f"them, and copy the newest whole one over {state} (all in {place}); then run this command again",
        code=ExitCode.STATE,
        field="stack",
        value=record.name,
    )
