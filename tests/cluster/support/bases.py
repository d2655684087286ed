"""What a fixture of a test does with a base stack and with branches: make them, and remove what is left of them."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from tests.cluster.support.cluster import Cluster
from tests.cluster.support.endings import Endings
from tests.cluster.support.slots import slot
from tests.cluster.support.stacks import Base, Branches, copy_program

SomeBase = TypeVar("SomeBase", bound=Base)


def base_up(kind: type[SomeBase], cluster: Cluster, folder: Path, endings: Endings | None = None) -> Iterator[SomeBase]:
    """Bring a base stack up with an app that nobody else uses, and destroy it afterwards.

    Args:
        kind: of base stack.
        cluster: that it is for.
        folder: for a clone of the program.
        endings: what destroys it while others go on; without it, who comes next waits.
    """
    with ExitStack() as held:
        app = held.enter_context(slot(cluster))
        made = kind(cluster=cluster, app=app, folder=copy_program(folder / "program"), env=cluster.env)
        made.up()
        yield made
        # Its name is in use until it is gone.
        name = held.pop_all()

    def end() -> None:
        with name:
            made.destroy().ok()

    if endings:
        endings.begin(end)
    else:
        end()


def branches_on(base: Base) -> Iterator[Branches]:
    """Make branches on a base stack; what they leave is removed afterwards."""
    made = Branches(base)
    yield made
    made.remove()
