"""What runs in the local cluster: one entry per process, and the supervisor's configuration of them."""

from dataclasses import dataclass, field
from pathlib import Path

from local.cluster import pki
from local.cluster.network import (
    GATEWAY_HTTPS_PORT,
    GATEWAY_PORT,
    NODE_ADDRESS,
    POD_CIDR,
    SERVICE_CIDR,
)
from local.paths import SUPERVISOR_SOCKET


@dataclass(frozen=True, kw_only=True)
class Programs:
    """Where the executables are: Go builds, unpacked Debian packages, Envoy from its wheel."""

    go: Path
    debian: Path
    envoy: Path
    istio: Path
    """Istio's data files (CRDs, Envoy bootstrap template)."""


@dataclass(frozen=True, kw_only=True)
class Process:
    """One supervised process."""

    name: str
    command: list[str]
    purpose: str
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path | None = None
    at_start: bool = False
    """Started with the supervisor; the others once what they need is there."""


def all_of(programs: Programs, state: Path) -> list[Process]:
    """List every process of the cluster, in the order of `make status`."""
    return [*_control_plane(programs, state), *_node(programs, state), *_istio(programs, state)]


def _control_plane(programs: Programs, state: Path) -> list[Process]:
    go, keys, config = programs.go, state / "pki", state / "config"
    return [
        Process(
            name="etcd",
            purpose="the API server's store",
            at_start=True,
            command=[
                f"{go}/etcd",
                f"--data-dir={state}/etcd",
                "--listen-client-urls=http://127.0.0.1:2379",
                "--advertise-client-urls=http://127.0.0.1:2379",
                "--listen-peer-urls=http://127.0.0.1:2380",
                # Nothing here outlives the machine, so nothing needs to wait for its disk.
                "--unsafe-no-fsync",
                "--log-level=warn",
            ],
        ),
        _api_server(go, keys),
        Process(
            name="kube-controller-manager",
            purpose="Deployments, ReplicaSets, garbage collection, ...",
            command=[
                f"{go}/kube-controller-manager",
                f"--kubeconfig={config}/kube-controller-manager.kubeconfig",
                "--leader-elect=false",
                "--use-service-account-credentials=true",
                f"--service-account-private-key-file={keys}/service-account.key",
                f"--root-ca-file={keys}/ca.crt",
                f"--cluster-cidr={POD_CIDR}",
                "--profiling=false",
            ],
        ),
        Process(
            name="kube-scheduler",
            purpose="places pods",
            command=[
                f"{go}/kube-scheduler",
                f"--kubeconfig={config}/kube-scheduler.kubeconfig",
                "--leader-elect=false",
            ],
        ),
    ]


def _api_server(go: Path, keys: Path) -> Process:
    return Process(
        name="kube-apiserver",
        purpose="the Kubernetes API",
        at_start=True,
        command=[
            f"{go}/kube-apiserver",
            "--etcd-servers=http://127.0.0.1:2379",
            f"--advertise-address={NODE_ADDRESS}",
            "--secure-port=6443",
            f"--service-cluster-ip-range={SERVICE_CIDR}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true",
            f"--client-ca-file={keys}/ca.crt",
            f"--tls-cert-file={keys}/apiserver.crt",
            f"--tls-private-key-file={keys}/apiserver.key",
            f"--kubelet-client-certificate={keys}/apiserver-kubelet-client.crt",
            f"--kubelet-client-key={keys}/apiserver-kubelet-client.key",
            "--kubelet-preferred-address-types=InternalIP",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={keys}/service-account.key",
            f"--service-account-signing-key-file={keys}/service-account.key",
            # What serves another API, as metrics-server does, believes this one who asks.
            f"--proxy-client-cert-file={keys}/{pki.FRONT_PROXY}.crt",
            f"--proxy-client-key-file={keys}/{pki.FRONT_PROXY}.key",
            f"--requestheader-client-ca-file={keys}/ca.crt",
            f"--requestheader-allowed-names={pki.FRONT_PROXY}",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            "--profiling=false",
            # Leaving is not graceful for anybody here: requests are not drained.
            "--shutdown-delay-duration=0s",
        ],
    )


def _node(programs: Programs, state: Path) -> list[Process]:
    go, debian, config = programs.go, programs.debian, state / "config"
    return [
        Process(
            name="containerd",
            purpose="runs containers",
            at_start=True,
            command=[f"{debian}/usr/bin/containerd", "--config", f"{config}/containerd.toml"],
            environment={
                "PATH": f"{debian}/usr/bin:{debian}/usr/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
                "LD_LIBRARY_PATH": libraries(debian),
                # Istio's CNI plugin, which it calls where one is installed, calls iptables.
                "XTABLES_LIBDIR": iptables_extensions(debian),
            },
        ),
        Process(
            name="kubelet",
            purpose="the node",
            command=[
                f"{go}/kubelet",
                f"--config={config}/kubelet.json",
                f"--kubeconfig={config}/kubelet.kubeconfig",
                "--hostname-override=local",
                f"--node-ip={NODE_ADDRESS}",
                f"--root-dir={state}/kubelet",
                f"--cert-dir={state}/kubelet-pki",
            ],
        ),
        Process(
            name="kube-proxy",
            purpose="Service addresses",
            command=[f"{go}/kube-proxy", f"--config={config}/kube-proxy.json"],
            environment={
                "PATH": f"{debian}/usr/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
                "LD_LIBRARY_PATH": libraries(debian),
            },
        ),
        Process(
            name="network-policy",
            purpose="keeps NetworkPolicies",
            command=[
                f"{go}/network-policy",
                f"--kubeconfig={config}/network-policy.kubeconfig",
                "--node=local",
                f"--pod-cidr={POD_CIDR}",
            ],
            environment={
                "PATH": f"{state}/network-policy",
                "LD_LIBRARY_PATH": libraries(debian),
                "XTABLES_LIBDIR": iptables_extensions(debian),
            },
        ),
        Process(
            name="coredns",
            purpose="cluster DNS",
            command=[f"{go}/coredns", "-conf", f"{config}/Corefile"],
        ),
    ]


