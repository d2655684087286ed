"""The engine's protocol without the rest of the Pulumi SDK.

The protocol's modules lie inside the SDK's package, and importing that costs a fifth of a second, which every command
would wait for: the engine starts the language host twice (once only to ask its version), and a provider needs the SDK
only to make components. Importing this module enters the packages around the protocol without running them;
`whole_sdk` makes up for it.
"""

import importlib.util
import os
import signal
import stat
import sys
import threading
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

_PACKAGES = ("pulumi", "pulumi.runtime", "pulumi.runtime.proto")


def _enter() -> None:
    if "pulumi" in sys.modules:
        return
    spec = importlib.util.find_spec("pulumi")
    if spec is None or spec.origin is None:
        return  # importing the protocol will fail with Python's own words
    root = Path(spec.origin).parent
    for name in _PACKAGES:
        package = ModuleType(name)
        package.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
        package.__bare__ = True  # type: ignore[attr-defined]
        sys.modules[name] = package


def whole_sdk() -> Any:
    """Import the SDK itself. The protocol's modules stay: each may be loaded only once."""
    if hasattr(sys.modules.get("pulumi"), "__bare__"):
        for name in _PACKAGES:
            del sys.modules[name]
    import pulumi

    return pulumi


def leave_with_the_engine() -> None:
    """Leave at once and without a word when the engine says so or is gone; a traceback would reach the person.

    The engine interrupts a plugin after its last operation. An engine that was killed can say nothing, but it holds
    the other end of standard input, which closes with it.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        threading.Thread(target=_outlive_nobody, daemon=True).start()


def _leave(_signum: int, _frame: FrameType | None) -> None:
    os._exit(0)


def _outlive_nobody() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


def version_of(distribution: str) -> str:
    """The version of an installed package, from its folder's name; empty if it is not there.

    The usual way imports a mail parser, in every process that the engine starts.
    """
    stem = f"{distribution.replace('-', '_')}-"
    for folder in sys.path:
        for found in Path(folder).glob(f"{stem}[0-9]*.dist-info"):
            return found.name.removeprefix(stem).removesuffix(".dist-info")
    return ""


_enter()
