"""The errors for a name that does not exist, the same in every command."""

from collections.abc import Iterable

from branchenv.model.errors import BranchenvError, ExitCode
from core.suggestions import did_you_mean


def unknown_app(name: str, base: str, known: Iterable[str]) -> BranchenvError:
    """Return the error for an app that does not exist.

    Args:
        name: as given.
        base: base stack that does not have it.
        known: the apps that this has.
    """
    apps = sorted(known)
    add = f"add it to `apps` of {base} and run `pulumi up` there"
    meant = did_you_mean(name, apps)
    return BranchenvError(
        f"{base} has no app of this name; it has {', '.join(apps) or 'none'}",
        fix=f"{meant} Else {add}" if meant else f"name one of these with --app, or {add}",
        code=ExitCode.BASE,
        field="app",
        value=name,
    )


def unknown_base(error: BranchenvError, name: str, stacks: Iterable[str]) -> BranchenvError:
    """Return the error of a base stack that the cluster does not show, with the names that there are.

    Args:
        error: what the cluster said; any other than that of a base stack is given back as it is.
        name: as given.
        stacks: names of the stacks in the backend, in which base stacks may be as well.
    """
    known = sorted(each for each in stacks if each.startswith("base-"))
    if error.code != ExitCode.BASE or not known or name in known:
        return error
    meant = did_you_mean(name, known)
    named = f"{f'{meant} ' if meant else ''}Name one of {', '.join(known)}: --base or BRANCHENV_BASE"
    return BranchenvError(error.rule, fix=f"{named}; else {error.fix}", code=error.code, field="base", value=name)
