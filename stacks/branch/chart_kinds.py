"""Which kinds an app's branches may make: others in a chart or environment file are refused before anything is made."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from core.contract import App
from core.kinds import GROUPS, KEEPING
from stacks.settings.errors import Problem, shown

_CLAIM = "PersistentVolumeClaim"
_TURN_OFF = "turn it off for branches in the chart's values"


@dataclass(frozen=True, kw_only=True)
class Permission:
    """What the base stack lets an app's branches make."""

    app: str
    base: str
    """Base stack that says so, for the message."""
    kinds: frozenset[str] = frozenset()
    """Beside those that every branch is made of."""
    apart: bool = False
    """Whether each branch has a namespace of its own."""

    @classmethod
    def of(cls, app: str, promised: App, base: str) -> "Permission":
        """Read it from the contract.

        Args:
            app: whose branches.
            promised: what the base stack promises the app.
            base: name of the base stack.
        """
        apart = promised.branch_namespace is not None
        return cls(app=app, base=base, kinds=frozenset(promised.kinds), apart=apart)


def refused_kind(manifest: Mapping[str, Any], permission: Permission, at: str) -> Iterator[Problem]:
    """Refuse an object whose kind the app's branches may not make.

    Kinds that are not Kubernetes' own are left to the API server: who may make those, it knows alone.

    Args:
        manifest: of the object.
        permission: what they may make.
        at: where it stands, for the message.
    """
    kind, group = str(manifest.get("kind")), str(manifest.get("apiVersion")).rpartition("/")[0]
    wanted = next((known for known, own in GROUPS.items() if (known, own) == (kind, group)), None)
    if wanted and wanted not in permission.kinds:
        yield problem(wanted, permission, at, instead=_TURN_OFF)
    spec = manifest.get("spec") or {}
    if wanted == "StatefulSet" and spec.get("volumeClaimTemplates") and _CLAIM not in permission.kinds:
        yield problem(_CLAIM, permission, f"{at}: spec.volumeClaimTemplates", instead=_TURN_OFF)


def problem(kind: str, permission: Permission, at: str, *, instead: str) -> Problem:
    """Say that the app's branches may not make a kind, why, and who can change that.

    Args:
        kind: one that a base stack can let them make.
        permission: what they may make.
        at: where it stands.
        instead: what a branch can do without that.
    """
    where = f"the app {permission.app} in the base stack {permission.base}"
    if kind in KEEPING and not permission.apart:
        return Problem(
            field=at,
            value=shown(kind),
            rule=f"a branch makes a {kind} only where each has a namespace of its own: in a shared one, whoever "
            "deploys a branch would read and delete those of every branch and of main",
            fix="let the platform team set isolation.namespacePerBranch and identity.perBranch to true and add "
            f"{kind} to isolation.kinds of {where}; or {instead}, and let them make it once, in the namespace",
        )
    return Problem(
        field=at,
        value=shown(kind),
        rule=f"the branches of {permission.app} may make {', '.join(sorted(permission.kinds)) or 'none'} beside what "
        f"every branch is made of, and no {kind}",
        fix=f"let the platform team add {kind} to isolation.kinds of {where}; or {instead}",
    )
