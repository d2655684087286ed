"""What the measurements work on: a cluster with a base stack, and the environments in which commands reach it."""

import compileall
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import Command, run
from benchmarks.sandbox import run_local
from local import images
from local.cluster.supervisor import Supervisor
from local.deployer import write_kubeconfig
from local.errors import LocalError
from local.paths import PULUMI_BACKEND, REPOSITORY, STATE
from local.program import PACKAGES, copy_program
from local.toolbox import choose
from local.toolchain import debian

APP = "shop"
BASE = "base-local"
DOMAIN = "shop.localhost"
GATEWAY = "istio-system/gateway"
PROJECT = "branch-environments"
FIRST, SECOND = "shop.local/shop:1.0", "shop.local/shop:2.0"
DEAF = "shop.local/deaf:1.0"
"""An app that does not leave on SIGTERM, as nothing does that is a container's first process and has no handler."""
_KUBECTL_PAUSE = "--timeout=120s"


@dataclass(frozen=True, kw_only=True)
class Lab:
    """The cluster, and how it is reached."""

    folder: Path
    program: Path
    """The program as the jobs' image has it: compiled, and nobody's checkout."""
    admin: Mapping[str, str]
    """Environment of who runs the cluster."""
    deployer: Mapping[str, str]
    """Environment of the app's jobs."""
    port: int
    """The gateway's, on the loopback."""

    @property
    def backend(self) -> Path:
        """Folder of Pulumi's backend."""
        return PULUMI_BACKEND

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Return what kubectl prints, run as who runs the cluster.

        Raises:
            LocalError: it failed; carries what it said.
        """
        done = subprocess.run(
            ["kubectl", *arguments], env=dict(self.admin), input=stdin, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise LocalError(f"`kubectl {' '.join(arguments)}` failed: {done.stderr.strip()}", "run it again")
        return done.stdout

    def get(self, *arguments: str) -> Any:
        """Return what `kubectl get` finds, as data."""
        return json.loads(self.kubectl("get", *arguments, "--output=json"))

    def await_deletion(self, selector: str) -> None:
        """Wait until no pod with these labels is left."""
        self.kubectl("wait", "--for=delete", "pods", f"--namespace={APP}", f"--selector={selector}", _KUBECTL_PAUSE)

    def pulumi(self, *arguments: str) -> str:
        """Return what pulumi prints, run as who runs the cluster."""
        command = ["pulumi", *arguments, "--non-interactive", "--color=never"]
        return run(Command(arguments=command, env=self.admin, folder=self.program)).output


def prepare() -> Lab:
    """Make the base stack of the running cluster, and load the images.

    Raises:
        LocalError: a step failed.
    """
    found = choose(os.environ)
    folder = Path(tempfile.mkdtemp(prefix="lab-", dir=STATE))
    program = copy_program(folder / "program", venv=REPOSITORY / ".venv")
    for name in PACKAGES:
        compileall.compile_dir(program / name, quiet=1)
    admin = {**os.environ, **found.environment()}
    admin["PATH"] = f"{REPOSITORY / 'ci' / 'image'}:{admin['PATH']}"
    PULUMI_BACKEND.mkdir(parents=True, exist_ok=True)
    lab = Lab(folder=folder, program=program, admin=admin, deployer={}, port=found.gateway_port)
    shutil.copy(REPOSITORY / "examples/base/local.yaml", program / f"Pulumi.{BASE}.yaml")
    lab.pulumi("stack", "select", "--create", BASE)
    lab.pulumi("up", "--yes", "--skip-preview", "--stack", BASE)
    outputs = json.loads(lab.pulumi("stack", "output", "--json", "--stack", BASE))["apps"][APP]
    kubeconfig = write_kubeconfig(
        folder / "deployer.kubeconfig", namespace=outputs["namespace"], deployer=outputs["deployer"], environment=admin
    )
    run_local(["load", str(_deaf_image(folder))])
    deployer = {**admin, "KUBECONFIG": str(kubeconfig)}
    return Lab(folder=folder, program=program, admin=admin, deployer=deployer, port=found.gateway_port)


def process_ids(name: str) -> list[int]:
    """Return the processes of one part of the cluster: what the supervisor started, and what that started."""
    top = next(status.pid for status in Supervisor().statuses() if status.name == name)
    # The supervisor counts in a process namespace of its own.
    for status in Path("/proc").glob("[0-9]*/status"):
        fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
        if fields["NSpid"].split()[-1] == str(top) and len(fields["NSpid"].split()) > 1:
            pid = int(status.parent.name)
            children = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
            return [pid, *children]
    raise LocalError(f"there is no process of {name}", "run the same command again")


def _deaf_image(folder: Path) -> Path:
    """Make the image of an app that ignores SIGTERM: busybox's web server, which answers as the sample app does."""
    answer, healthy, archive = folder / "index.html", folder / "healthz", folder / "deaf.tar"
    answer.write_text(json.dumps({"version": "1.0"}))
    healthy.write_text("ok\n")
    images.archive(
        archive,
        name=DEAF,
        files={"bin/httpd": debian.folder() / "bin/busybox", "www/index.html": answer, "www/healthz": healthy},
        entrypoint=["/bin/httpd", "-f", "-p", "8080", "-h", "/www"],
    )
    return archive
