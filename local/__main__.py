"""The commands behind the Makefile: `python -m local --help`."""

import argparse
import os
import shlex
import sys
from pathlib import Path

import yaml
from rich.table import Table

from branchenv.console import seconds
from local import addons, cert_manager, demo, install, istio, preflight
from local.cluster import addon_processes, lifecycle, processes
from local.cluster.supervisor import Supervisor
from local.errors import LocalError, exit_code
from local.images import cert_manager as cert_manager_images
from local.images import guestbook as guestbook_images
from local.images import istio as istio_images
from local.images import jobs as jobs_image
from local.images import login as login_image
from local.images import podinfo
from local.paths import CLUSTER, LOGS
from local.progress import Progress, console
from local.toolbox import Toolbox, choose
from local.toolchain import go, node

_EXTRA = {"helm": ("Helm", go.HELM), "kwok": ("kwok", go.KWOK), "registry": ("registry", go.REGISTRY)}


def main() -> int:
    """Run one command; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m local",
        description="The local cluster: a real Kubernetes with Istio, from packages alone.",
        epilog="environment: KUBECONFIG uses that cluster instead of a local one (it must have "
        "Istio; ISTIO_GATEWAY_PORT, 80, is its gateway's Service port, ISTIO_GATEWAY_LABEL, ingressgateway, "
        "its pods' label); GATEWAY_PORT (8080) and "
        "GATEWAY_HTTPS_PORT (8443) are the gateway's ports on 127.0.0.1.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    parsers = {}
    for name, about in {
        "demo": "everything from nothing to two live branch URLs",
        "up": "get the programs and start the local cluster",
        "build": "get the programs only",
        "helm": "get Helm as well, for people and measurements",
        "kwok": "get kwok as well, which plays nodes for measurements",
        "login": "get oauth2-proxy as well, and load its image into the local cluster, for apps with a login page",
        "image": "build the jobs' image with buildah, and load it into the local cluster if it runs",
        "registry": "get a container registry as well, for tests",
        "guestbook": "build the images of the example with a database, and load them into the local cluster",
        "podinfo": "get podinfo, an app with a chart that somebody else wrote, and load its image, for tests",
        "istio": "get Istio's charts and images as well, load the images into the local cluster, and print what a base "
        "stack's `addons` say then",
        "cert-manager": "get cert-manager's chart and images as well, and the same with them",
        "node": "get the runner of GitLab's jobs, the headless browser and the simulator of AWS IAM as well, for tests",
        "addons": f"run add-ons in the local cluster: {', '.join(addon_processes.NAMES)}; "
        f"if none is named, {' and '.join(addon_processes.USUAL)}",
        "load": "load container images into the local cluster, from archives as `docker save` writes them",
        "status": "the cluster's processes",
        "env": "what a shell needs for pulumi and kubectl, to be evaluated",
        "down": "remove the cluster and its state; builds are kept",
    }.items():
        parsers[name] = commands.add_parser(name, help=about, description=about)
    parsers["addons"].add_argument("names", nargs="*", metavar="NAME")
    parsers["load"].add_argument("names", nargs="+", metavar="ARCHIVE")
    arguments = parser.parse_args()
    return exit_code(lambda: _run(arguments.command, getattr(arguments, "names", [])))


def _run(command: str, names: list[str]) -> int:
    toolbox = choose(os.environ)
    if command == "status":
        return _status()
    if command == "env":
        _print_environment(toolbox)
        return 0
    with lifecycle.exclusive():
        if command == "down":
            demo.undo_on_own_cluster(toolbox)
            lifecycle.remove()
        elif command == "load":
            _load(names)
        elif command in _EXTRA:
            _extra(*_EXTRA[command])
        elif command == "login":
            _extra("oauth2-proxy", go.OAUTH2_PROXY)
            _load([str(login_image.archived())])
        elif command == "podinfo":
            _extra("podinfo", go.PODINFO)
            _load([str(podinfo.archived())])
        elif command in _BUILDS:
            _BUILDS[command]()
        elif command == "addons":
            addons.start(toolbox, names)
        else:
            _up(toolbox, command)
    return 0


def _up(toolbox: Toolbox, command: str) -> None:
    cluster = command != "build"
    with_demo = command == "demo"
    count = install.steps(toolbox, cluster=cluster) + (demo.steps() if with_demo else 0)
    progress = Progress(count)
    install.get_ready(toolbox, progress, cluster=cluster)
    if with_demo:
        demo.run(toolbox, progress)


def _extra(name: str, build: go.Build) -> None:
    if not go.ready(build):
        with Progress(1).step(f"{name} from its Go module") as detail:
            go.get([build], detail)


def _load(archives: list[str]) -> None:
    if missing := [archive for archive in archives if not Path(archive).is_file()]:
        raise LocalError(f"there is no file {', '.join(missing)}", "docker save --output image.tar <image>")
    if not lifecycle.running():
        raise LocalError("no local cluster runs", "`make up` starts one")
    for archive in archives:
        lifecycle.load_image(install.programs(), Path(archive))


def _node() -> None:
    if not node.ready():
        preflight.check_node()
        with Progress(1).step("GitLab job runner, browser and IAM simulator from npm") as detail:
            node.get(detail)


def _guestbook() -> None:
    archives = guestbook_images.archives()
    if not all(each.exists() for each in archives):
        with Progress(1).step("images of the example with a database") as detail:
            guestbook_images.build(detail)
    if lifecycle.running():
        _load([str(each) for each in archives])


def _istio() -> None:
    programs = install.programs()
    if not go.ready(go.ISTIO_CNI):
        with Progress(1).step("Istio's CNI plugin from its Go module") as detail:
            go.get([go.ISTIO_CNI], detail)
    if not all(archive.exists() for archive in istio_images.archives(programs).values()):
        with Progress(1).step("Istio's images"):
            istio_images.build(programs)
    if lifecycle.running():
        lifecycle.check_takes_cni_plugins()
        for name, archive in istio_images.archives(programs).items():
            lifecycle.load_once(programs, archive, name)
    print(yaml.safe_dump({"addons": istio.addons(programs)}), end="")


def _cert_manager() -> None:
    if not go.ready(go.CERT_MANAGER_PODS):
        with Progress(1).step("cert-manager from its Go module") as detail:
            go.get([go.CERT_MANAGER_PODS], detail)
    images = cert_manager_images.archives()
    if lifecycle.running():
        for name, archive in images.items():
            lifecycle.load_once(install.programs(), archive, name)
    print(yaml.safe_dump({"addons": cert_manager.addons()}), end="")


def _jobs_image() -> None:
    builds = [build for build in jobs_image.BUILDS if not go.ready(build)]
    if builds:
        with Progress(1).step("Pulumi from Go modules") as detail:
            go.get(builds, detail)
    if not jobs_image.ready():
        with Progress(1).step("the jobs' image") as detail:
            jobs_image.build(detail)
    if lifecycle.running():
        lifecycle.load_once(install.programs(), jobs_image.archive(), jobs_image.name())
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("part of the image", "MB", "MB compressed"):
        table.add_column(title, justify="left" if "part" in title else "right")
    parts = jobs_image.parts()
    for part in parts:
        table.add_row(part.name, f"{part.size / 1e6:.0f}", f"{part.compressed / 1e6:.0f}")
    whole = (sum(part.size for part in parts), sum(part.compressed for part in parts))
    table.add_row("in all", *(f"{size / 1e6:.0f}" for size in whole))
    console.print(table)
    console.print(f"\n{jobs_image.name()}\n{jobs_image.archive()}")


_BUILDS = {
    "cert-manager": _cert_manager,
    "guestbook": _guestbook,
    "image": _jobs_image,
    "istio": _istio,
    "node": _node,
}


def _status() -> int:
    if not lifecycle.running():
        console.print("no local cluster runs; `make demo` or `make up` starts one")
        return 1
    known = processes.all_of(install.programs(), CLUSTER)
    for name in addon_processes.NAMES:
        known += addon_processes.of(name, addons.programs(), CLUSTER)
    purposes = {process.name: process.purpose for process in known}
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("process", "state", "up", "what it is"):
        table.add_column(title, justify="right" if title == "up" else "left")
    statuses = Supervisor().statuses()
    order = {name: place for place, name in enumerate(purposes)}
    for status in sorted(statuses, key=lambda status: order.get(status.name, len(order))):
        colour = "green" if status.state == "RUNNING" else "red"
        table.add_row(
            status.name,
            f"[{colour}]{status.state.lower()}[/{colour}]",
            seconds(status.seconds),
            purposes.get(status.name, "started by another checkout, which knows it"),
        )
    console.print(table)
    console.print(f"\nlogs: {LOGS}")
    return 0 if all(status.state == "RUNNING" for status in statuses) else 1


def _print_environment(toolbox: Toolbox) -> None:
    for name, value in toolbox.environment().items():
        if name == "PATH":
            added = value.removesuffix(os.environ.get("PATH", "")).rstrip(os.pathsep)
            print(f'export PATH={shlex.quote(added)}:"$PATH"')
        else:
            print(f"export {name}={shlex.quote(value)}")


if __name__ == "__main__":
    sys.exit(main())
