"""Running a Python program for the engine, and saying how it ended.

Imported by the language host when there is a program to run, because it needs the whole SDK.
"""

import asyncio
import contextvars
import logging
import os
import runpy
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pulumi
from pulumi.runtime import configure, run_in_stack, set_all_config
from pulumi.runtime.proto import language_pb2
from pulumi.runtime.settings import ROOT, Settings

# What the SDK raises in a program when the engine stops after a failed operation, which it has reported itself.
_ENGINE_STOPPED = "resource monitor shut down"


def run(request: Any) -> Any:
    """Run the program of a `RunRequest` to its end; a `RunResponse` says how it ended.

    `bail` means that the person has been told already.
    """
    return contextvars.Context().run(_run_configured, request)


def _run_configured(request: Any) -> Any:
    _configure(request)
    return _run_program(request)


def _run_program(request: Any) -> Any:
    info = request.info
    directory = Path(info.program_directory or request.pwd or ".")
    entry = info.entry_point or request.program or "."
    target = directory if entry == "." else directory / entry
    if target.is_dir() and not (target / "__main__.py").is_file():
        pulumi.log.error(f"unable to find main python program `__main__.py` in `{target}`")
        return language_pb2.RunResponse(bail=True)

    _forget_modules_of(directory)
    os.chdir(directory)
    sys.argv = [str(target)]
    try:
        _run_to_the_end(target, parallel=max(request.parallel, 1))
    except pulumi.RunError as e:
        pulumi.log.error(str(e))
        return language_pb2.RunResponse(bail=True)
    except SystemExit as e:
        return _after_exit(e)
    except grpc.RpcError as e:
        if e.code() == grpc.StatusCode.UNAVAILABLE:  # the engine is leaving, and has said why
            return language_pb2.RunResponse()
        pulumi.log.error(f"the engine refused a request of the program: {e.details()}")
        return language_pb2.RunResponse(bail=True)
    except Exception as e:  # noqa: BLE001 (whatever the program raises is the person's to read)
        if str(e).startswith(_ENGINE_STOPPED):
            return language_pb2.RunResponse(bail=True)
        pulumi.log.error("Program failed with an unhandled exception:\n" + _traceback_of_program(target))
        return language_pb2.RunResponse(bail=True)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return language_pb2.RunResponse()


def _configure(request: Any) -> None:
    """Point the SDK at this run's engine, monitor and config."""
    ROOT.set(None)
    configure(
        Settings(
            project=request.project,
            stack=request.stack,
            root_directory=request.info.root_directory or None,
            organization=request.organization or "organization",
            monitor=request.monitor_address,
            engine=request.args[0],
            parallel=request.parallel,
            dry_run=request.dryRun,
        )
    )
    set_all_config(dict(request.config), list(request.configSecretKeys))


def _run_to_the_end(target: Path, *, parallel: int) -> None:
    """Run the program inside its stack, and wait for every registration it started."""
    loop = asyncio.new_event_loop()
    # The SDK does each registration in a thread of this pool.
    executor = ThreadPoolExecutor(max_workers=min(parallel, 64) * 4)
    loop.set_default_executor(executor)
    asyncio.set_event_loop(loop)
    # A failed program leaves futures that nobody awaits; asyncio's complaints about them would hide the real error.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    try:
        loop.run_until_complete(run_in_stack(lambda: _discard(runpy.run_path(str(target), run_name="__main__"))))
    finally:
        pending = asyncio.all_tasks(loop)
        for task in pending:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        executor.shutdown(wait=False, cancel_futures=True)
        loop.close()


def _discard(_namespace: dict[str, Any]) -> None:
    """The SDK would await what the program returns; a module's namespace is nothing to await."""


def _after_exit(leaving: SystemExit) -> Any:
    """Answer for a program that called `sys.exit`: none or 0 is success, text is shown, a number is reported."""
    if leaving.code is None or leaving.code == 0:
        return language_pb2.RunResponse()
    if isinstance(leaving.code, str):
        pulumi.log.error(leaving.code)
        return language_pb2.RunResponse(bail=True)
    return language_pb2.RunResponse(error=f"Program exited with non-zero exit code: {leaving.code}")


def _traceback_of_program(target: Path) -> str:
    """The current exception's traceback from the program's first line on, without the frames of this host."""
    main = str(target / "__main__.py" if target.is_dir() else target)
    frames = traceback.extract_tb(sys.exc_info()[2])
    for index, frame in enumerate(frames):
        if Path(frame.filename).resolve() == Path(main).resolve():
            return traceback.format_exc(limit=index - len(frames))
    return traceback.format_exc()


def _forget_modules_of(directory: Path) -> None:
    """Drop the program's own modules, so that a second run in this process starts as the first did."""
    root = f"{directory.resolve()}{os.sep}"
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        if name != "__main__" and file.startswith(root) and "site-packages" not in file:
            del sys.modules[name]
