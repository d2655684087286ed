"""Work in a thread that ends with the process: for what nobody has to wait for.

All other work at the same time is for a `ThreadPoolExecutor`. Its threads are waited for before a process ends, so a
server that never answers would keep a job running until its timeout.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

_Result = TypeVar("_Result")


def begin(name: str, work: Callable[[], _Result]) -> "Future[_Result]":
    """Begin work whose result may come too late to be of use.

    Args:
        name: of the thread, for debuggers.
        work: what is done once.

    Returns:
        Its result, or its exception; wait for it with a timeout.
    """
    # Imported here: it loads logging, and a command that begins nothing starts without.
    from concurrent.futures import Future

    future: Future[_Result] = Future()

    def run() -> None:
        try:
            result = work()
        except BaseException as e:  # noqa: BLE001 - raised where the result is read, as by a pool
            future.set_exception(e)
        else:
            future.set_result(result)

    Thread(target=run, name=name, daemon=True).start()
    return future


@contextmanager
def alongside(name: str, work: Callable[[Event], None], *, join: bool = True) -> Iterator[None]:
    """Do something again and again for as long as the block runs.

    Args:
        name: of the thread, for debuggers.
        work: gets the event that is set when the block ends, and is to return soon after.
        join: whether to wait for its return.
    """
    ended = Event()
    thread = Thread(target=work, args=(ended,), name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        if join:
            thread.join()
