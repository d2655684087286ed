"""The Python language host: the engine starts it, and it runs the program.

It stands in for the official `pulumi-language-python` and behaves like it towards a person: a `pulumi.RunError`
shows its message alone, any other exception its traceback, and `sys.exit` its code. Unlike the official one it runs
the program in its own process, which saves one interpreter start per operation.

Left out: making and filling virtual environments (the launcher's interpreter is the environment, so `virtualenv`,
`toolchain` and `typechecker` are accepted and ignored), listing required plugins (an empty list: the engine loads a
plugin when a resource or the state asks for it), debugging, packaging, code generation, and plugins written in Python.

This file is run by its path and imports its two neighbours by theirs, so that the repository is not on the program's
import path: a program must not find modules here by accident.
"""

import importlib
import platform
import queue
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any


def _neighbour(name: str) -> Any:
    sys.path.insert(0, str(Path(__file__).parent))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.pop(0)


_protocol = _neighbour("pulumi_protocol")

import grpc  # noqa: E402 (the protocol must be entered first: see there)
from google.protobuf import empty_pb2  # noqa: E402
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2  # noqa: E402

_MAX_MESSAGE = 400 * 1024 * 1024  # the limit the engine itself uses


@dataclass(frozen=True, kw_only=True)
class _Job:
    """One program to run, and where its answer goes."""

    request: Any
    answer: "Future[Any]"


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """Answers the engine. Programs are handed to the main thread, where Python allows signal handlers and the like."""

    def __init__(self, jobs: "queue.SimpleQueue[_Job]", engine_address: str) -> None:
        self._jobs = jobs
        self._engine_address = engine_address

    def Handshake(self, request: Any, _context: Any) -> Any:
        """Learn the engine's address."""
        self._engine_address = request.engine_address or self._engine_address
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, _request: Any, _context: Any) -> Any:
        """The SDK's version, which is the version of the protocol spoken."""
        return plugin_pb2.PluginInfo(version=_protocol.version_of("pulumi"))

    def GetRequiredPackages(self, _request: Any, _context: Any) -> Any:
        """None in advance: nothing has to be searched for before the program starts."""
        return language_pb2.GetRequiredPackagesResponse()

    def GetRequiredPlugins(self, _request: Any, _context: Any) -> Any:
        """None in advance, as above."""
        return language_pb2.GetRequiredPluginsResponse()

    def RuntimeOptionsPrompts(self, _request: Any, _context: Any) -> Any:
        """No questions: the environment is the one this process runs in."""
        return language_pb2.RuntimeOptionsResponse()

    def Template(self, _request: Any, _context: Any) -> Any:
        """Nothing to do after `pulumi new`."""
        return language_pb2.TemplateResponse()

    def InstallDependencies(self, _request: Any, _context: Any) -> Any:
        """Say that the environment is made elsewhere; `pulumi install` then succeeds."""
        yield language_pb2.InstallDependenciesResponse(
            stdout=f"Using the packages of {sys.prefix}; nothing to install.\n".encode()
        )

    def About(self, _request: Any, _context: Any) -> Any:
        """What `pulumi about` shows of the runtime."""
        return language_pb2.AboutResponse(executable=sys.executable, version=platform.python_version())

    def GetProgramDependencies(self, request: Any, _context: Any) -> Any:
        """What `pulumi about` shows of the program: the packages installed for it."""
        from importlib.metadata import distributions  # too slow to import where nobody asks for this

        names = {d.metadata["Name"]: d.version for d in distributions() if d.metadata["Name"]}
        if not request.transitiveDependencies:
            names = {n: v for n, v in names.items() if n.lower().startswith("pulumi")}
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=[language_pb2.DependencyInfo(name=name, version=names[name]) for name in sorted(names)]
        )

    def Cancel(self, _request: Any, _context: Any) -> Any:
        """The engine ends a cancelled program by ending this process."""
        return empty_pb2.Empty()

    def Run(self, request: Any, _context: Any) -> Any:
        """Run the program and wait for it."""
        if not request.args:
            request.args.append(self._engine_address)
        answer: Future[Any] = Future()
        self._jobs.put(_Job(request=request, answer=answer))
        return answer.result()


def _run(request: Any) -> Any:
    try:
        _protocol.whole_sdk()
        return _neighbour("pulumi_program").run(request)
    except Exception as e:  # noqa: BLE001 (an unanswered Run would hang the engine for ever)
        return language_pb2.RunResponse(error=f"the language host cannot run the program: {e!r}")


def main() -> None:
    """Serve the engine until it says leave. The one line printed first is the port it should call."""
    _protocol.leave_with_the_engine()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr] # a text stream, here
    jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
    server = grpc.server(
        ThreadPoolExecutor(max_workers=8),
        options=[
            ("grpc.max_receive_message_length", _MAX_MESSAGE),
            ("grpc.max_send_message_length", _MAX_MESSAGE),
        ],
    )
    engine_address = sys.argv[-1] if len(sys.argv) > 1 else ""
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageHost(jobs, engine_address), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    while True:
        job = jobs.get()
        job.answer.set_result(_run(job.request))


if __name__ == "__main__":
    main()
