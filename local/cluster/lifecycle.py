"""Start, find and remove the local cluster. Every step can be interrupted and run again."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from local.cluster import addon_objects, cgroups, files, pki, processes
from local.cluster.kubectl import Kubectl
from local.cluster.network import (
    API_SERVER,
    HOST_ADDRESS,
    HOST_LINK,
    NODE_ADDRESS,
    PLAYED_POD_CIDR,
    POD_CIDR,
    SERVICE_CIDR,
)
from local.cluster.processes import Programs
from local.cluster.supervisor import Supervisor
from local.errors import LocalError
from local.images import archive
from local.paths import ADMIN_KUBECONFIG, CACHE, CLUSTER, CONTAINERD_SOCKET, LOGS, RUN, STATE
from local.progress import console
from local.waiting import until

RETRY = f"read the logs in {LOGS}; `make down` and then the same command again starts afresh"
_RECORD = CLUSTER / "process.json"
_READY = CLUSTER / "ready"
_SECONDS = 90.0


@contextmanager
def exclusive() -> Iterator[None]:
    """Only one command at a time may change the cluster; a second one waits for the first."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            console.print("waiting for another make command in this account to end ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def running() -> bool:
    """Whether the cluster's first process lives and its supervisor answers."""
    return _process() is not None and Supervisor().answers()


def ready() -> bool:
    """Whether it runs and was started to the end; an interrupted start is resumed."""
    return running() and _READY.exists()


def prepare(programs: Programs, gateway_port: int, gateway_https_port: int) -> None:
    """Write keys and configuration files."""
    config = CLUSTER / "config"
    for folder in (config / "cni", LOGS, CLUSTER / "istiod", CLUSTER / "gateway"):
        folder.mkdir(parents=True, exist_ok=True)
    pki.make(CLUSTER / "pki")
    for client in processes.kubeconfigs():
        write_secret(config / f"{client}.kubeconfig", pki.kubeconfig(CLUSTER / "pki", client))
    write_secret(ADMIN_KUBECONFIG, pki.kubeconfig(CLUSTER / "pki", "admin"))
    contents = {
        "containerd.toml": files.containerd(programs.debian, CLUSTER),
        f"{files.cni_configuration(CLUSTER).name}/10-branch-environments.conflist": files.cni(CLUSTER),
        "kubelet.json": files.kubelet(CLUSTER),
        "kube-proxy.json": files.kube_proxy(config / "kube-proxy.kubeconfig"),
        "Corefile": files.corefile(config / "coredns.kubeconfig"),
        "mesh.json": files.mesh(),
        "forwarder.json": files.forwarder(gateway_port, gateway_https_port),
        "supervisord.conf": processes.supervisor_configuration(processes.all_of(programs, CLUSTER), CLUSTER, LOGS),
    }
    for name, content in contents.items():
        (config / name).write_text(content)
    _name_iptables(programs)
    _link_cni_plugins(programs)


def _name_iptables(programs: Programs) -> None:
    """Call `iptables` the one that writes nftables rules, as Debian does where the package is installed."""
    folder = CLUSTER / "network-policy"
    folder.mkdir(exist_ok=True)
    for name in ("iptables", "iptables-save", "iptables-restore"):
        link = folder / name
        link.unlink(missing_ok=True)
        link.symlink_to(programs.debian / "usr/sbin/xtables-nft-multi")


def _link_cni_plugins(programs: Programs) -> None:
    """Make a folder of CNI plugins for the node, to which others may add theirs: Debian's are the cache's."""
    files.cni_plugins(CLUSTER).mkdir(exist_ok=True)
    for plugin in (programs.debian / "usr/lib/cni").iterdir():
        link = files.cni_plugins(CLUSTER) / plugin.name
        link.unlink(missing_ok=True)
        link.symlink_to(plugin)


def check_takes_cni_plugins() -> None:
    """Refuse a node that was started without a folder for others' plugins: no pod would start behind one.

    Raises:
        LocalError: it has none; says how to get one.
    """
    if not files.cni_plugins(CLUSTER).is_dir():
        raise LocalError(
            "the local cluster was started by an older checkout, whose node takes no CNI plugin of Istio's",
            "`make down`, then `make up`",
        )


