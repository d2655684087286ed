"""The Pulumi CLI, run on the program, and what its failures mean."""

import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from branchenv import console
from branchenv.clients import event_log, losses, program, scratch
from branchenv.clients.backend import backend_url
from branchenv.clients.event_log import EventLog
from branchenv.model.context import PULUMI_PROJECT, Target
from branchenv.model.errors import BranchenvError, ExitCode

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_uninterrupted: "set[subprocess.Popen[str]]" = set()
"""Those that run and have not been interrupted."""
_received: list[int] = []
"""Signals, since the main thread began to pass them on."""


@dataclass(frozen=True)
class _Meaning:
    """What a failure is."""

    rule: str
    fix: str
    code: ExitCode


_MEANINGS = {
    re.compile(r"currently locked by|\[409\] Conflict: Another update is currently in progress"): _Meaning(
        "somebody else works on the stack",
        "wait, or see who it is and break the lock if they have stopped: {unlock}",
        ExitCode.LOCKED,
    ),
    re.compile(r"no stack named|no previous deployment"): _Meaning(
        "there is no such stack, or nothing was ever deployed to it",
        "make it: {up}",
        ExitCode.FAILED,
    ),
    re.compile(r"incorrect passphrase|passphrase must be set"): _Meaning(
        "the stack's secrets cannot be read: the passphrase is missing, or another than it was made with",
        "set PULUMI_CONFIG_PASSPHRASE as it was (GitLab: Settings > CI/CD > Variables, masked and hidden, but not "
        "protected: the jobs run on branches that are not)",
        ExitCode.BAD_INPUT,
    ),
    re.compile(r"failed to load checkpoint|snapshot integrity failure|unexpected end of JSON input"): _Meaning(
        "the stack's state is damaged",
        "restore the last good one: see `damaged state` in docs/operations.md",
        ExitCode.STATE,
    ),
    re.compile(
        r"unable to open (?:state directory|bucket|storage)|could not list bucket|problem logging in|"
        r"failed to load checkpoint: blob"
    ): _Meaning(
        "Pulumi's backend cannot be used",
        "look at PULUMI_BACKEND_URL (`pulumi whoami -v` shows it), at the network and at the credentials for it",
        ExitCode.BACKEND,
    ),
}
"""By the CLI's own words, where it is the CLI that failed: what providers, apps and probes say is not looked at."""


class PulumiError(BranchenvError):
    """A `pulumi` that failed."""

    def __init__(
        self, arguments: Sequence[str], exit_code: int, output: str, *, shown: bool, log: EventLog | None = None
    ) -> None:
        """Say what a failure means.

        Args:
            arguments: of the CLI.
            exit_code: of the CLI.
            output: all that it printed.
            shown: whether a person has seen that.
            log: its events; none of a command without one.
        """
        self.log = log or EventLog()
        self._cli_errors = "" if self.log.errors else _error_lines(output) if self.log.begun else output
        meaning = self._meaning()
        rule = meaning.rule if meaning else f"`pulumi {' '.join(arguments)}` failed with exit code {exit_code}"
        if not shown:
            errors = event_log.summary(self.log.errors) or _error_lines(output)
            rule = f"{rule}; pulumi said:\n{textwrap.indent(errors, '    ')}" if errors else rule
        super().__init__(
            rule,
            fix=meaning.fix.format(up="branchenv up", unlock="branchenv unlock")
            if meaning
            else "correct what it says, then run the same command again: it resumes from there",
            code=meaning.code if meaning else ExitCode.FAILED,
        )
        self._fix = meaning.fix if meaning else ""

    def about(self, target: Target) -> "PulumiError":
        """Complete the commands in the fix, so that they can be pasted."""
        if self._fix:
            self.fix = self._fix.format(up=target.command("up"), unlock=target.command("unlock"))
        return self

    @property
    def is_locked(self) -> bool:
        """Whether somebody else held the stack's lock."""
        return self.code == ExitCode.LOCKED

    @property
    def is_busy(self) -> bool:
        """Whether somebody else was at work on the stack in this very moment, or has just made it."""
        return self.is_locked or re.search(r"stack (?:named )?\S+ already exists", self._cli_errors) is not None

    @property
    def is_empty(self) -> bool:
        """Whether the stack is there, but nothing was ever deployed to it."""
        return "no previous deployment" in self._cli_errors

    @property
    def is_missing(self) -> bool:
        """Whether there is no such stack."""
        return "no stack named" in self._cli_errors

    def _meaning(self) -> _Meaning | None:
        if any(each.of_kubernetes for each in self.log.errors):
            # Imported here: only a failure asks the cluster.
            from branchenv.clients.kubernetes import Cluster

            try:
                Cluster.connect().check()
            except BranchenvError as e:
                return _Meaning(e.rule, e.fix, e.code)
        return next((meaning for pattern, meaning in _MEANINGS.items() if pattern.search(self._cli_errors)), None)


def _error_lines(output: str) -> str:
    """Return the CLI's final error, without its progress; its whole output where there is no such error."""
    text = _COLOURS.sub("", output).strip()
    at = re.search(r"^error: ", text, re.MULTILINE)
    return text[at.start() :] if at else text


