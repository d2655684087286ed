"""The main job, shown: two branches of one app, each with a URL that answers."""

import dataclasses
import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from rich.table import Table

from branchenv import locks
from branchenv.clients.backend import backend_url, open_backend
from branchenv.console import seconds
from branchenv.model.errors import BranchenvError
from branchenv.model.records import Tags
from core.background import begin
from local.deployer import write_kubeconfig
from local.errors import LocalError
from local.images.sample import NAME, image_archives
from local.paths import PULUMI_BACKEND, PULUMI_BACKEND_URL, REPOSITORY, STATE
from local.progress import Progress, console
from local.toolbox import Toolbox

BASE = "base-local"
BRANCHES = {"feature-login": "1.0", "feature/dark-mode": "2.0"}
"""Branch -> image version. One is a name as it is, one has to be changed to become a host."""

_MAX_WAIT = 60.0
_OWN_CLUSTER = STATE / "own-cluster"
"""Tells `make down` on whose cluster the demo ran."""


@dataclass(frozen=True, kw_only=True)
class UrlResult:
    """What a branch's URL said, and how long after the start of `pulumi up`."""

    branch: str
    url: str
    text: str
    seconds: float | None
    """None where the URL answered so before: nothing had to be done."""


class Pulumi:
    """The Pulumi CLI on this checkout's program, quiet unless it fails."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._environment = toolbox.environment()
        # Pulumi writes a stack's config beside the Pulumi.yaml where the stack is made. A copy of that
        # file keeps the checkout as it is, and `make down` removes what was written.
        self._config = STATE / "config"
        self._config.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(REPOSITORY / "Pulumi.yaml", self._config / "Pulumi.yaml")
        if self._environment.get("PULUMI_BACKEND_URL") == PULUMI_BACKEND_URL:
            PULUMI_BACKEND.mkdir(parents=True, exist_ok=True)

    def run(self, *arguments: str) -> str:
        """What `pulumi arguments` prints.

        Raises:
            LocalError: it failed; carries its whole output.
        """
        result = subprocess.run(
            ["pulumi", *arguments, "--non-interactive", "--color=never"],
            cwd=REPOSITORY,
            env={**os.environ, **self._environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise LocalError(
                f"`pulumi {' '.join(arguments)}` failed:\n{result.stdout}{result.stderr}",
                "fix what it says, then run the command again: it resumes from here",
            )
        return result.stdout

    def up(self, stack: str, config: dict[str, str]) -> None:
        """`pulumi up` of a stack, which is made first if need be."""
        self._break_locks_of_the_dead(stack)
        file = self._config / f"Pulumi.{stack}.yaml"
        if stack == BASE and not file.exists():
            shutil.copyfile(REPOSITORY / "examples/base/local.yaml", file)
        # Each time: a run that was killed may have left the file without the stack, or the stack without the file.
        self.run("stack", "select", "--create", stack, f"--cwd={self._config}")
        values = [part for key, value in config.items() for part in ("--config", f"{key}={value}")]
        # Keys may be paths into an object of the config (gateway.port).
        options = ["--yes", "--skip-preview", "--stack", stack, f"--config-file={file}", "--config-path"]
        self.run("up", *options, *values)

    def _break_locks_of_the_dead(self, stack: str) -> None:
        """Remove the locks of interrupted `pulumi`s; somebody who works on the stack keeps theirs.

        `pulumi cancel` would remove all of them, but none of a stack whose very making was interrupted.
        """
        url = self._environment.get("PULUMI_BACKEND_URL") or backend_url()
        try:
            locks.break_dead(open_backend(url), stack, tags=Tags(), job_ended=None)
        except BranchenvError as e:
            raise LocalError(e.rule, e.fix) from e

    def deploy_as(self, deployer: str, namespace: str) -> None:
        """Go on with the deployer's credentials, as CI has them, and no others."""
        file = write_kubeconfig(
            STATE / f"{deployer}.kubeconfig",
            namespace=namespace,
            deployer=deployer,
            environment={**os.environ, **self._environment},
        )
        self._environment = {**self._environment, "KUBECONFIG": str(file)}

    def destroy(self, stack: str) -> None:
        """`pulumi destroy` of a stack and its record, from its state alone."""
        self.run("destroy", "--yes", "--skip-preview", "--remove", "--stack", stack, f"--cwd={self._config}")

    def stacks(self) -> list[str]:
        """The stacks that were made here: branches before the base they stand on."""
        names = [file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in self._config.glob("Pulumi.*.yaml")]
        return sorted(names, key=lambda name: (name == BASE, name))

    def outputs(self, stack: str) -> dict[str, Any]:
        """A stack's outputs."""
        shown: dict[str, Any] = json.loads(self.run("stack", "output", "--json", "--stack", stack))
        return shown


def steps() -> int:
    """How many steps `run` will show."""
    return 1 + len(BRANCHES)


