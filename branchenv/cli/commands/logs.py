"""`branchenv logs`: what a branch's pods print."""

import subprocess
from typing import TYPE_CHECKING, Annotated

import typer

from branchenv import console
from branchenv.cli import options
from branchenv.model.errors import BranchenvError, ExitCode

if TYPE_CHECKING:
    from branchenv.operations.inspect.pod_logs import Chosen


def command(
    which: options.Which,
    workload: Annotated[str, typer.Option("--workload", metavar="NAME", help="Of this workload's pods only.")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until interrupted, with kubectl.")] = False,
    tail: Annotated[int, typer.Option("--tail", min=0, help="Lines of each pod to begin with.")] = 50,
) -> None:
    """Show what a branch's pods print; every line says of which pod it is.

    Of a container that crashes again and again, these are the lines of its last run that ended; of one that was never
    started, e.g. as its image cannot be pulled, the reason is said instead.
    """
    from branchenv.clients.backend import open_backend
    from branchenv.clients.kubernetes import Cluster
    from branchenv.operations import lookup
    from branchenv.operations.inspect import pod_logs
    from branchenv.why import report

    found = lookup.find(open_backend(), which.target())
    cluster = Cluster.connect()
    chosen = pod_logs.choose(cluster, found, workload)
    # What kubectl is about to show of present runs is left to it.
    logs = [each for each in chosen.logs if each.previous or not follow]
    for line in pod_logs.lines(cluster, chosen.namespace, logs, tail=tail):
        console.data(line)
    if not chosen.all_started:
        pods = {each["metadata"]["name"] for each in chosen.pods}
        reasons = [each for each in report.of_pods(cluster, found.target, chosen.namespace) if each.pod in pods]
        why = report.full(reasons) or f"    see why: {found.target.command('why')}"
        if not chosen.logs:
            raise BranchenvError(
                f"no container of it was started:\n{why}",
                fix=f"when that is right, deploy it again: {found.target.command('up')}",
                code=ExitCode.NOT_READY,
            )
        console.warn(f"a container was not started:\n{why}")
    if follow:
        _follow(chosen, tail)


def _follow(chosen: "Chosen", tail: int) -> None:
    arguments = ["--namespace", chosen.namespace, "--selector", chosen.selector, "--prefix", "--follow"]
    # A pod that has not started is no reason not to show the others.
    arguments += ["--tail", str(tail), "--max-log-requests", "100", "--ignore-errors"]
    try:
        code = subprocess.run(["kubectl", "logs", *arguments], check=False).returncode  # noqa: S607 - as PATH has it
    except FileNotFoundError as e:
        raise BranchenvError(
            "there is no kubectl on the PATH, which --follow needs", fix="install kubectl", code=ExitCode.CLUSTER
        ) from e
    except KeyboardInterrupt:
        # How a person ends --follow.
        return
    if code:
        raise BranchenvError(
            f"kubectl logs ended with exit code {code}", fix="what it says is above", code=ExitCode.CLUSTER
        )
