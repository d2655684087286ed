"""A cluster for the measurements alone: in namespaces of its own, beside the local cluster that a person may have up.

500 environments would be in everybody's way, and somebody else's would spoil the figures. All that runs in here ends
with its first process, whatever ends that.
"""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from local.errors import LocalError
from local.paths import REPOSITORY, STATE

_ENTER = Path(__file__).with_name("enter.sh")
_PYTHON = REPOSITORY / ".venv" / "bin" / "python"
"""The project's own: the plugins' launchers name the interpreter that installs them."""
_PERSONS = ("KUBECONFIG", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "GATEWAY_PORT", "GATEWAY_HTTPS_PORT")
"""Variables that mean a cluster, a backend or a port of the person's, which are not meant here."""
INSIDE = "BRANCH_ENVIRONMENTS_BENCHMARKS"
"""Variable that tells the process in the namespaces that it is there."""


def build() -> None:
    """Get every program that is needed: nothing in the namespaces reaches the network."""
    outside = {name: value for name, value in os.environ.items() if name not in _PERSONS}
    for command in ("build", "helm", "kwok"):
        run_local([command], outside)


def enter(arguments: Sequence[str]) -> None:
    """Become the same command in namespaces of its own. Does not return."""
    state = STATE.parent / f"{STATE.name}-benchmarks"
    state.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if name not in _PERSONS}
    environment = {**kept, INSIDE: "1"}
    command = [
        *("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc"),
        *("--propagation=private", str(_ENTER), str(state), sys.executable, "-m", "benchmarks", *arguments),
    ]
    os.execvpe(command[0], command, environment)


@contextmanager
def cluster(addons: Sequence[str] = ()) -> Iterator[None]:
    """Run a local cluster while the block runs, and remove it.

    Raises:
        LocalError: another one is measured, or a command of the local tools failed.
    """
    with STATE.with_name("benchmarks.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            raise LocalError(
                "another `make bench` of this account runs", "wait for its end: they would disturb each other"
            ) from e
        run_local(["down"])  # what a run that was killed left: its files, and empty control groups
        try:
            run_local(["up"])
            if addons:
                run_local(["addons", *addons])
            yield
        finally:
            run_local(["down"])


def run_local(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    """Run a command of the local tools, in an environment or in this process's.

    Raises:
        LocalError: it failed; it has said why.
    """
    done = subprocess.run([str(_PYTHON), "-m", "local", *arguments], cwd=REPOSITORY, env=environment, check=False)
    if done.returncode != 0:
        raise LocalError(f"`python -m local {' '.join(arguments)}` failed", "fix what it says above, then run it again")