def run(toolbox: Toolbox, progress: Progress) -> None:
    """Base stack, then each branch; prints what each URL answered.

    Raises:
        LocalError: something failed; the message has the fix.
    """
    pulumi = Pulumi(toolbox)
    config = {"publicPort": str(toolbox.gateway_port)}
    if toolbox.own_cluster:
        _OWN_CLUSTER.write_text(str(toolbox.kubeconfig))
        _load_into_own_cluster(toolbox)
        # Istio's default profile gives the gateway's Service port 80 and its pods this label.
        config["gateway.port"] = os.environ.get("ISTIO_GATEWAY_PORT", "80")
        config["gateway.istioLabel"] = os.environ.get("ISTIO_GATEWAY_LABEL", "ingressgateway")
    with progress.step(f"pulumi up, base stack {BASE}"):
        pulumi.up(BASE, config)
    app = pulumi.outputs(BASE)["apps"]["shop"]
    pulumi.deploy_as(app["deployer"], app["namespace"])
    answers = []
    for branch, version in BRANCHES.items():
        with progress.step(f"pulumi up, branch {branch}") as detail:
            answer = _branch(pulumi, toolbox, branch, f"{NAME}:{version}")
            detail.text = answer.url
            answers.append(answer)
    _show(answers)


def undo_on_own_cluster(toolbox: Toolbox) -> None:
    """Destroy what the demo made on a person's own cluster; nothing if it never ran on one.

    Raises:
        LocalError: a stack could not be destroyed; its state is kept, so that it can be tried again.
    """
    if not _OWN_CLUSTER.exists():
        return
    kubeconfig = Path(_OWN_CLUSTER.read_text())
    pulumi = Pulumi(dataclasses.replace(toolbox, kubeconfig=kubeconfig))
    progress = Progress(len(pulumi.stacks()))
    for stack in pulumi.stacks():
        with progress.step(f"pulumi destroy {stack} on the cluster of {kubeconfig}"):
            pulumi.destroy(stack)


def _branch(pulumi: Pulumi, toolbox: Toolbox, branch: str, image: str) -> UrlResult:
    from core.names import slug

    name = slug(branch)
    stack = f"shop.{name}"
    host = f"{name}.shop.localhost"
    version = image.rpartition(":")[2]
    probe = _Probe(host, toolbox.gateway_port, branch, version)
    was_up = probe.ask()
    probe.start()
    try:
        pulumi.up(stack, {"branch": branch, "image": image})
        took = probe.wait()
    finally:
        probe.stop()
    text = f"200, version {version} of {branch}"
    return UrlResult(branch=branch, url=pulumi.outputs(stack)["url"], text=text, seconds=None if was_up else took)


class _Probe:
    """Asks a host through the gateway, from before it exists until it answers as this version.

    In a thread, as `pulumi up` runs meanwhile.
    """

    def __init__(self, host: str, port: int, branch: str, version: str) -> None:
        # Not every resolver knows *.localhost; every browser does.
        self._request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"Host": f"{host}:{port}"})
        self._host = host
        self._expected = {"branch": branch, "version": version}
        self._stop = Event()
        self._last = "nothing yet"

    def ask(self) -> bool:
        """Ask once: whether this version of this branch answers."""
        try:
            with urllib.request.urlopen(self._request, timeout=2) as response:
                self._last = response.read().decode()
        except urllib.error.HTTPError as e:
            self._last = f"HTTP {e.code}"
            return False
        except OSError as e:
            self._last = str(e)
            return False
        answer = json.loads(self._last)
        return all(answer.get(key) == value for key, value in self._expected.items())

    def start(self) -> None:
        """Ask in the background, and measure from now."""
        start = time.monotonic()
        self._took: Future[float] = begin(f"probe of {self._host}", lambda: self._ask_until_right(start))

    def stop(self) -> None:
        """Ask no more."""
        self._stop.set()

    def wait(self) -> float:
        """Return the seconds from the start until it has answered.

        Raises:
            LocalError: it did not in time; carries the last answer.
        """
        try:
            return self._took.result(_MAX_WAIT)
        except TimeoutError as e:
            raise LocalError(
                f"{self._host} did not answer as it should within {seconds(_MAX_WAIT)} of `pulumi up`; "
                f"last: {self._last}",
                "make status; kubectl get pods -A (make env shows how)",
            ) from e

    def _ask_until_right(self, start: float) -> float:
        while not self.ask():
            if self._stop.wait(0.02):
                break
        return time.monotonic() - start


def _show(answers: list[UrlResult]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("branch", "URL", "answered", "pulumi up to first 200"):
        table.add_column(title, justify="right" if title.startswith("pulumi") else "left", no_wrap=True)
    for answer in answers:
        took = "was up already" if answer.seconds is None else seconds(answer.seconds)
        table.add_row(answer.branch, answer.url, answer.text, took)
    console.print()
    console.print(table)
    console.print(
        "\nOpen the URLs in a browser. `make env` prints what a shell needs for `pulumi` and "
        "`kubectl`; `make down` removes everything."
    )


def _load_into_own_cluster(toolbox: Toolbox) -> None:
    """Bring the sample images to a kind cluster; tell how to for any other."""
    archives = [str(archive) for archive in image_archives()]
    context = subprocess.run(
        ["kubectl", f"--kubeconfig={toolbox.kubeconfig}", "config", "current-context"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    if context.startswith("kind-") and shutil.which("kind"):
        for archive in archives:
            subprocess.run(
                ["kind", "load", "image-archive", archive, "--name", context.removeprefix("kind-")],
                check=True,
            )
        return
    console.print(
        f"The cluster {context} must have the images {NAME}:1.0 and {NAME}:2.0; load them from:\n  "
        + "\n  ".join(archives)
    )
