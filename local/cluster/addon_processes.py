"""The add-ons' processes: like the cluster's own, but only there when a command asked for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.cluster.network import API_PORT, API_SERVER, NODE_ADDRESS, PLAYED_POD_CIDR
from local.cluster.pki import METRICS_SERVER
from local.cluster.processes import Process, libraries
from local.paths import RUN

NAMES = ("cert-manager", "argocd", "kwok", "local-path", METRICS_SERVER, "gateway-api")
USUAL = NAMES[:2]
"""Those that run when none is named. kwok, which plays nodes and their pods, is for measurements; local-path, which
makes volumes, for charts that claim some; metrics-server, which says what pods use, for autoscalers; gateway-api, kinds
that istiod serves, for base stacks that ask for it."""
KWOK_NODES = "type=kwok"
"""Label, as name=value, of the nodes that kwok plays."""

HELPER_IMAGE = "local.branch-environments/volume-helper:1"
"""In which local-path makes and removes a volume's folder."""
_CERT_MANAGER_HEALTH = f"{NODE_ADDRESS}:9403"
_KWOK = f"{NODE_ADDRESS}:10247"
_CONTROLLER_METRICS = 8082
METRICS_PORT = 4443
_REPO_SERVER = "127.0.0.1:8081"
_REPO_SERVER_METRICS = 8084
_REDIS = "127.0.0.1:6379"

HEALTH: Mapping[str, tuple[str, ...]] = {
    "cert-manager": (f"http://{_CERT_MANAGER_HEALTH}/readyz",),
    "argocd": (
        f"http://{NODE_ADDRESS}:{_REPO_SERVER_METRICS}/healthz?full=true",
        f"http://{NODE_ADDRESS}:{_CONTROLLER_METRICS}/healthz",
    ),
    "kwok": (f"http://{_KWOK}/healthz",),
    "local-path": (),
    METRICS_SERVER: (f"{API_SERVER}/apis/metrics.k8s.io/v1beta1/pods",),
    "gateway-api": (),
}
"""What answers 200 once an add-on works."""


@dataclass(frozen=True, kw_only=True)
class AddonPrograms:
    """Where the add-ons' executables and data files are."""

    cert_manager: Path
    argocd: Path
    """Both: folders with `bin` and `crds`, as they are built."""
    helm: Path
    """The folder of `helm`, by which Argo CD renders charts."""
    redis: Path
    """Unpacked Debian packages."""
    kwok: Path
    """A folder with `bin` and `stages`."""
    local_path: Path
    """A folder with `bin`."""
    metrics_server: Path
    """A folder with `bin`."""
    gateway_api: Path
    """A folder with `crds`. istiod runs what they are for."""


def of(name: str, programs: AddonPrograms, state: Path) -> list[Process]:
    """The processes of one add-on, in the order of `make status`."""
    made = {
        "cert-manager": _cert_manager,
        "argocd": _argocd,
        "kwok": _kwok,
        "local-path": _local_path,
        METRICS_SERVER: _metrics_server,
    }
    return made[name](programs, state) if name in made else []


def _cert_manager(programs: AddonPrograms, state: Path) -> list[Process]:
    return [
        Process(
            name="cert-manager",
            purpose="issues certificates (add-on)",
            command=[
                f"{programs.cert_manager}/bin/cert-manager",
                f"--kubeconfig={state}/config/cert-manager.kubeconfig",
                "--cluster-resource-namespace=cert-manager",
                f"--health-address={_CERT_MANAGER_HEALTH}",
            ],
        )
    ]


def _local_path(programs: AddonPrograms, state: Path) -> list[Process]:
    return [
        Process(
            name="local-path",
            purpose="makes volumes that are folders of the node (add-on)",
            command=[
                f"{programs.local_path}/bin/local-path-provisioner",
                "start",
                f"--kubeconfig={state}/config/local-path.kubeconfig",
                "--namespace=local-path",
                "--service-account-name=local-path",
                f"--helper-image={HELPER_IMAGE}",
            ],
        )
    ]


def _metrics_server(programs: AddonPrograms, state: Path) -> list[Process]:
    kubeconfig = f"{state}/config/{METRICS_SERVER}.kubeconfig"
    return [
        Process(
            name=METRICS_SERVER,
            purpose="says what pods use (add-on)",
            command=[
                f"{programs.metrics_server}/bin/metrics-server",
                f"--kubeconfig={kubeconfig}",
                f"--authentication-kubeconfig={kubeconfig}",
                f"--authorization-kubeconfig={kubeconfig}",
                f"--bind-address={NODE_ADDRESS}",
                f"--secure-port={METRICS_PORT}",
                f"--tls-cert-file={state}/pki/{METRICS_SERVER}.crt",
                f"--tls-private-key-file={state}/pki/{METRICS_SERVER}.key",
                "--kubelet-preferred-address-types=InternalIP",
                # The kubelet signs its own certificate, which names no address.
                "--kubelet-insecure-tls",
                # The shortest that it allows: an autoscaler acts upon what it says.
                "--metric-resolution=10s",
                "--kubelet-request-timeout=5s",
            ],
        )
    ]


