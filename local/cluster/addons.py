"""Starts add-ons in the running cluster. Each step can be interrupted and run again."""

import secrets
from pathlib import Path

from local.cluster import addon_objects, addon_processes, pki, processes
from local.cluster.addon_processes import AddonPrograms
from local.cluster.kubectl import Kubectl
from local.cluster.lifecycle import RETRY, http_ok, load_image, write_secret
from local.cluster.processes import Programs
from local.cluster.supervisor import Supervisor
from local.errors import LocalError
from local.images import archive
from local.paths import CLUSTER, LOGS
from local.waiting import until

_CONFIG = CLUSTER / "config"
_ARGOCD = CLUSTER / "argocd"
_SECONDS = 90.0


def start(name: str, programs: Programs, addons: AddonPrograms) -> None:
    """Run one add-on, and wait until it works. What runs already, as it should, is left alone.

    Raises:
        LocalError: it does not come up; says where its log is.
    """
    kubectl = Kubectl(programs.go / "kubectl")
    files = {
        "cert-manager": addons.cert_manager,
        "argocd": addons.argocd,
        "kwok": addons.kwok,
        "local-path": addons.local_path,
        pki.METRICS_SERVER: addons.metrics_server,
        "gateway-api": addons.gateway_api,
    }[name]
    authority = CLUSTER / "pki" / "ca.crt"
    if name == pki.METRICS_SERVER and not authority.with_name(f"{pki.FRONT_PROXY}.crt").exists():
        raise LocalError(
            "the local cluster was started by an older checkout, whose API server passes no requests on",
            "`make down`, then `make up`",
        )
    if (files / "crds").exists():
        kubectl.apply_file(files / "crds")
        until(lambda: kubectl.established(files / "crds"), what=f"the kinds of {name}", fix=RETRY, seconds=60)
    kubectl.apply(
        addon_objects.of(name, server_key=_server_key(), volumes=CLUSTER / "volumes", authority=authority.read_bytes())
    )
    wanted = addon_processes.of(name, addons, CLUSTER)
    if name == "argocd":
        kubectl.apply_file(files / "config", namespace="argocd")
        _prepare_argocd(kubectl)
    elif wanted:
        _write_kubeconfig(kubectl, name)
    if name == "local-path":
        load_image(programs, _helper_image(programs))
    supervisor = Supervisor()
    _write_configuration(supervisor, name, programs, addons)
    supervisor.take_over([process.name for process in wanted])
    for process in wanted:
        supervisor.start(process.name)
    _wait(name, supervisor, [process.name for process in wanted])


def _helper_image(programs: Programs) -> Path:
    path: Path = CLUSTER / "volume-helper.tar"
    busybox = programs.debian / "bin/busybox"
    files = {"bin/sh": busybox, "bin/busybox": busybox}
    archive(path, name=addon_processes.HELPER_IMAGE, files=files, entrypoint=["/bin/sh"], environment={"PATH": "/bin"})
    return path


def _wait(name: str, supervisor: Supervisor, wanted: list[str]) -> None:
    def works() -> bool:
        if given_up := sorted(set(supervisor.failed()) & set(wanted)):
            logs = ", ".join(str(LOGS / f"{process}.log") for process in given_up)
            raise LocalError(f"{', '.join(given_up)} does not stay up", f"read {logs}, then run the command again")
        running = {status.name for status in supervisor.statuses() if status.state == "RUNNING"}
        return running.issuperset(wanted) and all(http_ok(url) for url in addon_processes.HEALTH[name])

    until(works, what=f"{name} works", fix=RETRY, seconds=_SECONDS, every=0.1)


def _write_configuration(supervisor: Supervisor, name: str, programs: Programs, addons: AddonPrograms) -> None:
    """The supervisor's file: the cluster's processes, the add-ons that are there already, and this one."""
    there = {status.name for status in supervisor.statuses()}
    listed = processes.all_of(programs, CLUSTER)
    for other in addon_processes.NAMES:
        found = addon_processes.of(other, addons, CLUSTER)
        if other == name or there.intersection(process.name for process in found):
            listed += found
    configuration = processes.supervisor_configuration(listed, CLUSTER, LOGS)
    (_CONFIG / "supervisord.conf").write_text(configuration)


def _write_kubeconfig(kubectl: Kubectl, name: str) -> None:
    content = pki.token_kubeconfig(CLUSTER / "pki", name, _token(kubectl, name))
    write_secret(_CONFIG / f"{name}.kubeconfig", content)


def _prepare_argocd(kubectl: Kubectl) -> None:
    for folder in ("tmp", "gpg", "tls", "ssh", "plugins", "serviceaccount"):
        (_ARGOCD / folder).mkdir(parents=True, exist_ok=True)
    # A person's checkout often has another owner than root, which git refuses to read.
    (_ARGOCD / "gitconfig").write_text("[safe]\n\tdirectory = *\n")
    account = _ARGOCD / "serviceaccount"
    (account / "ca.crt").write_bytes((CLUSTER / "pki" / "ca.crt").read_bytes())
    (account / "namespace").write_text("argocd")
    write_secret(account / "token", _token(kubectl, "argocd"))


def _token(kubectl: Kubectl, name: str) -> str:
    # As long as the keys that sign it: nothing renews it.
    account = addon_objects.service_account(name)
    return kubectl.run("create", "token", account, f"--namespace={name}", "--duration=87600h").strip()


def _server_key() -> str:
    path: Path = _ARGOCD / "server.secretkey"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_secret(path, secrets.token_urlsafe(32))
    return path.read_text()
