"""An `up` that deleted what the environment still has: it ended well, and yet it has failed.

The engine knows resources by their URNs, and two URNs may name one object of the cluster. Each environment's object
names all URNs that it may have had (components/branch/succession.py); this is for what that does not think of.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from branchenv.model.errors import BranchenvError, ExitCode

_DELETE = "delete"
"""A replaced resource's is another."""


def check(events: Iterable[Mapping[str, Any]], stack: str) -> None:
    """Refuse an update that deleted an object which another resource of the stack is.

    Args:
        events: of the engine.
        stack: name.

    Raises:
        BranchenvError: with the objects.
    """
    if found := lost(events):
        raise BranchenvError(
            f"`pulumi up` ended well, but deleted what the environment still has: {', '.join(found)}",
            fix=f"pulumi refresh --yes --stack {stack}, which tells the state what is missing, and deploy again. Tell "
            "the owners of this program what the branch was made of before",
            code=ExitCode.FAILED,
            field="stack",
            value=stack,
        )


def lost(events: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the objects that were deleted under one URN and are there under another, as <kind> <namespace>/<name>."""
    deleted, kept = set(), set()
    for event in events:
        step = (event.get("resOutputsEvent") or {}).get("metadata") or {}
        before, after = step.get("old") or {}, step.get("new") or {}
        if step.get("op") == _DELETE:
            deleted.add(_object(before))
        elif after.get("id"):
            kept.add(_object(after))
    return sorted(f"{kind} {id_}" for _, kind, id_ in deleted & kept if id_)


def _object(state: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return group, kind and id of a Kubernetes object, whose version may be another; of all else, nothing."""
    package, _, rest = str(state.get("type", "")).partition(":")
    version, _, kind = rest.partition(":")
    return (version.partition("/")[0], kind, str(state.get("id", ""))) if package == "kubernetes" else ("", "", "")
