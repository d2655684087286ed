"""The Pulumi CLI, run on the program, and what its failures mean."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from branchenv import console
from branchenv.backend import backend_url
from branchenv.context import PULUMI_PROJECT
from branchenv.errors import BranchenvError, ExitCode

_LAST_LINES = 15
_untold: "set[subprocess.Popen[str]]" = set()
"""Those that run and have not been told of a cancellation."""
_received: list[int] = []
"""Signals, since the main thread began to pass them on."""


@dataclass(frozen=True)
class _Meaning:
    """What a failure is, known by the CLI's own words."""

    said: re.Pattern[str]
    rule: str
    fix: str
    code: ExitCode


_MEANINGS = (
    _Meaning(
        re.compile(r"currently locked by|\[409\] Conflict: Another update is currently in progress"),
        "somebody else works on the stack",
        "wait, or see who it is and break the lock if they are gone: branchenv unlock <branch>",
        ExitCode.LOCKED,
    ),
    _Meaning(
        re.compile(r"no stack named|no previous deployment"),
        "there is no such stack, or nothing was ever deployed to it",
        "branchenv up makes it",
        ExitCode.FAILED,
    ),
    _Meaning(
        re.compile(r"incorrect passphrase|passphrase must be set"),
        "the stack's secrets cannot be read: the passphrase is missing, or another than it was made with",
        "set PULUMI_CONFIG_PASSPHRASE as it was (GitLab: Settings > CI/CD > Variables, protected and masked)",
        ExitCode.BAD_INPUT,
    ),
    _Meaning(
        re.compile(r"failed to load checkpoint|snapshot integrity failure|unexpected end of JSON input"),
        "the stack's state is damaged",
        "restore the last good one: see `damaged state` in docs/operations.md",
        ExitCode.STATE,
    ),
    _Meaning(
        re.compile(
            r"unable to open (?:state directory|bucket|storage)|could not list bucket|problem logging in|"
            r"failed to load checkpoint: blob"
        ),
        "Pulumi's backend cannot be used",
        "look at PULUMI_BACKEND_URL (`pulumi whoami -v` shows it), at the network and at the credentials for it",
        ExitCode.BACKEND,
    ),
    _Meaning(
        re.compile(
            r"cluster is unreachable|unable to load Kubernetes client configuration|invalid kubeconfig|"
            r"Unable to connect to the server|dial tcp \S+: connect|Max retries exceeded with url|"
            r"kubeconfig file \S+ (?:is missing|does not exist)"
        ),
        "the cluster cannot be reached",
        "look at KUBECONFIG and its context (`kubectl cluster-info`), and at the network; in GitLab at the agent",
        ExitCode.CLUSTER,
    ),
)


class PulumiError(BranchenvError):
    """A `pulumi` that failed."""

    def __init__(self, arguments: Sequence[str], exit_code: int, output: str, *, shown: bool) -> None:
        """Say what a failure means.

        Args:
            arguments: of the CLI.
            exit_code: of the CLI.
            output: all that it printed.
            shown: whether a person has seen that.
        """
        self.output = output
        command = f"pulumi {' '.join(arguments)}"
        meaning = next((each for each in _MEANINGS if each.said.search(output)), None)
        rule = meaning.rule if meaning else f"`{command}` failed with exit code {exit_code}"
        if not shown:
            last = "\n".join(f"    {line}" for line in output.strip().splitlines()[-_LAST_LINES:])
            rule = f"{rule}; pulumi said:\n{last}" if last else rule
        super().__init__(
            rule,
            fix=meaning.fix if meaning else "mend what it says, then run the same command again: it goes on from there",
            code=meaning.code if meaning else ExitCode.FAILED,
        )

    @property
    def is_locked(self) -> bool:
        """Whether somebody else held the stack's lock."""
        return self.code == ExitCode.LOCKED

    @property
    def is_empty(self) -> bool:
        """Whether the stack is there, but nothing was ever deployed to it."""
        return "no previous deployment" in self.output

    @property
    def is_missing(self) -> bool:
        """Whether there is no such stack."""
        return "no stack named" in self.output


def program() -> Path:
    """Give the folder of the Pulumi program: BRANCHENV_PROGRAM, else the checkout that this package is part of.

    Raises:
        BranchenvError: it is no Pulumi program.
    """
    folder = Path(os.environ.get("BRANCHENV_PROGRAM") or Path(__file__).resolve().parent.parent)
    if not (folder / "Pulumi.yaml").is_file():
        raise BranchenvError(
            "the program's folder holds Pulumi.yaml",
            fix="point it at a checkout of branch-environments, or unset it to use branchenv's own",
            code=ExitCode.BAD_INPUT,
            field="BRANCHENV_PROGRAM",
            value=folder,
        )
    return folder.resolve()


def config_file(stack: str) -> Path:
    """Give a stack's config file, where Pulumi looks for it: in the folder that Pulumi.yaml names, else beside that.

    Raises:
        BranchenvError: there is no Pulumi program.
    """
    folder = program()
    named = re.search(r"^stackConfigDir: *(\S+)$", (folder / "Pulumi.yaml").read_text(encoding="utf-8"), re.MULTILINE)
    return (folder / (named[1] if named else "") / f"Pulumi.{stack}.yaml").resolve()


