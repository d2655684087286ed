"""The ways to deploy one branch that are measured side by side."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.lab import APP, BASE, DOMAIN, GATEWAY, PROJECT, Lab
from benchmarks.measure import Command
from local.paths import REPOSITORY

CHART = REPOSITORY / "examples" / "shop" / "chart"
PLAIN = Path(__file__).with_name("plain")
_QUIET = ("--non-interactive", "--color=never")
_UP = ("pulumi", "up", "--yes", "--skip-preview")
_DESTROY = ("pulumi", "destroy", "--yes", "--skip-preview", "--remove")
_PORT = 8080


class Way(Protocol):
    """One way to deploy a branch."""

    @property
    def name(self) -> str:
        """What it is called in the results."""

    @property
    def host(self) -> str:
        """Host of its branch."""

    @property
    def selector(self) -> str:
        """Labels of its pods."""

    def prepare(self) -> None:
        """Do what is done once per branch and is no part of a push."""

    def deploy(self, image: str) -> Command:
        """Return the command of a push."""

    def remove(self) -> Command:
        """Return the command of the branch's end."""


@dataclass(frozen=True, kw_only=True)
class _OneBranch:
    """A branch of its own for each way, so that they do not meet."""

    lab: Lab
    name: str

    @property
    def host(self) -> str:
        return f"bench-{self.name}.{DOMAIN}"


@dataclass(frozen=True, kw_only=True)
class _BranchOfItsOwn(_OneBranch):
    """A branch of this project's."""

    @property
    def selector(self) -> str:
        return f"branch-environments/slug=bench-{self.name}"


@dataclass(frozen=True, kw_only=True)
class DeployJob(_BranchOfItsOwn):
    """This project's deploy job, as the GitLab component has it, without GitLab."""

    name: str = "job"

    def prepare(self) -> None:
        """Nothing: the job makes its stack."""

    def deploy(self, image: str) -> Command:
        script = (
            'set -e; stack="$(branchenv select)"; '
            'pulumi up --yes --skip-preview --cwd "$BRANCHENV_PROGRAM" --stack "$stack"; '
            "branchenv announce --dotenv branchenv.env"
        )
        return Command(arguments=["sh", "-c", script], env=self._env(BRANCHENV_IMAGE=image), folder=self.lab.folder)

    def remove(self) -> Command:
        return Command(arguments=["branchenv", "down", "--yes"], env=self._env(), folder=self.lab.folder)

    def _env(self, **more: str) -> Mapping[str, str]:
        return {
            **self.lab.deployer,
            "BRANCHENV_PROGRAM": str(self.lab.program),
            "BRANCHENV_APP": APP,
            "BRANCHENV_BASE": BASE,
            "BRANCHENV_BRANCH": f"bench-{self.name}",
            "BRANCHENV_PROJECT": f"acme/{APP}",
            **more,
        }


@dataclass(frozen=True, kw_only=True)
class Up(_BranchOfItsOwn):
    """This project's `pulumi up` alone."""

    name: str = "up"

    @property
    def stack(self) -> str:
        """Name of the stack."""
        return f"{APP}.bench-{self.name}"

    def prepare(self) -> None:
        self.lab.pulumi("stack", "select", "--create", self.stack)

    def deploy(self, image: str, *more: str) -> Command:
        arguments = [*_UP, *_QUIET, "--stack", self.stack, "--config", f"image={image}", *more]
        return Command(arguments=arguments, env=self.lab.deployer, folder=self.lab.program)

    def remove(self) -> Command:
        stack = f"organization/{PROJECT}/{self.stack}"
        return Command(arguments=[*_DESTROY, *_QUIET, "--stack", stack], env=self.lab.deployer, folder=self.lab.program)


@dataclass(frozen=True, kw_only=True)
class Helm(_OneBranch):
    """The article's way: its chart, by `helm upgrade -i`."""

    name: str = "helm"

    @property
    def selector(self) -> str:
        return f"app.kubernetes.io/instance=bench-{self.name}"

    def prepare(self) -> None:
        """Nothing: a release is made by its first deploy."""

    def deploy(self, image: str) -> Command:
        values = {
            "url": f"http://{self.host}",
            "image": image,
            "branch": f"bench-{self.name}",
            "serviceAccount": APP,
            "gateway": GATEWAY,
            "containerPort": str(_PORT),
        }
        pairs = [part for key, value in values.items() for part in ("--set", f"{key}={value}")]
        return self._command("upgrade", "--install", f"bench-{self.name}", str(CHART), "--wait", *pairs)

    def remove(self) -> Command:
        return self._command("uninstall", f"bench-{self.name}", "--wait")

    def _command(self, *arguments: str) -> Command:
        return Command(arguments=["helm", *arguments, f"--namespace={APP}"], env=self.lab.admin, folder=self.lab.folder)


@dataclass(frozen=True, kw_only=True)
class Plain(_OneBranch):
    """The same objects in a Pulumi program of the plainest kind (`plain/`), with the same CLI and plugins."""

    name: str = "plain"

    @property
    def selector(self) -> str:
        return f"app=bench-{self.name}"

    @property
    def _folder(self) -> Path:
        return self.lab.folder / "plain"

    def prepare(self) -> None:
        if not self._folder.exists():
            shutil.copytree(PLAIN, self._folder, ignore=shutil.ignore_patterns("__pycache__"))
            (self._folder / ".venv").symlink_to(REPOSITORY / ".venv")
        self.lab.pulumi("stack", "select", "--create", f"bench-{self.name}", f"--cwd={self._folder}")

    def deploy(self, image: str) -> Command:
        values = {
            "name": f"bench-{self.name}",
            "namespace": APP,
            "serviceAccount": APP,
            "image": image,
            "port": str(_PORT),
            "host": self.host,
            "gateway": GATEWAY,
        }
        pairs = [part for key, value in values.items() for part in ("--config", f"{key}={value}")]
        return self._command(*_UP, *pairs)

    def remove(self) -> Command:
        return self._command(*_DESTROY)

    def _command(self, *arguments: str) -> Command:
        command = [*arguments, *_QUIET, "--stack", f"bench-{self.name}"]
        return Command(arguments=command, env=self.lab.admin, folder=self._folder)


def all_ways(lab: Lab) -> list[Way]:
    """Return all of them, this project's first."""
    return [DeployJob(lab=lab), Up(lab=lab), Helm(lab=lab), Plain(lab=lab)]
