"""Gets what the add-ons need and starts them: only when a command asks for them."""

from local import install, preflight
from local.cluster import addons
from local.cluster.addon_processes import NAMES, USUAL, AddonPrograms
from local.errors import LocalError
from local.progress import Progress
from local.toolbox import Toolbox
from local.toolchain import debian, go
from local.toolchain.pins import REDIS_PACKAGES

_BUILDS = {
    "cert-manager": (go.CERT_MANAGER,),
    "argocd": (go.ARGOCD, go.HELM),
    "kwok": (go.KWOK,),
    "local-path": (go.LOCAL_PATH,),
    "metrics-server": (go.METRICS_SERVER,),
    "gateway-api": (go.GATEWAY_API,),
}


def programs() -> AddonPrograms:
    """Where the add-ons' programs are, or will be."""
    return AddonPrograms(
        cert_manager=go.folder(go.CERT_MANAGER),
        argocd=go.folder(go.ARGOCD),
        helm=go.binaries(go.HELM),
        redis=debian.folder(REDIS_PACKAGES),
        kwok=go.folder(go.KWOK),
        local_path=go.folder(go.LOCAL_PATH),
        metrics_server=go.folder(go.METRICS_SERVER),
        gateway_api=go.folder(go.GATEWAY_API) / "gateway-api",
    )


def start(toolbox: Toolbox, names: list[str]) -> None:
    """Run these add-ons in the local cluster, which is started first if it does not run.

    Args:
        toolbox: what is used.
        names: of `NAMES`; none means the usual ones.

    Raises:
        LocalError: own cluster, a name that is none of `NAMES`, an unfit machine, or a step that failed.
    """
    if toolbox.own_cluster:
        raise LocalError(
            f"KUBECONFIG={toolbox.kubeconfig}: add-ons run in the local cluster only, not in one of your own",
            "install cert-manager and Argo CD there as you usually do, or unset KUBECONFIG",
        )
    if unknown := sorted(set(names) - set(NAMES)):
        raise LocalError(f"there is no add-on {', '.join(unknown)}", f"name any of: {', '.join(NAMES)}")
    wanted = [name for name in NAMES if name in (names or USUAL)]
    builds = [build for name in wanted for build in _BUILDS[name] if not go.ready(build)]
    redis = "argocd" in wanted and not debian.ready(REDIS_PACKAGES)
    preflight.check_addons(building=bool(builds) or redis)
    progress = Progress(install.steps(toolbox, cluster=True) + int(bool(builds)) + int(redis) + len(wanted))
    install.get_ready(toolbox, progress)
    if builds:
        with progress.step("add-ons from Go modules") as detail:
            go.get(builds, detail)
    if redis:
        with progress.step("add-ons from Debian packages"):
            debian.get(REDIS_PACKAGES)
    for name in wanted:
        with progress.step(f"add-on: {name}"):
            addons.start(name, install.programs(), programs())