def _istio(programs: Programs, state: Path) -> list[Process]:
    return [
        _istiod(programs.go, state),
        _gateway(programs, state / "gateway"),
        Process(
            name="forwarder",
            purpose="the gateway's ports on this machine's loopback",
            command=[
                "/usr/bin/nsenter",
                "--net=/run/netns/host",
                "--",
                str(programs.envoy),
                "--config-path",
                f"{state}/config/forwarder.json",
                "--log-level",
                "warning",
                "--base-id",
                "1",
                "--concurrency",
                "1",
            ],
        ),
    ]


def _istiod(go: Path, state: Path) -> Process:
    return Process(
        name="istiod",
        purpose="Istio's control plane",
        folder=state / "istiod",
        command=[
            f"{go}/pilot-discovery",
            "discovery",
            f"--kubeconfig={state}/config/istiod.kubeconfig",
            f"--meshConfig={state}/config/mesh.json",
            "--httpAddr=localhost:15019",  # its default is the gateway's port
            "--shutdownDuration=1s",
        ],
        environment={
            "POD_NAMESPACE": "istio-system",
            "POD_NAME": "istiod",
            "ISTIOD_CUSTOM_HOST": "localhost",
            # Filters that only Istio's own Envoy has; the upstream one would reject its clusters.
            "PILOT_ENABLE_METADATA_EXCHANGE": "false",
            "PILOT_ENABLE_ALPN_FILTER": "false",
            "INJECTION_WEBHOOK_CONFIG_NAME": "",
            "VALIDATION_WEBHOOK_CONFIG_NAME": "",
            "ENABLE_LEADER_ELECTION": "false",
            # As components/addons.py has them where the base stack installs Istio.
            "SHARED_MESH_CONFIG": "branch-environments-mesh",
            "PILOT_ENABLE_MULTIPLE_CUSTOM_AUTHZ_PROVIDERS": "true",
        },
    )


def _gateway(programs: Programs, folder: Path) -> Process:
    return Process(
        name="istio-gateway",
        purpose=f"Istio's ingress gateway, ports {GATEWAY_PORT} and {GATEWAY_HTTPS_PORT}",
        folder=folder,
        command=[
            f"{programs.go}/pilot-agent",
            "proxy",
            "router",
            "--domain=istio-system.svc.cluster.local",
            "--proxyLogLevel=warning",
            f"--templateFile={programs.istio}/envoy_bootstrap.json",
        ],
        environment={
            "PROXY_CONFIG": f'{{"discoveryAddress":"localhost:15012","binaryPath":"{programs.envoy}",'
            f'"configPath":"{folder}/proxy",'
            # Requests by Service: the upstream Envoy has no filter for `istio_requests_total`.
            '"proxyStatsMatcher":{"inclusionSuffixes":["upstream_rq_total"]}}',
            "ISTIO_META_UNPRIVILEGED_POD": "true",
            # istiod's own name for its cluster: without it a gateway is given no TLS certificate.
            "ISTIO_META_CLUSTER_ID": "Kubernetes",
            "ISTIO_METAJSON_LABELS": '{"istio":"ingressgateway","app":"istio-ingressgateway"}',
            "POD_NAME": "istio-ingressgateway",
            "POD_NAMESPACE": "istio-system",
            "INSTANCE_IP": NODE_ADDRESS,
            "SERVICE_ACCOUNT": "istio-ingressgateway",
        },
    )


def supervisor_configuration(processes: list[Process], state: Path, logs: Path) -> str:
    """Supervisord's configuration: restart what dies, log to files, answer on a Unix socket."""
    sections = [
        f"""\
[supervisord]
logfile = {logs}/supervisord.log
logfile_maxbytes = 10MB
logfile_backups = 1
pidfile = {state}/supervisord.pid
childlogdir = {logs}
user = root

[unix_http_server]
file = {SUPERVISOR_SOCKET}
chmod = 0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""
    ]
    for process in processes:
        environment = ",".join(f"{key}='{value}'" for key, value in sorted(process.environment.items()))
        sections.append(
            f"""\
[program:{process.name}]
command = {" ".join(process.command)}
directory = {process.folder or state}
environment = {environment}
autostart = {str(process.at_start).lower()}
autorestart = true
startsecs = 1
startretries = 20
stopasgroup = true
killasgroup = true
stopwaitsecs = 3
redirect_stderr = true
stdout_logfile = {logs}/{process.name}.log
stdout_logfile_maxbytes = 20MB
stdout_logfile_backups = 1
""".replace("%", "%%")
        )
    return "\n".join(sections)


def kubeconfigs() -> list[str]:
    """The clients that need a kubeconfig file of their own in the configuration folder."""
    others = ("admin", "apiserver-kubelet-client", pki.FRONT_PROXY)
    return [client.file for client in pki.CLIENTS if client.file not in others]


def libraries(debian: Path) -> str:
    """Where programs of unpacked Debian packages find their shared libraries."""
    return ":".join(str(folder) for folder in sorted(debian.glob("usr/lib/*-linux-gnu")))


def iptables_extensions(debian: Path) -> str:
    """Where iptables of an unpacked Debian package finds its matches and targets."""
    return ":".join(str(folder) for folder in sorted(debian.glob("usr/lib/*-linux-gnu/xtables")))
