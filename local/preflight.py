"""Whether this machine can carry the local cluster; asked before anything is built for minutes."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.cluster import network
from local.errors import LocalError
from local.paths import CACHE
from local.toolchain.pins import GO_VERSION, NODE_VERSION

INSTEAD = (
    "fix this, or use a cluster you have: export KUBECONFIG=<kind or any cluster with Istio>, "
    "then run the command again (README, 'A cluster of your own')"
)

_BUILD_GIGABYTES = 12
_RUN_GIGABYTES = 2
_MEMORY_GIGABYTES = 3

_PACKAGES = {
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "ip": "iproute2",
    "mount": "mount",
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
    "go": "golang, or go.dev/dl",
}

_NODE = f"Node {'.'.join(map(str, NODE_VERSION))} or newer with npm, nodejs.org"

_BUILD_COMMANDS = frozenset({"apt-get", "dpkg-deb", "go"})

# One veth pair and one overlay in namespaces that vanish at once: the kernel's own answer beats a
# guess from its configuration.
_TRIAL = """
set -e
ip link add be-trial0 type veth peer name be-trial1
folder=$(mktemp -d); mount -t tmpfs tmpfs "$folder"
mkdir "$folder/lower" "$folder/upper" "$folder/work" "$folder/merged"
mount -t overlay -o "lowerdir=$folder/lower,upperdir=$folder/upper,workdir=$folder/work" overlay "$folder/merged"
umount "$folder/merged" "$folder"; rmdir "$folder"
"""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What is known of a machine, gathered once so that the verdict is a pure function."""

    system: str
    architecture: str
    root: bool
    missing: tuple[str, ...]
    """Commands that are not there."""
    go: tuple[int, ...] | None
    """Go's version; None where there is no Go."""
    trial: str
    """What the kernel said when namespaces, veth and overlay were tried; empty if all went well."""
    cgroups: bool
    disk: float
    """Gigabytes free for the cache."""
    memory: float
    """Gigabytes in all."""
    ports_taken: tuple[tuple[str, int], ...]
    """Ports on the loopback that somebody listens on, with the variable that would choose another."""
    route: str | None
    """A route that uses the cluster's addresses already."""


def look(ports: Mapping[str, int]) -> Machine:
    """Look at this machine. `ports` are the gateway's on the loopback, by the variable that chooses them."""
    linux = platform.system() == "Linux"
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    missing = tuple(command for command in _PACKAGES if not shutil.which(command))
    folder = next(parent for parent in (CACHE, *CACHE.parents) if parent.exists())
    cgroup = Path("/sys/fs/cgroup")
    return Machine(
        system=platform.system(),
        architecture=platform.machine(),
        root=root,
        missing=missing,
        go=_go_version(),
        trial=_trial() if linux and root and not missing else "",
        cgroups=(cgroup / "cgroup.controllers").exists() or (cgroup / "memory").is_dir(),
        disk=shutil.disk_usage(folder).free / 1e9,
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9,
        ports_taken=tuple((name, port) for name, port in ports.items() if linux and network.listening(port)),
        route=network.conflicting_route(_output(["ip", "-4", "route"])) if linux else None,
    )


def problems(machine: Machine, *, building: bool) -> list[str]:
    """Everything that keeps the cluster from running here, each with what to do about it."""
    if machine.system != "Linux":
        return [f"the local cluster needs Linux: this is {machine.system}"]
    return [*_unfit(machine), *_not_installed(machine, building=building), *_not_free(machine, building=building)]


def _unfit(machine: Machine) -> list[str]:
    found = []
    if not machine.root:
        found.append("it needs root (namespaces, mounts, a network link): run it with sudo")
    if machine.architecture not in ("x86_64", "aarch64"):
        found.append(f"it needs x86_64 or aarch64: this machine is {machine.architecture}")
    if machine.trial:
        found.append(f"the kernel refuses namespaces, veth or overlay: {machine.trial}")
    if not machine.cgroups:
        found.append("/sys/fs/cgroup has no control groups: mount them (cgroup v1 or v2)")
    return found