def full_name(stack: str) -> str:
    """Give the name by which a stack is known outside of the program's folder."""
    from branchenv.backend.cli import organization

    return f"{organization(backend_url())}/{PULUMI_PROJECT}/{stack}"


def select(stack: str, *, secrets_provider: str = "") -> None:
    """Make a stack if it is missing, and select it.

    Args:
        stack: name.
        secrets_provider: for a new stack, as `pulumi stack init` takes it; empty for the backend's own.

    Raises:
        PulumiError: it failed.
    """
    provider = [f"--secrets-provider={secrets_provider}"] if secrets_provider else []
    _run(["stack", "select", "--create", stack, *provider], cwd=program(), quiet=True)


def up(stack: str, *, quiet: bool = False, config_file: Path | None = None) -> None:
    """Run `pulumi up` on the selected stack.

    Args:
        stack: name.
        quiet: show its output only if it fails.
        config_file: the stack's config; None for its file in the program's folder.

    Raises:
        PulumiError: it failed.
    """
    config = [f"--config-file={config_file}"] if config_file else []
    _run(["up", "--yes", "--skip-preview", "--stack", stack, *config], cwd=program(), quiet=quiet)


def refresh(stack: str) -> None:
    """Bring a stack's state to what is in the cluster; operations that were never finished are dropped from it.

    Raises:
        PulumiError: it failed.
    """
    # Unlike `destroy`, it wants a project, and does not run its program.
    _run(["refresh", "--yes", "--skip-preview", "--clear-pending-creates", "--stack", stack], cwd=program(), quiet=True)


def destroy(stack: str, *, quiet: bool = False) -> None:
    """Run `pulumi destroy --remove`, from the stack's state alone: no program, no checkout, no config file.

    Args:
        stack: name.
        quiet: show its output only if it fails.

    Raises:
        PulumiError: it failed.
    """
    command = ["destroy", "--yes", "--skip-preview", "--remove", "--stack", full_name(stack)]
    with _empty_folder() as folder:
        try:
            _run(command, cwd=folder, quiet=quiet)
        except PulumiError as e:
            if not e.is_empty:
                raise
            # The backend has the config of the last finished update. Where the first one was killed, or never came,
            # there is none to be found, and none is needed.
            (folder / "config.yaml").write_text("config: {}\n")
            _run([*command, "--config-file", "config.yaml"], cwd=folder, quiet=quiet)


@contextmanager
def _empty_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="branchenv-") as folder:
        yield Path(folder)


def _run(arguments: Sequence[str], *, cwd: Path, quiet: bool) -> str:
    """Run the CLI to its end.

    Args:
        arguments: of it.
        cwd: its folder.
        quiet: do not show what it prints.

    Returns:
        What it printed.
    """
    colour = "always" if not quiet and sys.stderr.isatty() and "NO_COLOR" not in os.environ else "never"
    lines = []
    with passing_on() as received:
        process = _started(arguments, cwd=cwd, colour=colour)
        _untold.add(process)
        if signal.SIGTERM in received:
            _tell(process)
        try:
            for line in _output(process):
                lines.append(line)
                if not quiet:
                    sys.stderr.write(line)
                    sys.stderr.flush()
        finally:
            _untold.discard(process)
    output = "".join(lines)
    if process.returncode != 0:
        raise PulumiError(arguments, process.returncode, output, shown=not quiet)
    return output


def _started(arguments: Sequence[str], *, cwd: Path, colour: str) -> "subprocess.Popen[str]":
    try:
        return subprocess.Popen(
            ["pulumi", *arguments, "--non-interactive", f"--color={colour}"],  # noqa: S607 - as PATH has it
            cwd=cwd,
            env={
                **os.environ,
                "PULUMI_SKIP_UPDATE_CHECK": "true",
                # A stack's config file may be gone with the checkout that it lay in.
                "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except FileNotFoundError as e:
        raise BranchenvError(
            "there is no `pulumi` on the PATH",
            fix='install the Pulumi CLI; in a checkout: eval "$(make -s env)"',
        ) from e


def _output(process: "subprocess.Popen[str]") -> Iterator[str]:
    if process.stdout is None:
        raise RuntimeError("its output is read")
    with process.stdout:
        yield from process.stdout
    process.wait()


@contextmanager
def passing_on() -> Iterator[Sequence[int]]:
    """Pass a job's cancellation on, so that every CLI that runs ends in order and gives its lock back.

    Whoever runs the CLI in other threads wraps them in this in the main thread, the only one that has signals. A
    terminal sends Ctrl-C to the CLI as well; a second one makes it give up at once.

    Yields:
        The signals received so far, to begin nothing new after the first one.

    Raises:
        SystemExit: at the end, if there was one.
    """
    if threading.current_thread() is not threading.main_thread():
        yield _received
        return

    def forward(number: int, _frame: FrameType | None) -> None:
        _received.append(number)
        if number == signal.SIGTERM:
            for process in tuple(_untold):
                _tell(process)

    _received.clear()
    before = {number: signal.signal(number, forward) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield _received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if _received:
        console.error("interrupted; the same command goes on from here")
        raise SystemExit(128 + _received[0])


def _tell(process: "subprocess.Popen[str]") -> None:
    try:
        # One step, so that of two threads one alone tells it: a second signal makes it give up at once.
        _untold.remove(process)
    except KeyError:
        return
    process.send_signal(signal.SIGINT)
