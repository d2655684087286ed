"""A container registry that runs beside the cluster, and the buildah of the jobs that fill it."""

import contextlib
import fcntl
import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from local.paths import CLUSTER
from local.toolchain import containers, debian
from local.toolchain.pins import BUILDAH_PACKAGES
from local.toolchain.run import run
from tests.cluster.support.publishers import registry_process
from tests.cluster.support.stacks import REGISTRY
from tests.pipeline.support.jobs import Runner

_UNPACKED = Path(containers.__file__).with_name("unpacked.sh")


@dataclass(frozen=True, kw_only=True)
class Registry:
    """A registry without passwords, to which machines on localhost speak without TLS."""

    host: str
    folder: Path

    @property
    def buildah(self) -> str:
        """A command: buildah with a storage and settings of its own."""
        home = self.folder / "home"
        words = [_UNPACKED, debian.folder(BUILDAH_PACKAGES), "buildah"]
        places = [f"--root={self.folder}/storage", f"--runroot={self.folder}/run"]
        settings = [f"HOME={home}", f"CONTAINERS_REGISTRIES_CONF={home}/registries.conf"]
        return shlex.join(["env", *settings, f"REGISTRY_AUTH_FILE={home}/auth.json", *map(str, words), *places])

    def hold(self, archive: Path, name: str) -> str:
        """Put an image of an archive into it, and return its full name."""
        image = f"{self.host}/{name}"
        script = f'{self.buildah} --storage-driver=vfs push "$({self.buildah} --storage-driver=vfs pull --quiet '
        script += f'docker-archive:{archive})" docker://{image}'
        run(["sh", "-euc", script], what="image in the tests' registry", fix="see its log")
        return image

    def builder(self, runner: Runner) -> Runner:
        """Return a runner whose jobs have buildah, as its image has."""
        programs = self.folder / "bin"
        programs.mkdir(exist_ok=True)
        # Its `login` reads no settings of registries.
        login = '[ "$1" != login ] || { shift; set -- login --tls-verify=false "$@"; }'
        (programs / "buildah").write_text(f'#!/bin/sh\n{login}\nexec {self.buildah} "$@"\n')
        (programs / "buildah").chmod(0o755)
        return replace(runner, env={**runner.env, "PATH": f"{programs}:{os.environ['PATH']}"})


@contextmanager
def registry(folder: Path) -> Iterator[Registry]:
    """Run a registry; one at a time, as the cluster is told of one port."""
    home = folder / "home"
    settings = home / ".config/containers"
    settings.mkdir(parents=True)
    (settings / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    (home / "auth.json").write_text("{}")
    (home / "registries.conf").write_text(f'[[registry]]\nlocation = "{REGISTRY}"\ninsecure = true\n')
    with Path("/tmp/branch-environments-test-registry.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with registry_process(folder, REGISTRY) as command, (folder / "second.log").open("w") as log:
            # The node has a localhost of its own: there a second one hands out the same images.
            on_node = ["nsenter", f"--net={_node()}", "--", *command]
            with subprocess.Popen(on_node, stdout=log, stderr=log) as second:
                try:
                    yield Registry(host=REGISTRY, folder=folder)
                finally:
                    second.terminate()


def _node() -> Path:
    """Return the network namespace of the local cluster's node, where images are pulled."""
    settings = str(CLUSTER / "config/containerd.toml").encode()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended
            if settings in (process / "cmdline").read_bytes().split(b"\0"):
                return process / "ns/net"
    raise AssertionError("the local cluster's containerd runs")