def _not_installed(machine: Machine, *, building: bool) -> list[str]:
    found = [
        f"there is no `{command}`: install it ({_PACKAGES[command]})"
        for command in machine.missing
        if building or command not in _BUILD_COMMANDS
    ]
    if building and machine.go is not None and machine.go < GO_VERSION:
        has, wants = (".".join(map(str, version)) for version in (machine.go, GO_VERSION))
        found.append(f"Go {has} is too old: install {wants} or newer (go.dev/dl)")
    return found


def _not_free(machine: Machine, *, building: bool) -> list[str]:
    found = []
    wanted = _BUILD_GIGABYTES if building else _RUN_GIGABYTES
    if machine.disk < wanted:
        found.append(f"{machine.disk:.1f} GB of disk are free below {CACHE.parent}: needs {wanted}")
    if machine.memory < _MEMORY_GIGABYTES:
        found.append(f"{machine.memory:.1f} GB of memory: needs {_MEMORY_GIGABYTES}")
    for variable, port in machine.ports_taken:
        other = port + 10000 if port < 50000 else port - 10000
        found.append(f"port {port} is taken: choose another, e.g. {variable}={other}")
    if machine.route:
        found.append(f"the route `{machine.route}` uses the cluster's addresses (198.18.0.0/15)")
    return found


def check(ports: Mapping[str, int], *, building: bool) -> None:
    """Raise everything that is wrong with this machine, as one error.

    Raises:
        LocalError: the cluster cannot run here.
    """
    if found := problems(look(ports), building=building):
        listed = "".join(f"\n  - {problem}" for problem in found)
        raise LocalError(f"the local cluster cannot run on this machine:{listed}", INSTEAD)


def check_addons(*, building: bool) -> None:
    """Raise what keeps the add-ons from running on a machine that the cluster itself runs on.

    Raises:
        LocalError: they cannot run here.
    """
    # Argo CD reads repositories with the machine's git.
    needed = {"git": "git", **(_PACKAGES if building else {})}
    if missing := [command for command in needed if not shutil.which(command)]:
        listed = "".join(f"\n  - there is no `{command}`: install it ({needed[command]})" for command in missing)
        raise LocalError(f"the add-ons cannot run on this machine:{listed}", "fix this, then run the command again")


def check_node() -> None:
    """Raise what keeps the programs of npm from being got and run here.

    Raises:
        LocalError: they cannot run here.
    """
    needed = {"node": _NODE, "npm": _NODE, "apt-get": "apt", "dpkg-deb": "dpkg"}
    found = [
        f"there is no `{command}`: install it ({by})" for command, by in needed.items() if not shutil.which(command)
    ]
    if version := re.match(r"v(\d+)\.(\d+)", _output(["node", "--version"])):
        has = (int(version[1]), int(version[2]))
        if has < NODE_VERSION:
            found.append(f"Node {has[0]}.{has[1]} is too old: install {_NODE}")
    if (architecture := platform.machine()) != "x86_64":
        found.append(f"the pinned browser is built for x86_64 only: this machine is {architecture}")
    if found:
        listed = "".join(f"\n  - {problem}" for problem in found)
        raise LocalError(
            f"the pipeline's jobs and the browser cannot run on this machine:{listed}",
            "fix this, then run the command again; only tests/pipeline needs it",
        )


def _go_version() -> tuple[int, ...] | None:
    found = re.search(r"go(\d+)\.(\d+)", _output(["go", "version"]))
    return (int(found[1]), int(found[2])) if found else None


def _trial() -> str:
    result = subprocess.run(
        ["unshare", "--mount", "--pid", "--net", "--fork", "--mount-proc", "sh", "-c", _TRIAL],
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if result.returncode == 0 else result.stderr.strip().replace("\n", "; ")


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        return ""