def config_file(stack: str) -> Path:
    """Return a stack's config file, where Pulumi looks for it: in the folder that Pulumi.yaml names, else beside that.

    Raises:
        BranchenvError: there is no Pulumi program.
    """
    folder = program.folder()
    named = re.search(r"^stackConfigDir: *(\S+)$", (folder / "Pulumi.yaml").read_text(encoding="utf-8"), re.MULTILINE)
    return (folder / (named[1] if named else "") / f"Pulumi.{stack}.yaml").resolve()


def full_name(stack: str) -> str:
    """Return the name by which a stack is known outside of the program's folder."""
    from branchenv.clients.backend.cli import organization

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
    _run(["stack", "select", "--create", stack, *provider], cwd=program.folder(), quiet=True)


def up(stack: str, *, quiet: bool = False, config_file: Path | None = None) -> None:
    """Run `pulumi up` on the selected stack.

    Args:
        stack: name.
        quiet: show its output only if it fails.
        config_file: the stack's config; None for its file in the program's folder.

    Raises:
        PulumiError: it failed.
    """
    folder = program.folder()
    program.check_packages(folder)
    config = [f"--config-file={config_file}"] if config_file else []
    _update(["up", "--yes", "--skip-preview", "--stack", stack, *config], cwd=folder, quiet=quiet)


def refresh(stack: str) -> None:
    """Bring a stack's state to what is in the cluster; operations that were never finished are dropped from it.

    Raises:
        PulumiError: it failed.
    """
    # Unlike `destroy`, it wants a project, and does not run its program.
    _update(
        ["refresh", "--yes", "--skip-preview", "--clear-pending-creates", "--stack", stack],
        cwd=program.folder(),
        quiet=True,
    )


def forget(stack: str, urns: Sequence[str]) -> None:
    """Take resources out of a stack's state, and those that depend on them; nothing in the cluster is touched.

    Args:
        stack: name.
        urns: of the resources.

    Raises:
        PulumiError: it failed.
    """
    _run(["state", "delete", *urns, "--yes", "--target-dependents", "--stack", stack], cwd=program.folder(), quiet=True)


def destroy(stack: str, *, quiet: bool = False) -> None:
    """Run `pulumi destroy --remove`, from the stack's state alone: no program, no checkout, no config file.

    Args:
        stack: name.
        quiet: show its output only if it fails.

    Raises:
        PulumiError: it failed.
    """
    command = ["destroy", "--yes", "--skip-preview", "--remove", "--stack", full_name(stack)]
    with scratch.folder() as folder:
        try:
            _update(command, cwd=folder, quiet=quiet)
        except PulumiError as e:
            if not e.is_empty:
                raise
            # The backend has the config of the last finished update. Where the first one was killed, or never came,
            # there is none to be found, and none is needed.
            (folder / "config.yaml").write_text("config: {}\n")
            _update([*command, "--config-file", "config.yaml"], cwd=folder, quiet=quiet)


def _update(arguments: Sequence[str], *, cwd: Path, quiet: bool) -> None:
    """Run a command of the CLI that changes a stack's resources; its engine says what fails."""
    with scratch.folder() as folder:
        log = folder / "events"
        _run(arguments, cwd=cwd, quiet=quiet, log=log)
        if arguments[0] == "up":
            losses.check(event_log.events(log), arguments[arguments.index("--stack") + 1])


def _run(arguments: Sequence[str], *, cwd: Path, quiet: bool, log: Path | None = None) -> None:
    """Run the CLI to its end.

    Args:
        arguments: of it.
        cwd: its folder.
        quiet: do not show what it prints.
        log: file for its engine's events.
    """
    colour = "always" if not quiet and sys.stderr.isatty() and "NO_COLOR" not in os.environ else "never"
    lines = []
    with passing_on() as received:
        process = _started([*arguments, f"--event-log={log}"] if log else arguments, cwd=cwd, colour=colour)
        _uninterrupted.add(process)
        if signal.SIGTERM in received:
            _interrupt(process)
        try:
            for line in _output(process):
                lines.append(line)
                if not quiet:
                    sys.stderr.write(line)
                    sys.stderr.flush()
        finally:
            _uninterrupted.discard(process)
    if process.returncode != 0:
        events = event_log.read(log) if log else None
        raise PulumiError(arguments, process.returncode, "".join(lines), shown=not quiet, log=events)


def _started(arguments: Sequence[str], *, cwd: Path, colour: str) -> "subprocess.Popen[str]":
    try:
        with scratch.locks() as locks:
            return subprocess.Popen(
                ["pulumi", *arguments, "--non-interactive", f"--color={colour}"],  # noqa: S607 - as PATH has it
                cwd=cwd,
                env={
                    **os.environ,
                    **event_log.VARIABLES,
                    "PULUMI_SKIP_UPDATE_CHECK": "true",
                    # A stack's config file may have been deleted with its checkout.
                    "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
                },
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                pass_fds=locks,
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
            for process in tuple(_uninterrupted):
                _interrupt(process)

    _received.clear()
    before = {number: signal.signal(number, forward) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield _received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if _received:
        console.error("interrupted; the same command resumes from here")
        raise SystemExit(128 + _received[0])


def _interrupt(process: "subprocess.Popen[str]") -> None:
    try:
        # One step, so that of two threads only one interrupts it: a second signal makes it give up at once.
        _uninterrupted.remove(process)
    except KeyError:
        return
    process.send_signal(signal.SIGINT)