def _kwok(programs: AddonPrograms, state: Path) -> list[Process]:
    return [
        Process(
            name="kwok",
            purpose="plays nodes and their pods (add-on)",
            command=[
                f"{programs.kwok}/bin/kwok",
                f"--kubeconfig={state}/config/kwok.kubeconfig",
                f"--manage-nodes-with-label-selector={KWOK_NODES}",
                f"--server-address={_KWOK}",
                # Without a lease, nodes that were not heard of for a while lose their pods.
                "--node-lease-duration-seconds=40",
                # Where pods of no node are: beside those of the real one. Nothing answers there.
                f"--cidr={PLAYED_POD_CIDR}",
                f"--node-ip={NODE_ADDRESS}",
                # They bring a pod up at once. A configuration file of the account must not change that.
                *(f"--config={stages}" for stages in sorted((programs.kwok / "stages").glob("*.yaml"))),
            ],
        )
    ]


def _argocd(programs: AddonPrograms, state: Path) -> list[Process]:
    folder = state / "argocd"
    return [
        Process(
            name="argocd-redis",
            purpose="Argo CD's cache (add-on)",
            command=[
                f"{programs.redis}/usr/bin/redis-server",
                *("--bind", _REDIS.partition(":")[0], "--port", _REDIS.partition(":")[2]),
                *("--dir", str(folder), "--save", "''", "--appendonly", "no"),
            ],
            environment={"LD_LIBRARY_PATH": libraries(programs.redis)},
        ),
        _repo_server(programs, folder),
        _application_controller(programs, folder),
    ]


def _repo_server(programs: AddonPrograms, folder: Path) -> Process:
    return Process(
        name="argocd-repo-server",
        purpose="renders charts from git (add-on)",
        folder=folder,
        command=[
            f"{programs.argocd}/bin/argocd-repo-server",
            f"--redis={_REDIS}",
            "--disable-tls",
            # Its default, a path in its image, is refused without TLS.
            "--client-ca-path=",
            f"--address={_REPO_SERVER.partition(':')[0]}",
            f"--port={_REPO_SERVER.partition(':')[2]}",
            f"--metrics-address={NODE_ADDRESS}",
            f"--metrics-port={_REPO_SERVER_METRICS}",
            # What a branch name points at is asked again each time: a commit shows within seconds.
            "--revision-cache-expiration=1s",
            "--logformat=text",
        ],
        environment={
            "PATH": f"{programs.argocd}/bin:{programs.helm}:/usr/bin:/bin",
            "HOME": str(folder),
            # Folders that are /app/config and /tmp in Argo CD's image.
            "TMPDIR": f"{folder}/tmp",
            "ARGOCD_GPG_ENABLED": "false",
            "ARGOCD_GNUPGHOME": f"{folder}/gpg",
            "ARGOCD_TLS_DATA_PATH": f"{folder}/tls",
            "ARGOCD_SSH_DATA_PATH": f"{folder}/ssh",
            "ARGOCD_PLUGINSOCKFILEPATH": f"{folder}/plugins",
            "ARGOCD_ASK_PASS_SOCK": f"{RUN}/argocd-ask-pass.sock",
            "GIT_CONFIG_GLOBAL": f"{folder}/gitconfig",
        },
    )


def _application_controller(programs: AddonPrograms, folder: Path) -> Process:
    return Process(
        name="argocd-application-controller",
        purpose="syncs Applications (add-on)",
        folder=folder,
        command=[
            "/bin/sh",
            str(Path(__file__).with_name("in-cluster.sh")),
            f"{folder}/serviceaccount",
            f"{programs.argocd}/bin/argocd-application-controller",
            "--namespace=argocd",
            f"--redis={_REDIS}",
            f"--repo-server={_REPO_SERVER}",
            "--repo-server-plaintext",
            f"--metrics-port={_CONTROLLER_METRICS}",
            # No webhook tells of a commit here, and a person waits for it: seconds instead of minutes.
            "--app-resync=2",
            "--app-resync-jitter=0",
            "--logformat=text",
        ],
        environment={
            "HOME": str(folder),
            "KUBERNETES_SERVICE_HOST": NODE_ADDRESS,
            "KUBERNETES_SERVICE_PORT": str(API_PORT),
        },
    )
