"""What the contract of a base stack says of one app, or does not."""

from branchenv.model.unknown_names import unknown_app
from core.contract import App, Base


def app_of(base: Base, name: str) -> App:
    """Return one app of a base stack.

    Raises:
        BranchenvError: it has no such app.
    """
    try:
        return base.apps[name]
    except KeyError as e:
        raise unknown_app(name, base.name, base.apps) from e