def launch() -> None:
    """Start the cluster's first process in namespaces of its own, unless it runs."""
    if running():
        return
    _READY.unlink(missing_ok=True)
    _remove_processes()
    RUN.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (LOGS / "node-init.log").open("ab") as log:
        child = subprocess.Popen(
            [
                "unshare",
                "--mount",
                "--pid",
                "--fork",
                "--kill-child=SIGKILL",
                "--mount-proc",
                str(Path(__file__).with_name("node-init.sh")),
                str(CLUSTER),
                str(RUN),
                sys.executable,
                HOST_LINK,
                HOST_ADDRESS,
                NODE_ADDRESS,
                POD_CIDR,
                SERVICE_CIDR,
                PLAYED_POD_CIDR,
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
        )
    # Recorded before anything is awaited: an interruption from here on finds it again.
    _RECORD.write_text(json.dumps({"pid": child.pid, "started": _started(child.pid)}))

    def up_or_dead() -> bool:
        if child.poll() is not None:
            tail = (LOGS / "node-init.log").read_text().strip().splitlines()[-3:]
            raise LocalError("the cluster's first process ended: " + " | ".join(tail), RETRY)
        return Supervisor().answers()

    until(up_or_dead, what="the supervisor answers", fix=RETRY, seconds=30)


def start_control_plane(programs: Programs) -> None:
    """API server, controllers and node, until the API server is ready."""
    supervisor = Supervisor()
    until(
        lambda: http_ok(f"{API_SERVER}/readyz"),
        what="the API server is ready",
        fix=RETRY,
        seconds=_SECONDS,
    )
    for name in ("kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "network-policy", "coredns"):
        supervisor.start(name)
    # Add-ons do not outlive a start. An API without its server would keep every namespace from being deleted.
    kubectl = Kubectl(programs.go / "kubectl")
    kubectl.run("delete", "apiservices", f"--selector={addon_objects.LABEL}")


def start_istio(programs: Programs) -> None:
    """CRDs, istiod, and the ingress gateway with an identity of its own."""
    kubectl = Kubectl(programs.go / "kubectl")
    kubectl.apply_file(programs.istio / "crds.yaml")
    kubectl.apply(_gateway_identity())
    supervisor = Supervisor()
    supervisor.start("istiod")
    secrets = CLUSTER / "gateway" / "var" / "run" / "secrets"
    (secrets / "tokens").mkdir(parents=True, exist_ok=True)
    (secrets / "istio").mkdir(parents=True, exist_ok=True)
    token = kubectl.run(
        *("create", "token", "istio-ingressgateway", "--namespace=istio-system"),
        *("--audience=istio-ca", "--duration=8760h"),
    )
    write_secret(secrets / "tokens" / "istio-token", token.strip())

    def root_certificate() -> bool:
        found = kubectl.run(
            *("get", "configmap", "istio-ca-root-cert", "--namespace=istio-system"),
            *("--ignore-not-found", "--output=jsonpath={.data.root-cert\\.pem}"),
        )
        (secrets / "istio" / "root-cert.pem").write_text(found)
        return bool(found)

    until(root_certificate, what="istiod has a root certificate", fix=RETRY, seconds=_SECONDS)
    supervisor.start("istio-gateway")
    supervisor.start("forwarder")


def load_once(programs: Programs, image: Path, name: str) -> None:
    """Load an image archive, unless the cluster's containerd has an image of this name: another content has another."""
    if name not in _ctr(programs, "images", "list", "--quiet").stdout.split():
        load_image(programs, image)


def load_image(programs: Programs, image: Path) -> None:
    """Load an image archive into the cluster's containerd."""
    until(CONTAINERD_SOCKET.exists, what="containerd answers", fix=RETRY, seconds=_SECONDS)
    # An import that was killed leaves its half of a layer behind, which the next one would fail to go on with.
    for unfinished in (CLUSTER / "containerd" / "io.containerd.content.v1.content" / "ingest").glob("*"):
        shutil.rmtree(unfinished, ignore_errors=True)
    result = _ctr(programs, "images", "import", "--digests=false", str(image))
    if result.returncode != 0:
        raise LocalError(f"image {image} was not loaded: {result.stderr.strip()}", RETRY)


def _ctr(programs: Programs, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [f"{programs.debian}/usr/bin/ctr", f"--address={CONTAINERD_SOCKET}", "--namespace=k8s.io", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def pause_image(programs: Programs) -> Path:
    """Make the image of every pod's sandbox."""
    path = CLUSTER / "pause.tar"
    archive(
        path,
        name=files.PAUSE_IMAGE,
        files={"bin/sleep": programs.debian / "bin/busybox"},
        entrypoint=["/bin/sleep", "2147483647"],
    )
    return path


def wait_ready(programs: Programs) -> None:
    """Until the node is Ready, DNS answers and the gateway has its configuration."""
    kubectl = Kubectl(programs.go / "kubectl")

    def node_ready() -> bool:
        condition = '{.status.conditions[?(@.type=="Ready")].status}'
        # It may not have registered yet.
        asked = ("get", "node", "local", "--ignore-not-found", f"--output=jsonpath={condition}")
        return kubectl.run(*asked).strip() == "True"

    until(node_ready, what="the node is Ready", fix=RETRY, seconds=_SECONDS, every=0.2)
    until(
        lambda: http_ok(f"http://{NODE_ADDRESS}:15021/healthz/ready"),
        what="the Istio gateway is ready",
        fix=RETRY,
        seconds=_SECONDS,
    )
    if failed := Supervisor().failed():
        raise LocalError(f"these processes do not stay up: {', '.join(failed)}", RETRY)
    _READY.touch()


def remove() -> None:
    """Remove the cluster, in whatever state it is. Nothing of it is left on the machine."""
    # Without this folder no cluster was ever begun from here: a link or a socket is then somebody else's.
    if CLUSTER.exists():
        _remove_processes()
        cgroups.remove(_containers())
        shutil.rmtree(RUN, ignore_errors=True)
    shutil.rmtree(STATE, ignore_errors=True)
    if STATE.exists():
        raise LocalError(f"{STATE} could not be removed", f"see what still uses it: fuser -vm {STATE}")


def _containers() -> list[str]:
    """Every container that containerd knew of, running or not."""
    tasks = CLUSTER / "containerd" / "io.containerd.runtime.v2.task" / "k8s.io"
    cri = CLUSTER / "containerd" / "io.containerd.grpc.v1.cri"
    folders = [tasks, cri / "sandboxes", cri / "containers"]
    return sorted({entry.name for folder in folders if folder.is_dir() for entry in folder.iterdir()})


def _remove_processes() -> None:
    """End the first process; the kernel ends everything in its PID namespace with it."""
    if (pid := _process()) is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        until(lambda: _process() is None, what="the cluster's processes end", fix=RETRY, seconds=20)
    until(_link_deleted, what=f"network link {HOST_LINK} goes", fix=RETRY, seconds=20)
    _RECORD.unlink(missing_ok=True)


def _link_deleted() -> bool:
    """The veth pair goes with its namespace, a moment after the last process."""
    return not Path("/sys/class/net", HOST_LINK).exists()


def _process() -> int | None:
    """The recorded first process, if it is alive and still the one that was started."""
    try:
        record = json.loads(_RECORD.read_text())
    except (OSError, ValueError):
        return None
    alive = record["started"] is not None and _started(record["pid"]) == record["started"]
    return int(record["pid"]) if alive else None


def _started(pid: int) -> str | None:
    """When a process started, in clock ticks since boot; None if it has ended (or is a zombie)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def http_ok(url: str) -> bool:
    """Whether this address answers 200; with the administrator's certificate, if it is the API server's."""
    import ssl

    context = None
    if url.startswith("https"):
        context = ssl.create_default_context(cafile=str(CLUSTER / "pki" / "ca.crt"))
        context.load_cert_chain(CLUSTER / "pki" / "admin.crt", CLUSTER / "pki" / "admin.key")
    try:
        with urllib.request.urlopen(url, timeout=2, context=context) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def write_secret(path: Path, content: str) -> None:
    """Write a file that only root may read."""
    path.touch(mode=0o600)
    path.write_text(content)


def _gateway_identity() -> list[dict[str, object]]:
    """Namespace, ServiceAccount and the right to read TLS secrets, as Istio's gateway chart makes them."""
    metadata = {"name": "istio-ingressgateway", "namespace": "istio-system"}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-system"}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": metadata,
            "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch"]}],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "Role",
                "name": "istio-ingressgateway",
            },
            "subjects": [{"kind": "ServiceAccount", **metadata}],
        },
    ]
